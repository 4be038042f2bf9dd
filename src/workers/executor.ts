/**
 * Where jobs run: in this thread, or on a Piscina pool. The pipeline does not know which (DESIGN.md, decision 5).
 * Closing drains: Piscina's own close() can lose queued work, so the set of jobs in flight is kept here (decision 3).
 */

import { availableParallelism } from "node:os";
import { QkdError } from "../errors.js";
import { WasmInstance } from "../kernels/wasm.js";
import { BufferPool } from "./buffers.js";
import type { JobAnswer, JobCall } from "./job.js";
import type { JobInput, JobName, JobOutput } from "./jobs.js";
import { runJob } from "./run.js";
import { closing, Threads } from "./threads.js";

export interface RunOptions {
  /** Buffers of the input that move to the worker (not copied, unusable here afterwards). */
  readonly transfer?: readonly ArrayBuffer[];
  readonly signal?: AbortSignal;
  /** Jobs of one lane run in one and the same thread, in order, and find there what earlier ones left. */
  readonly lane?: number;
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

  protected abstract submit(call: JobCall, transfer: readonly ArrayBuffer[], lane?: number): Promise<JobAnswer>;
  protected abstract end(): Promise<void>;

  run<N extends JobName>(name: N, input: JobInput<N>, options: RunOptions = {}): Promise<JobOutput<N>> {
    const job = this.start(name, input, options);
    this.inFlight.add(job);
    const forget = () => this.inFlight.delete(job);
    job.then(forget, forget);
    return job as Promise<JobOutput<N>>;
  }

  private async start(name: string, input: unknown, { transfer = [], signal, lane }: RunOptions): Promise<unknown> {
    if (this.closing || signal?.aborted) {
      // Given away all the same: nobody else can zeroise them.
      for (const buffer of transfer) new Uint8Array(buffer).fill(0);
      throw this.closing ? new QkdError("ENGINE_CLOSED", "The engine is closed.") : cancelled();
    }
    const answer = await this.submit({ name, input, ...(signal ? { cancel: flagOf(signal) } : {}) }, transfer, lane);
    if (!answer.ok) throw new QkdError(answer.error.code, answer.error.message, answer.error.details);
    for (const buffer of answer.recycle) this.buffers.give(buffer);
    if (signal?.aborted) {
      wipe(answer.output);
      throw cancelled();
    }
    return answer.output;
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
    runJob(this.wasm, closing);
  }
}

export class PoolExecutor extends TrackedExecutor {
  override readonly workers: number;
  private readonly pool: Threads;
  /**
   * Threads for lanes, made when first used: Piscina gives a job to any of its threads, so each lane has a pool of one.
   * They are not the pool's: a step of a hundred that wait for each other must not wait for a decoder's whole job too.
   */
  private readonly pinned: Threads[] = [];

  constructor(workers: number | "auto" = "auto") {
    super();
    this.workers = workers === "auto" ? availableParallelism() : workers;
    this.pool = new Threads(this.workers);
  }

  /** Threads start while other work goes on; who measures waits for them. @throws QkdError ENGINE_WORKER_FAILED */
  ready(): Promise<void> {
    return this.pool.ready();
  }

  protected override async submit(call: JobCall, transfer: readonly ArrayBuffer[], lane?: number): Promise<JobAnswer> {
    if (lane === undefined) return this.pool.run(call, transfer);
    const thread = lane % this.workers;
    this.pinned[thread] ??= new Threads(1);
    return this.pinned[thread].run(call, transfer);
  }

  protected override async end(): Promise<void> {
    await Promise.all([this.pool, ...this.pinned.filter((thread) => thread !== undefined)].map((one) => one.end()));
  }
}

const flags = new WeakMap<AbortSignal, Int32Array>();

/** What jobs poll: one a signal, since a job may be as short as a step of Cascade. */
function flagOf(signal: AbortSignal): Int32Array {
  const known = flags.get(signal);
  if (known) return known;
  const flag = new Int32Array(new SharedArrayBuffer(4));
  flags.set(signal, flag);
  signal.addEventListener("abort", () => Atomics.store(flag, 0, 1), { once: true });
  return flag;
}

/** A result that nobody takes. */
function wipe(output: unknown): void {
  if (ArrayBuffer.isView(output)) new Uint8Array(output.buffer, output.byteOffset, output.byteLength).fill(0);
  else if (typeof output === "object" && output !== null) for (const part of Object.values(output)) wipe(part);
}

function cancelled(): QkdError {
  return new QkdError("ENGINE_CANCELLED", "The job was cancelled.");
}
