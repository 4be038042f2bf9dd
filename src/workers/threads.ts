/** Piscina's threads as the executor uses them, and one thread that jobs of a lane are bound to. */
import { createRequire } from "node:module";
import { Piscina } from "piscina";
import { QkdError } from "../errors.js";
import type { JobAnswer, JobCall } from "./job.js";

export class Threads {
  private readonly pool: Piscina;

  constructor(private readonly count: number) {
    this.pool = new Piscina({
      filename: createRequire(import.meta.url).resolve("#worker"),
      minThreads: count,
      maxThreads: count,
      idleTimeout: Number.POSITIVE_INFINITY,
      // One is at hand when a thread ends another: it does not wait for this one to come round.
      concurrentTasksPerWorker: 2,
    });
  }

  /** One thread does all of them, one after the other. @throws QkdError ENGINE_WORKER_FAILED */
  async run(calls: readonly JobCall[], transfer: readonly ArrayBuffer[]): Promise<JobAnswer[]> {
    try {
      return (await this.pool.run(calls, { transferList: [...transfer] })) as JobAnswer[];
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new QkdError("ENGINE_WORKER_FAILED", `A worker failed: ${why}`, {}, { cause });
    }
  }

  /** Once every thread has answered. @throws QkdError ENGINE_WORKER_FAILED */
  async ready(): Promise<void> {
    await Promise.all(Array.from({ length: this.count }, () => this.run([closing], [])));
  }

  async end(): Promise<void> {
    // A worker terminated while it loads its module can abort the whole process (Node 20).
    await Promise.allSettled([this.ready()]);
    await this.pool.destroy();
  }
}

interface Waiting {
  readonly call: JobCall;
  readonly transfer: readonly ArrayBuffer[];
  resolve(answer: JobAnswer): void;
  reject(error: unknown): void;
}

/** What comes while the thread computes goes to it together: a trip costs more than a small job. */
export class PinnedThread {
  private readonly threads = new Threads(1);
  private waiting: Waiting[] = [];
  private busy = false;

  run(call: JobCall, transfer: readonly ArrayBuffer[]): Promise<JobAnswer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ call, transfer, resolve, reject });
      if (this.busy) return;
      this.busy = true;
      setImmediate(() => void this.work());
    });
  }

  end(): Promise<void> {
    return this.threads.end();
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      const jobs = this.waiting;
      this.waiting = [];
      try {
        const calls = jobs.map(({ call }) => call);
        const answers = await this.threads.run(
          calls,
          jobs.flatMap(({ transfer }) => transfer),
        );
        for (const [i, { resolve }] of jobs.entries()) resolve(answers[i]!);
      } catch (error) {
        for (const { reject } of jobs) reject(error);
      }
      // Those who got an answer may have more to do at once.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.busy = false;
  }
}

/** What a thread does last: it wipes what is left in it. */
export const closing: JobCall = { name: "cascadeClose", input: {} };
