/** Pool and kernels behind one object (CONTRACT.md, "Library"). */
import type { BitString } from "./bits.js";
import { type DistillOptions, distill } from "./distill.js";
import type { DistillReport } from "./report/distill-report.js";
import { selfTest } from "./security/self-test.js";
import { type PartyOptions, type PartyReport, runParty } from "./session/party-run.js";
import { type PairOptions, type ReconcileResult, reconcilePair } from "./stages/reconcile/pair.js";
import { PoolExecutor } from "./workers/executor.js";
import { type ToeplitzOptions, toeplitz } from "./workers/toeplitz.js";

export interface EngineOptions {
  /** Worker threads; `auto` one a core. */
  readonly workers?: number | "auto";
}

export interface Party {
  /** Runs until the dump is distilled and both ends have committed. */
  run(): Promise<PartyReport>;
}

export interface Engine extends AsyncDisposable {
  /** @throws QkdError KERNEL_SEED_LENGTH, KERNEL_OUTPUT_LENGTH, KERNEL_OUT_OF_MEMORY, ENGINE_* */
  toeplitz(input: BitString, seed: BitString, outputBits: number, options?: ToeplitzOptions): Promise<BitString>;
  reconcile(options: PairOptions): Promise<ReconcileResult>;
  party(options: Omit<PartyOptions, "executor">): Party;
  distill(options: DistillOptions): Promise<DistillReport>;
  /** Waits for jobs in flight, then ends the pool. */
  close(): Promise<void>;
}

/** Owns the worker pool. @throws QkdError KERNEL_SELF_TEST_FAILED */
export async function createEngine({ workers = "auto" }: EngineOptions = {}): Promise<Engine> {
  selfTest();
  const executor = new PoolExecutor(workers);
  await executor.ready();
  return {
    toeplitz: (input, seed, outputBits, options) => toeplitz(executor, input, seed, outputBits, options),
    reconcile: (options) => reconcilePair(executor, options),
    party: (options) => ({ run: () => runParty({ ...options, executor }) }),
    distill: (options) => distill(executor, options),
    close: () => executor.close(),
    [Symbol.asyncDispose]: () => executor.close(),
  };
}
