/** Both ends of LDPC reconciliation over a wire that a test listens to. */
import { expect } from "vitest";
import type { BitString } from "../../src/bits.js";
import { loopbackPair, type Tap } from "../../src/channel/loopback.js";
import { systemRandom } from "../../src/random.js";
import { LeakLedger } from "../../src/security/ledger.js";
import { ldpcReconciler } from "../../src/stages/reconcile/ldpc.js";
import type { ReconcileOptions } from "../../src/stages/reconcile/types.js";
import { InlineExecutor } from "../../src/workers/executor.js";

export const executor = new InlineExecutor();

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
