/** Noisy pairs from a seed, and both ends of LDPC reconciliation over a wire that a test listens to. */
import { expect } from "vitest";
import { BitString } from "../../src/bits.js";
import { loopbackPair, type Tap } from "../../src/channel/loopback.js";
import { systemRandom } from "../../src/random.js";
import { LeakLedger } from "../../src/security/ledger.js";
import { ldpcReconciler } from "../../src/stages/reconcile/ldpc.js";
import type { ReconcileOptions } from "../../src/stages/reconcile/types.js";
import { InlineExecutor } from "../../src/workers/executor.js";

export const executor = new InlineExecutor();

export function noisyPair(bits: number, qber: number, seed: number) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const [a, b] = [BitString.zeros(bits), BitString.zeros(bits)];
  let errors = 0;
  for (let i = 0; i < bits; i++) {
    const bit = uniform() < 0.5 ? 1 : 0;
    const wrong = uniform() < qber ? 1 : 0;
    errors += wrong;
    a.bytes[i >>> 3]! |= bit << (i & 7);
    b.bytes[i >>> 3]! |= (bit ^ wrong) << (i & 7);
  }
  return { a, b, errors };
}

export function contextOf(channel: ReturnType<typeof loopbackPair>["alice"], ledger = new LeakLedger()) {
  return { channel, executor, ledger, random: systemRandom };
}

export const usual: ReconcileOptions = { qber: 0.03, mode: "auto", accounting: "pattern-public" };

export async function reconcile(a: BitString, b: BitString, options: Partial<ReconcileOptions>, tap?: Tap) {
  const { alice, bob } = loopbackPair(tap);
  const ledgers = [new LeakLedger(), new LeakLedger()] as const;
  const all = { ...usual, ...options };
  const [atAlice, atBob] = await Promise.all([
    ldpcReconciler.asAlice(contextOf(alice, ledgers[0]), a, all),
    ldpcReconciler.asBob(contextOf(bob, ledgers[1]), b, all),
  ]);
  expect(ledgers[0].entries).toEqual(ledgers[1].entries);
  for (const count of ["frames", "framesFailed", "rounds"] as const) expect(atBob[count]).toBe(atAlice[count]);
  return { atAlice, atBob, leaked: ledgers[0].total };
}

export const entropy = (q: number) => (q <= 0 || q >= 1 ? 0 : -q * Math.log2(q) - (1 - q) * Math.log2(1 - q));
