import { describe, expect, it } from "vitest";
import { BitString } from "../../src/bits.js";
import { loopbackPair } from "../../src/channel/loopback.js";
import { systemRandom } from "../../src/random.js";
import { LeakLedger } from "../../src/security/ledger.js";
import { cascadeReconciler } from "../../src/stages/reconcile/cascade.js";
import type { ReconcileOptions } from "../../src/stages/reconcile/types.js";
import { InlineExecutor } from "../../src/workers/executor.js";

const executor = new InlineExecutor();

function noisyPair(bits: number, qber: number, seed: number) {
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

async function reconcile(
  a: BitString,
  b: BitString,
  options: Partial<ReconcileOptions>,
  twist?: (body: object) => void,
) {
  const { alice, bob } = loopbackPair((from, type, body) => {
    if (from === "alice" && type === "cascade-answer") twist?.(body);
  });
  const ledgers = [new LeakLedger(), new LeakLedger()] as const;
  const all: ReconcileOptions = { qber: 0.02, mode: "auto", accounting: "pattern-public", ...options };
  const context = (channel: typeof alice, ledger: LeakLedger) => ({ channel, executor, ledger, random: systemRandom });
  const [atAlice, atBob] = await Promise.all([
    cascadeReconciler.asAlice(context(alice, ledgers[0]), a, all),
    cascadeReconciler.asBob(context(bob, ledgers[1]), b, all),
  ]);
  expect(ledgers[0].entries).toEqual(ledgers[1].entries);
  return { atAlice, atBob, leaked: ledgers[1].total };
}

const entropy = (q: number) => -q * Math.log2(q) - (1 - q) * Math.log2(1 - q);

describe("Cascade", () => {
  it.each([
    [0.01, 1.06],
    [0.03, 1.06],
    [0.08, 1.085],
  ])("reconciles at QBER %d with efficiency at most %d", async (qber, limit) => {
    const { a, b, errors } = noisyPair(2 * 2 ** 18, qber, 11);
    const { atBob, leaked } = await reconcile(a, b, { qber });
    expect(atBob.word.bytes).toEqual(a.bytes);
    expect(atBob.errors).toBe(errors);
    expect(atBob.framesFailed).toBe(0);
    expect(leaked / (a.length * entropy(errors / a.length))).toBeLessThan(limit);
  });

  it.each([0, 1, 7, 191, 193, 1000, 65537, 2 ** 18 + 1])("takes a block of %d bits", async (bits) => {
    const { a, b, errors } = noisyPair(bits, 0.03, bits + 1);
    const { atBob } = await reconcile(a, b, { qber: 0.03 });
    expect(atBob.word.bytes).toEqual(a.bytes);
    expect(atBob.errors).toBe(errors);
  });

  it("has more lanes the longer the round trip, and the same word with any number", async () => {
    const { a, b } = noisyPair(5 * 2 ** 18, 0.02, 13);
    for (const [roundTripSeconds, lanes] of [
      [0, 2],
      [1, 3],
    ]) {
      const { atBob } = await reconcile(a, b, { roundTripSeconds });
      expect(atBob.choice.lanes).toBe(lanes);
      expect(atBob.word.bytes).toEqual(a.bytes);
    }
  });

  it("starts a wave as another ends", async () => {
    const { a, b, errors } = noisyPair(66 * 2 ** 18, 0.01, 17);
    const { atBob } = await reconcile(a, b, { qber: 0.01 });
    expect(atBob.choice).toMatchObject({ lanes: 2, framesInFlight: 64 });
    expect(atBob.errors).toBe(errors);
    expect(Buffer.compare(atBob.word.bytes, a.bytes)).toBe(0);
  });

  it.each([0.01, 0.09])("ends at QBER 0.03 when %d was assumed", async (qber) => {
    const { a, b } = noisyPair(2 ** 16, 0.03, 5);
    expect((await reconcile(a, b, { qber })).atBob.word.bytes).toEqual(a.bytes);
  });

  it("never hands out a word that differs when a third party flips answers", async () => {
    const { a, b } = noisyPair(4096, 0.03, 9);
    let round = 0;
    const { atBob } = await reconcile(a, b, { qber: 0.03 }, (body) => {
      const { bits } = body as { bits: Uint8Array };
      if (bits.length > 0 && bits.length < 400 && ++round < 5) bits[0]! ^= 1;
    });
    expect(atBob.word.bytes).toEqual(a.bytes);
  });

  it("refuses one-way accounting", async () => {
    const { a, b } = noisyPair(64, 0.03, 3);
    await expect(reconcile(a, b, { accounting: "one-way" })).rejects.toMatchObject({
      code: "RECONCILE_ACCOUNTING_UNSUPPORTED",
    });
  });
});
