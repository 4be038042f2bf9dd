import { createHash } from "node:crypto";
import type { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import type { BitString } from "../../src/bits.js";
import { loopbackPair } from "../../src/channel/loopback.js";
import { systemRandom } from "../../src/random.js";
import { LeakLedger } from "../../src/security/ledger.js";
import { cascadeReconciler } from "../../src/stages/reconcile/cascade.js";
import { largestLevel } from "../../src/stages/reconcile/cascade-frames.js";
import { reconcilePair } from "../../src/stages/reconcile/pair.js";
import type { ReconcileOptions } from "../../src/stages/reconcile/types.js";
import { type Executor, InlineExecutor, PoolExecutor } from "../../src/workers/executor.js";
import type { JobInput } from "../../src/workers/jobs.js";
import { entropy, noisyPair } from "./noisy-pair.js";

const inline = new InlineExecutor();
const pool = new PoolExecutor(2);
afterAll(() => pool.close());

async function reconcile(
  a: BitString,
  b: BitString,
  options: Partial<ReconcileOptions>,
  twist?: (body: object) => void,
  { executor = inline as Executor, random = systemRandom } = {},
) {
  const { alice, bob } = loopbackPair((from, type, body) => {
    if (from === "alice" && type === "cascade-answer") twist?.(body);
  });
  const ledgers = [new LeakLedger(), new LeakLedger()] as const;
  const all: ReconcileOptions = { qber: 0.02, mode: "auto", accounting: "pattern-public", ...options };
  const context = (channel: typeof alice, ledger: LeakLedger) => ({ channel, executor, ledger, random });
  const [atAlice, atBob] = await Promise.all([
    cascadeReconciler.asAlice(context(alice, ledgers[0]), a, all),
    cascadeReconciler.asBob(context(bob, ledgers[1]), b, all),
  ]);
  expect(ledgers[0].entries).toEqual(ledgers[1].entries);
  return { atAlice, atBob, leaked: ledgers[1].total, entries: ledgers[1].entries };
}

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
    const { a, b, errors } = noisyPair(130 * 2 ** 18, 0.01, 17);
    const { atBob } = await reconcile(a, b, { qber: 0.01 });
    expect(atBob.choice).toMatchObject({ lanes: 2, framesInFlight: 128 });
    expect(atBob.errors).toBe(errors);
    expect(Buffer.compare(atBob.word.bytes, a.bytes)).toBe(0);
  });

  it.each([
    [256, 2.4],
    [512, 1.75],
    [1024, 1.45],
    [4096, 1.2],
    [8192, 1.15],
  ])("closes frames of %d bits by their tags, at f of at most %d", async (bits, limit) => {
    let [shown, cost, shannon] = [0, 0, 0];
    for (let seed = 1; seed <= 100; seed++) {
      const { a, b } = noisyPair(bits, 0.05, 1000 * bits + seed);
      const random = (bytes: number) => new Uint8Array(bytes).map((_, i) => 31 * seed + 7 * i);
      const { atBob, leaked } = await reconcile(a, b, { qber: 0.05 }, undefined, { executor: inline, random });
      expect(atBob.word.bytes).toEqual(a.bytes);
      shown += atBob.framesFailed;
      cost += leaked;
      shannon += bits * entropy(0.05);
    }
    expect(shown).toBe(0);
    expect(cost / shannon).toBeLessThan(limit);
  });

  it("levels are what they were in large frames, and in small ones leave five blocks at least, or words", () => {
    for (let words = 1; words <= 2 ** 13; words++) {
      const level = largestLevel(64 * words);
      const before = Math.min(13, Math.log2((64 * words) & (-64 * words)));
      const enough = level === 6 || (64 * words) / 2 ** level >= 5;
      if (words >= 1024 || (64 * words) / 2 ** before >= 5) expect(level, `${words} words`).toBe(before);
      else expect(level <= before && enough, `${words} words`).toBe(true);
    }
  });

  it.each([
    [7, 0.03],
    [100, 0.03],
    [1000, 0.5],
    [4097, 0.5],
    [2 ** 16, 0.5],
  ])("a block of %d bits that is shown costs what is shown, not its padding", async (bits, qber) => {
    const { a, b, errors } = noisyPair(bits, qber, bits + 1);
    const whole = Math.min(bits, 2 ** 16);
    const told: number[] = [];
    const { atBob, entries } = await reconcile(a, b, { qber: 0.03 }, (body) => {
      told.push((body as { bits: Uint8Array }).bits.length);
    });
    expect(atBob).toMatchObject({ framesFailed: 1, errors });
    expect(atBob.word.bytes).toEqual(a.bytes);
    expect(told.at(-1)).toBe(Math.ceil(whole / 8));
    expect(entries.find(({ reason }) => reason === "revealed-frame")?.bits).toBe(whole);
    const { leak, bob } = await reconcilePair(inline, { alice: a, bob: b, qber: 0.03, method: "cascade" });
    expect(bob.bytes).toEqual(a.bytes);
    expect(leak["revealed-frame"]).toBe(whole);
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

  it("says the same in the threads of a pool, several blocks at once", async () => {
    const said = async (executor: Executor) => {
      const digests = [31, 32, 33].map(async (seed) => {
        const { a, b } = noisyPair(9 * 2 ** 18, 0.02, seed);
        const digest = createHash("sha256");
        const kept = a.bytes.slice();
        const { atBob, leaked } = await reconcile(
          a,
          b,
          { roundTripSeconds: 1 },
          (body) => {
            const { bits } = body as { bits: Uint8Array };
            digest.update(bits);
          },
          { executor, random: (bytes) => new Uint8Array(bytes).fill(seed) },
        );
        expect(Buffer.compare(atBob.word.bytes, kept)).toBe(0);
        return `${leaked} ${atBob.rounds} ${digest.digest("hex")}`;
      });
      return Promise.all(digests);
    };
    expect(await said(pool)).toEqual(await said(inline));
  });

  it("a block ends with an error where the thread that held it is gone, and is forgotten", async () => {
    const gone = new PoolExecutor(1);
    const { a, b } = noisyPair(2 ** 18, 0.02, 41);
    let answers = 0;
    const closed: Promise<void>[] = [];
    const run = reconcile(a, b, {}, () => ++answers === 5 && closed.push(gone.close()), { executor: gone });
    await expect(run).rejects.toMatchObject({ code: "ENGINE_CLOSED" });
    await Promise.all(closed);
    const wave = { block: 1e9, wave: 0 };
    const step = pool.run("cascadeTake", { ...wave, answer: { bits: new Uint8Array(), tagKey: new Uint8Array(8) } });
    await expect(step).rejects.toMatchObject({ code: "ENGINE_WORKER_FAILED" });
  });

  it("a block ends with an error where its thread dies in the middle, and the executor still closes", async () => {
    const threads: Worker[] = [];
    const note = (thread: Worker) => threads.push(thread);
    process.on("worker", note);
    const mortal = new PoolExecutor(1);
    // A thread that is ended while it loads its module ends the process (Node 20).
    await mortal.ready();
    try {
      const { a, b } = noisyPair(2 ** 18, 0.02, 43);
      let answers = 0;
      const kill = () => ++answers === 5 && threads.forEach((thread) => void thread.terminate());
      const run = reconcile(a, b, {}, kill, { executor: mortal });
      await expect(run).rejects.toMatchObject({ code: "ENGINE_WORKER_FAILED" });
    } finally {
      process.off("worker", note);
      await mortal.close();
    }
  });
});

