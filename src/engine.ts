/** Pool and kernels behind one object (CONTRACT.md, "Library"). */
import type { BitString } from "./bits.js";
import { type DistillOptions, distill } from "./distill.js";
import { QkdError } from "./errors.js";
import { OwnEnd, type PartyOptions } from "./own-end.js";
import type { DistillReport } from "./report/distill-report.js";
import { selfTest } from "./security/self-test.js";
import type { PartyReport } from "./session/party-run.js";
import { type PairOptions, type ReconcileResult, reconcilePair } from "./stages/reconcile/pair.js";
import { PoolExecutor } from "./workers/executor.js";
import { type ToeplitzOptions, toeplitz } from "./workers/toeplitz.js";

const mostWorkers = 256;

export interface EngineOptions {
  /** Worker threads; `auto` one a core. */
  readonly workers?: number | "auto";
}

export interface Party {
  /**
   * Until the data are distilled and both ends have committed. Called again after it has ended, it goes on.
   * @throws QkdError as the run fails: USAGE_INVALID, INTERRUPTED, CHANNEL_*, AUTH_*, DUMP_*, LINK_*, STATE_*, FILE_*
   */
  run(): Promise<PartyReport>;
}

export interface Engine extends AsyncDisposable {
  /** @throws QkdError KERNEL_SEED_LENGTH, KERNEL_OUTPUT_LENGTH, KERNEL_OUT_OF_MEMORY, ENGINE_* */
  toeplitz(input: BitString, seed: BitString, outputBits: number, options?: ToeplitzOptions): Promise<BitString>;
  reconcile(options: PairOptions): Promise<ReconcileResult>;
  /** One end of a link. */
  party(options: PartyOptions): Party;
  distill(options: DistillOptions): Promise<DistillReport>;
  /**
   * Waits for `toeplitz` and `reconcile` calls, then ends the pool. A party or distillation under way ends with
   * ENGINE_CLOSED: stop it by its signal first.
   */
  close(): Promise<void>;
}

/** Owns the worker pool. @throws QkdError USAGE_INVALID, KERNEL_SELF_TEST_FAILED, ENGINE_WORKER_FAILED */
export async function createEngine({ workers = "auto" }: EngineOptions = {}): Promise<Engine> {
  if (workers !== "auto" && !(Number.isInteger(workers) && workers >= 1 && workers <= mostWorkers))
    throw new QkdError("USAGE_INVALID", `workers is "auto" or a whole number from 1 to ${mostWorkers}.`);
  selfTest();
  const executor = new PoolExecutor(workers);
  await executor.ready();
  const calls = new Set<Promise<unknown>>();
  let closed = false;
  const whole = async <T>(call: () => Promise<T>): Promise<T> => {
    if (closed) throw new QkdError("ENGINE_CLOSED", "The engine is closed.");
    const running = call();
    calls.add(running);
    try {
      return await running;
    } finally {
      calls.delete(running);
    }
  };
  const close = async () => {
    closed = true;
    await Promise.allSettled(calls);
    await executor.close();
  };
  return {
    toeplitz: (input, seed, outputBits, options) => whole(() => toeplitz(executor, input, seed, outputBits, options)),
    reconcile: (options) => whole(() => reconcilePair(executor, options)),
    party: ({ sink, onAudit, ...options }) => {
      const end = new OwnEnd(executor, options);
      const outputs = { sink, ...(onAudit ? { onAudit } : {}), close: () => Promise.resolve() };
      return { run: () => end.run(async () => outputs) };
    },
    distill: (options) => distill(executor, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}
