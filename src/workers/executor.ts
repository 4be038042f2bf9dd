/**
 * Where jobs run: in this thread, or on a Piscina pool. The pipeline does not know which (DESIGN.md, decision 5).
 * Closing drains: Piscina's own close() can lose queued work, so the set of jobs in flight is kept here (decision 3).
 */

import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { QkdError } from "../errors.js";
import { WasmInstance } from "../kernels/wasm.js";
import { BufferPool } from "./buffers.js";
import type { JobAnswer, JobCall } from "./job.js";
import type { JobInput, JobName, JobOutput } from "./jobs.js";
import { runJob } from "./run.js";

export interface RunOptions {
  /** Buffers of the input that move to the worker (not copied, unusable here afterwards). */
  readonly transfer?: readonly ArrayBuffer[];
  readonly signal?: AbortSignal;
}

export interface Executor {
  /** How many jobs can run at once. */
  readonly workers: number;
  /** Jobs given and not yet done. */
  readonly running: number;
  /** Recycled buffers for inputs: what jobs hand back lands here. */
  readonly buffers: BufferPool;
  /** @throws QkdError as the job threw it, ENGINE_CLOSED, ENGINE_CANCELLED, ENGINE_WORKER_FAILED */
  run<N extends JobName>(name: N, input: JobInput<N>, options?: RunOptions): Promise<JobOutput<N>>;
  /** Waits for the jobs in flight, then ends. */
  close(): Promise<void>;
}

abstract class TrackedExecutor implements Executor {
  abstract readonly workers: number;
  readonly buffers = new BufferPool();
  private readonly inFlight = new Set<Promise<unknown>>();
  private closing: Promise<void> | undefined;

  get running(): number {
    return this.inFlight.size;
  }

  protected abstract submit(call: JobCall, transfer: readonly ArrayBuffer[]): Promise<JobAnswer>;
  protected abstract end(): Promise<void>;

  run<N extends JobName>(name: N, input: JobInput<N>, options: RunOptions = {}): Promise<JobOutput<N>> {
    const job = this.start(name, input, options);
    this.inFlight.add(job);
    const forget = () => this.inFlight.delete(job);
    job.then(forget, forget);
    return job as Promise<JobOutput<N>>;
  }

  private async start(name: string, input: unknown, { transfer = [], signal }: RunOptions): Promise<unknown> {
    if (this.closing) throw new QkdError("ENGINE_CLOSED", "The engine is closed.");
    const cancel = new Int32Array(new SharedArrayBuffer(4));
    const stop = () => Atomics.store(cancel, 0, 1);
    if (signal?.aborted) throw cancelled();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const answer = await this.submit({ name, input, cancel }, transfer);
      if (!answer.ok) throw new QkdError(answer.error.code, answer.error.message, answer.error.details);
      for (const buffer of answer.recycle) this.buffers.give(buffer);
      if (signal?.aborted) throw cancelled();
      return answer.output;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  close(): Promise<void> {
    this.closing ??= (async () => {
      await Promise.allSettled([...this.inFlight]);
      this.buffers.clear();
      await this.end();
    })();
    return this.closing;
  }
}

/** Jobs one after the other in this thread. */
export class InlineExecutor extends TrackedExecutor {
  override readonly workers = 1;
  private readonly wasm = new WasmInstance();

  protected override async submit(call: JobCall): Promise<JobAnswer> {
    return runJob(this.wasm, call).answer;
  }
  protected override async end(): Promise<void> {
    return Promise.resolve();
  }
}

export class PoolExecutor extends TrackedExecutor {
  override readonly workers: number;
  private readonly pool: Piscina;

  constructor(workers: number | "auto" = "auto") {
    super();
    this.workers = workers === "auto" ? availableParallelism() : workers;
    this.pool = new Piscina({
      filename: createRequire(import.meta.url).resolve("#worker"),
      minThreads: this.workers,
      maxThreads: this.workers,
      idleTimeout: Number.POSITIVE_INFINITY,
      concurrentTasksPerWorker: 1,
    });
  }

  protected override async submit(call: JobCall, transfer: readonly ArrayBuffer[]): Promise<JobAnswer> {
    try {
      return (await this.pool.run(call, { transferList: [...transfer] })) as JobAnswer;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new QkdError("ENGINE_WORKER_FAILED", `A worker failed: ${why}`, {}, { cause });
    }
  }

  protected override async end(): Promise<void> {
    // A worker terminated while it loads its module can abort the whole process (Node 20): each answers once before.
    const cancel = new Int32Array(new SharedArrayBuffer(4));
    const answers = Array.from({ length: this.workers }, () => this.pool.run({ name: "", input: {}, cancel }));
    await Promise.allSettled(answers);
    await this.pool.destroy();
  }
}

function cancelled(): QkdError {
  return new QkdError("ENGINE_CANCELLED", "The job was cancelled.");
}
