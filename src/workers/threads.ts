/** Piscina's threads as the executor uses them. */
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

  /** @throws QkdError ENGINE_WORKER_FAILED */
  async run(call: JobCall, transfer: readonly ArrayBuffer[]): Promise<JobAnswer> {
    try {
      return (await this.pool.run(call, { transferList: [...transfer] })) as JobAnswer;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new QkdError("ENGINE_WORKER_FAILED", `A worker failed: ${why}`, {}, { cause });
    }
  }

  /** Once every thread has answered. @throws QkdError ENGINE_WORKER_FAILED */
  async ready(): Promise<void> {
    await Promise.all(Array.from({ length: this.count }, () => this.run(closing, [])));
  }

  async end(): Promise<void> {
    // A worker terminated while it loads its module can abort the whole process (Node 20).
    await Promise.allSettled([this.ready()]);
    await this.pool.destroy();
  }
}

/** What a thread does last: it wipes what is left in it. */
export const closing: JobCall = { name: "cascadeClose", input: {} };