describe("Cascade with both ends in one process", () => {
  it.each([
    [0, 0.03],
    [1, 0.03],
    [191, 0.03],
    [1000, 0.05],
    [2 ** 16 - 8193, 0.02],
    [2 ** 16 - 1, 0.02],
    [5 * 2 ** 18 + 77, 0.01],
    [2 ** 19, 0.11],
  ])("%d bits at QBER %d: Alice's word, and both ledgers agree", async (bits, qber) => {
    const { a, b, errors } = noisyPair(bits, qber, bits + 3);
    for (const executor of [inline, pool]) {
      const result = await reconcilePair(executor, { alice: a, bob: b, qber, method: "cascade" });
      expect(result).toMatchObject({ reconciled: true, errors });
      expect(result.bob.bytes).toEqual(a.bytes);
      expect(Object.values(result.leak).reduce((sum, one) => sum + one, 0)).toBe(result.leakedBits);
    }
  });

  it("an error rate that is five times the expected one still ends", async () => {
    const { a, b } = noisyPair(2 ** 18, 0.1, 5);
    const result = await reconcilePair(pool, { alice: a, bob: b, qber: 0.02, method: "cascade" });
    expect(result.reconciled).toBe(true);
    expect(result.bob.bytes).toEqual(a.bytes);
  });

  it("wipes what both ends shared", async () => {
    const seen: Uint8Array[] = [];
    const executor = new InlineExecutor();
    const run = executor.run.bind(executor);
    executor.run = ((name: "cascadePair", input: JobInput<"cascadePair">) => {
      seen.push(input.alice, input.bob);
      return run(name, input);
    }) as typeof executor.run;
    const { a, b } = noisyPair(2 ** 18, 0.02, 6);
    await reconcilePair(executor, { alice: a, bob: b, qber: 0.02, method: "cascade" });
    expect(seen.length).toBe(2);
    expect(seen.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
  });
});
