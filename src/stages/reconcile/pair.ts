/** Both ends of reconciliation in this process, for `reconcile`, the library and benchmarks: two words in, f out. */
import { type BitString, countDifferent } from "../../bits.js";
import { loopbackPair } from "../../channel/loopback.js";
import { QkdError } from "../../errors.js";
import { checkedRandom, type RandomSource, systemRandom } from "../../random.js";
import { entropy, LeakLedger } from "../../security/index.js";
import { countBits } from "../../security/ledger.js";
import { tagsEqual, verificationTag } from "../../security/verification.js";
import type { Executor } from "../../workers/executor.js";
import { bothOf } from "./both.js";
import { reconcilerOf } from "./index.js";
import type { Accounting, ReconciliationMode } from "./types.js";

export interface PairOptions {
  readonly alice: BitString;
  readonly bob: BitString;
  /** Expected share of differing bits; absent: a sample is revealed and counted. */
  readonly qber?: number;
  /**
   * Default `ldpc`. `auto` chooses between LDPC and Cascade under `pattern-public` accounting alone: without `accounting`
   * it is LDPC's one-way, and Cascade is not considered.
   */
  readonly method?: "ldpc" | "cascade" | "auto";
  /** Of LDPC; default `auto`. */
  readonly mode?: ReconciliationMode;
  /** Default `pattern-public` for the method `cascade`, which needs it, `one-way` for any other. */
  readonly accounting?: Accounting;
  /** Must return as many bytes as it is asked for. */
  readonly random?: RandomSource;
}

/** The fields of `qkd-distill reconcile --json`, and both ends' reconciled words. */
export interface ReconcileResult {
  readonly bits: number;
  readonly errors: number;
  readonly qber: number;
  readonly leakedBits: number;
  /** leakedBits / (bits · h(errors / bits)); 0 where there are no errors. */
  readonly efficiency: number;
  readonly frames: number;
  readonly framesFailed: number;
  readonly rounds: number;
  readonly accounting: Accounting;
  readonly mbitPerSecond: number;
  readonly reconciled: boolean;
  readonly leak: Readonly<Record<string, number>>;
  readonly choice: Readonly<Record<string, unknown>>;
  readonly alice: BitString;
  readonly bob: BitString;
}

const choices = {
  method: ["ldpc", "cascade", "auto"],
  mode: ["auto", "throughput", "efficiency"],
  accounting: ["pattern-public", "one-way"],
} as const satisfies { [name in "method" | "mode" | "accounting"]: readonly NonNullable<PairOptions[name]>[] };

const tagBits = 128;
const largestSample = 2000;

/** @throws QkdError USAGE_INVALID for words of different lengths or an option out of range, RECONCILE_*, ENGINE_* */
export async function reconcilePair(executor: Executor, options: PairOptions): Promise<ReconcileResult> {
  const { alice, bob, method = "ldpc", mode = "auto" } = options;
  const random = checkedRandom(options.random ?? systemRandom);
  const accounting = options.accounting ?? (method === "cascade" ? "pattern-public" : "one-way");
  for (const [name, value] of Object.entries({ method, mode, accounting })) {
    const known: readonly string[] = choices[name as keyof typeof choices];
    if (!known.includes(value))
      throw new QkdError("USAGE_INVALID", `${name}: ${String(value)} is none of ${known.join(", ")}.`);
  }
  if (alice.length !== bob.length)
    throw new QkdError(
      "USAGE_INVALID",
      `The two keys have ${alice.length} and ${bob.length} bits; they must be equally long.`,
    );
  const ledgers = { alice: new LeakLedger(), bob: new LeakLedger() };
  const qber = options.qber ?? sampledQber(alice, bob, ledgers);
  if (!(qber >= 0 && qber <= 0.5)) throw new QkdError("USAGE_INVALID", `A QBER of ${qber} is not in 0 … 0.5.`);
  const began = performance.now();
  const channel = loopbackPair();
  const reconciler = reconcilerOf({ reconciliation: { method, mode, accounting } });
  const shared = { qber: Math.min(0.25, Math.max(0.001, qber)), mode, accounting, roundTripSeconds: 0 };
  const end = (role: "alice" | "bob") => ({ channel: channel[role], executor, ledger: ledgers[role], random });
  const contexts = { alice: end("alice"), bob: end("bob") };
  const reconciling = bothOf(reconciler)(contexts, { alice, bob }, shared);
  // What the result tells of the words as they came is computed here while the workers compute.
  reconciling.catch(() => undefined);
  const key = random(tagBits / 8);
  const tag = verificationTag(key, alice);
  const { alice: atAlice, bob: atBob } = await reconciling;
  const same = tagsEqual(tag, verificationTag(key, atBob.word));
  const seconds = (performance.now() - began) / 1000;
  if (ledgers.alice.total !== ledgers.bob.total)
    throw new QkdError("INTERNAL_ERROR", "The two ends' leak ledgers differ.", {
      alice: ledgers.alice.total,
      bob: ledgers.bob.total,
    });
  const errors = (same ? atBob.errors : undefined) ?? countDifferent(alice.bytes, bob.bytes);
  const leakedBits = ledgers.alice.total + tagBits;
  const shannon = alice.length * entropy(errors / Math.max(1, alice.length));
  const leak = Object.fromEntries(ledgers.alice.entries.map(({ reason, bits }) => [reason, bits]));
  return {
    bits: alice.length,
    errors,
    qber: alice.length > 0 ? errors / alice.length : 0,
    leakedBits,
    efficiency: shannon > 0 ? leakedBits / shannon : 0,
    frames: atBob.frames,
    framesFailed: atBob.framesFailed,
    rounds: atBob.rounds,
    accounting,
    mbitPerSecond: alice.length / seconds / 1e6,
    reconciled: same && atAlice.ok && atBob.ok,
    leak: { ...leak, "verification-tag": tagBits },
    choice: atBob.choice,
    alice: atAlice.word,
    bob: atBob.word,
  };
}

/** Every so-manieth bit is compared; both ends count it, and how many differ. */
function sampledQber(alice: BitString, bob: BitString, ledgers: { alice: LeakLedger; bob: LeakLedger }): number {
  const size = Math.min(largestSample, Math.ceil(alice.length / 20));
  if (size === 0) return 0;
  let wrong = 0;
  for (let i = 0; i < size; i++) {
    const at = Math.floor((i * alice.length) / size);
    wrong += alice.get(at) ^ bob.get(at);
  }
  for (const ledger of [ledgers.alice, ledgers.bob]) ledger.add("sampled-bits", size + countBits(size));
  return Math.min(0.5, (wrong + Math.sqrt(wrong) + 0.5) / size);
}
