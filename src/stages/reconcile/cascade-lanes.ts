/**
 * A block's waves in the threads of an executor, and the order in which they speak. Waves of a block compute side by
 * side; each speaks in the turn in which it heard, so that both ends know which wave a message is of.
 */
import type { z } from "zod";
import { QkdError } from "../../errors.js";
import type { JobInput, JobName, JobOutput } from "../../workers/jobs.js";
import type { Pace, Side } from "./cascade-block.js";
import type { Answer, Ask } from "./cascade-messages.js";
import type { ReconcileContext } from "./types.js";

let blocks = 0;

/** The next block's waves start in another thread. */
export class BlockLanes {
  private readonly block = blocks++;
  private readonly used = new Set<number>();
  private ended = false;

  /** @param seed of the public orders, 4 words */
  constructor(
    private readonly context: ReconcileContext,
    private readonly side: Side,
    private readonly seed: Uint32Array,
    private readonly pace: Pace,
    private readonly bits: number,
  ) {}

  /** @param words shared with the wave's thread, which zeroises them */
  open(wave: number, words: readonly Uint8Array[]): Promise<{ ask?: Ask }> {
    const { side, seed, pace, bits } = this;
    return this.run("cascadeOpen", wave, { block: this.block, wave, side, seed, pace, bits, words });
  }
  answer(wave: number, ask: Ask, tagKey: Uint8Array): Promise<JobOutput<"cascadeAnswer">> {
    return this.run("cascadeAnswer", wave, { block: this.block, wave, ask, tagKey });
  }
  take(wave: number, answer: Answer): Promise<JobOutput<"cascadeTake">> {
    return this.run("cascadeTake", wave, { block: this.block, wave, answer });
  }
  /** Wipes what threads hold of the block. One that has died holds nothing; a closed executor has wiped it. */
  async close(): Promise<void> {
    this.ended = true;
    const { executor } = this.context;
    const { block } = this;
    await Promise.allSettled([...this.used].map((lane) => executor.run("cascadeClose", { block }, { lane })));
  }

  private run<N extends JobName>(name: N, wave: number, input: JobInput<N>): Promise<JobOutput<N>> {
    const { executor, signal } = this.context;
    if (this.ended || signal?.aborted)
      return Promise.reject(new QkdError("ENGINE_CANCELLED", "Reconciliation was cancelled."));
    const lane = this.block + wave;
    this.used.add(lane);
    return executor.run(name, input, { lane, ...(signal ? { signal } : {}) });
  }
}

/** Messages of one type, each with its turn to speak. */
export class Turns<T> {
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: ReconcileContext,
    private readonly type: string,
    private readonly schema: z.ZodType<T>,
  ) {}

  /** The next message, and what waits until those that were heard before have spoken. */
  hear(): { readonly message: Promise<T>; readonly speak: Turn } {
    const message = this.context.channel.receive(this.type, this.schema);
    // One lane's failure ends the block while others still wait for messages.
    message.catch(() => undefined);
    return { message, speak: this.turn() };
  }

  turn(): Turn {
    const before = this.last;
    let done!: () => void;
    this.last = new Promise((resolve) => {
      done = resolve;
    });
    return async (what) => {
      await before;
      const result = await what();
      done();
      return result;
    };
  }
}

/** Never lets the next one speak where this one failed. */
export type Turn = <R>(what: () => Promise<R>) => Promise<R>;
