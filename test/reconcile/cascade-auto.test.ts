import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { BitString } from "../../src/bits.js";
import { loopbackPair } from "../../src/channel/loopback.js";
import { systemRandom } from "../../src/random.js";
import { LeakLedger } from "../../src/security/ledger.js";
import { type AutoInput, chooseMethod } from "../../src/stages/reconcile/auto.js";
import { autoReconciler } from "../../src/stages/reconcile/auto-reconciler.js";
import { fewTrips } from "../../src/stages/reconcile/cascade-frames.js";
import { blocksInWork, coreSeconds, leastInWork, mostInWork } from "../../src/stages/reconcile/in-work.js";
import { reconcilePair } from "../../src/stages/reconcile/pair.js";
import type { Accounting } from "../../src/stages/reconcile/types.js";
import { InlineExecutor } from "../../src/workers/executor.js";

const input: AutoInput = {
  qber: 0.01,
  accounting: "pattern-public",
  roundTripSeconds: 0.001,
  bits: 128e6,
  yieldPerBit: 0.8,
  candidates: [
    { method: "ldpc", mode: "throughput", efficiency: 1.17, bitsPerSecond: 40e6, roundTrips: 2 },
    { method: "ldpc", mode: "efficiency", efficiency: 1.1, bitsPerSecond: 8e6, roundTrips: 12 },
    { method: "cascade", efficiency: 1.04, bitsPerSecond: 500e6, roundTrips: 116, lanes: 16 },
  ],
};

describe("auto", () => {
  it("takes Cascade on a short round trip and LDPC on a long one", () => {
    expect(chooseMethod(input).method).toBe("cascade");
    expect(chooseMethod({ ...input, roundTripSeconds: 0.1 }).method).toBe("ldpc");
  });
  it("takes LDPC when few bits are in flight", () => {
    expect(chooseMethod({ ...input, roundTripSeconds: 0.01, bits: 16e6 }).method).toBe("ldpc");
  });
  it("takes the tighter LDPC where Cascade is too slow and cores are fast", () => {
    const candidates = input.candidates.map((one) => ({ ...one, bitsPerSecond: one.method === "ldpc" ? 4e6 : 1e6 }));
    const choice = chooseMethod({ ...input, candidates, qber: 0.05 });
    expect(choice).toMatchObject({ method: "ldpc", mode: "efficiency" });
    expect(Object.keys(choice.secretBitsPerSecond).sort()).toEqual(["cascade", "ldpc efficiency", "ldpc throughput"]);
  });
  it("takes what leaves most of each bit where the link is the bottleneck, if it keeps up", () => {
    const roundTripSeconds = 0.02;
    expect(chooseMethod({ ...input, roundTripSeconds, bits: 16e6 }).mode).toBe("throughput");
    const slow = chooseMethod({ ...input, roundTripSeconds, bits: 16e6, sourceSeconds: 60 });
    expect(slow).toMatchObject({ method: "cascade", why: expect.stringContaining("the link is the bottleneck") });
    expect(chooseMethod({ ...input, roundTripSeconds, bits: 16e6, sourceSeconds: 0.01 }).mode).toBe("throughput");
  });
  it("expects of each method the blocks that a session would have in work with it", () => {
    const near = { ...input, roundTripSeconds: 0.005, bits: 4e6 };
    expect(chooseMethod(near).method).toBe("ldpc");
    const waited = near.candidates.map((one) => {
      const waiting = one.roundTrips * near.roundTripSeconds;
      return { ...one, otherBlocks: blocksInWork(waiting, near.bits / one.bitsPerSecond) - 1 };
    });
    expect(waited.map(({ otherBlocks }) => otherBlocks)).toEqual([leastInWork - 1, leastInWork - 1, mostInWork - 1]);
    expect(chooseMethod({ ...near, candidates: waited }).method).toBe("cascade");
  });
  it("what a block computes is found in how long it took beside others, and the window holds what waits besides what computes", () => {
    const seconds = fc.double({ min: 0.001, max: 10, noNaN: true });
    fc.assert(
      fc.property(seconds, seconds, fc.integer({ min: 1, max: mostInWork }), (waiting, core, blocks) => {
        const found = coreSeconds(waiting + blocks * core, waiting, blocks);
        expect(found / core).toBeCloseTo(1);
        expect(coreSeconds(waiting + core / 3, waiting, 1, 3) / core).toBeCloseTo(1);
        const wanted = Math.min(mostInWork, leastInWork + waiting / core);
        expect(Math.abs(blocksInWork(waiting, found) - wanted)).toBeLessThanOrEqual(0.501);
      }),
      { seed: 8, numRuns: 1000 },
    );
    // A round trip taken for too long.
    expect(blocksInWork(1, coreSeconds(0.5, 1, 4))).toBe(mostInWork);
  });
  it("Cascade takes fewer round trips where waiting costs, not where the source sets the pace", () => {
    const bits = 2 ** 25;
    expect(fewTrips(bits, { qber: 0.01 })).toBe(false);
    expect(fewTrips(bits, { qber: 0.01, roundTripSeconds: 0.02 })).toBe(true);
    expect(fewTrips(bits, { qber: 0.01, roundTripSeconds: 0.02, sourceSeconds: 60 })).toBe(false);
  });
  it("never considers Cascade under one-way accounting", () => {
    const choice = chooseMethod({ ...input, accounting: "one-way" });
    expect(choice.method).toBe("ldpc");
    expect(choice.secretBitsPerSecond.cascade).toBeUndefined();
  });
});

describe("auto between two ends", () => {
  const words = [BitString.zeros(20_000), BitString.zeros(20_000)] as const;
  const [word, other] = words;
  for (let i = 0; i < word.length; i += 61) other.bytes[i >>> 3]! ^= 1 << (i & 7);

  async function run(
    roundTripSeconds: number,
    accounting: Accounting,
    atBob = roundTripSeconds,
    [word, other]: readonly [BitString, BitString] = words,
    known = true,
  ) {
    const { alice: near, bob } = loopbackPair();
    const executor = new InlineExecutor();
    const alice: typeof near = {
      ...near,
      receive: near.receive.bind(near),
      async send(type, body) {
        if (roundTripSeconds > 0) await new Promise((resolve) => setTimeout(resolve, roundTripSeconds * 1000));
        await near.send(type, body);
      },
    };
    const end = (channel: typeof alice) => ({ channel, executor, ledger: new LeakLedger(), random: systemRandom });
    const options = { qber: 0.0164, mode: "auto", accounting } as const;
    const [, atEnd] = await Promise.all([
      autoReconciler.asAlice(end(alice), word, { ...options, ...(known ? { roundTripSeconds } : {}) }),
      autoReconciler.asBob(end(bob), other, { ...options, roundTripSeconds: atBob }),
    ]);
    expect(Buffer.compare(atEnd.word.bytes, word.bytes)).toBe(0);
    return atEnd.choice.auto as { method: string; why: string; secretBitsPerSecond?: { cascade?: number } };
  }

  it("follows Alice, who measured another round trip than Bob", async () => {
    expect((await run(0, "pattern-public", 1)).method).toBe("cascade");
    const far = await run(0.1, "pattern-public", 0);
    expect(far.method).toBe("ldpc");
    expect(far.secretBitsPerSecond?.cascade).toBeGreaterThan(0);
  });

  it("asks for an echo where it does not know the round trip", async () => {
    const [long, noisy] = [BitString.zeros(2 ** 24), BitString.zeros(2 ** 24)];
    for (let i = 0; i < long.length; i += 61) noisy.bytes[i >>> 3]! |= 1 << (i & 7);
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    expect((await run(0, "pattern-public", 0, [long, noisy], false)).method).toBe("cascade");
    clock.mockRestore();
    expect((await run(0.1, "pattern-public", 0, words, false)).method).toBe("ldpc");
  });

  it("a round trip that grows to a second in mid-run: nothing lost, another method for the next block, and back", async () => {
    const { alice: near, bob: far } = loopbackPair();
    let late = 0;
    const arrivals: number[] = [];
    let growsAfter = Number.POSITIVE_INFINITY;
    let delay = 0;
    // Nothing but the way takes time.
    const clock = vi.spyOn(performance, "now").mockImplementation(() => late);
    const bob: typeof far = {
      receive: far.receive.bind(far),
      async send(type, body) {
        if (--growsAfter === 0) delay = 1000;
        arrivals.push(late + delay);
        await far.send(type, body);
      },
    };
    // What is sent at once arrives at once.
    const alice: typeof near = {
      send: near.send.bind(near),
      async receive(type, schema) {
        const message = await near.receive(type, schema);
        late = Math.max(late, arrivals.shift()!);
        return message;
      },
    };
    const bits = 2 ** 20;
    const [word, noisy] = [BitString.zeros(bits), BitString.zeros(bits)];
    for (let i = 0; i < bits; i += 61) noisy.bytes[i >>> 3]! |= 1 << (i & 7);
    const executor = new InlineExecutor();
    const options = { qber: 0.0164, mode: "throughput", accounting: "pattern-public", roundTripSeconds: 0 } as const;
    const block = async () => {
      const [ledgers, end] = [[new LeakLedger(), new LeakLedger()] as const, { executor, random: systemRandom }];
      const [atAlice, atBob] = await Promise.all([
        autoReconciler.asAlice({ ...end, channel: alice, ledger: ledgers[0] }, word, options),
        autoReconciler.asBob({ ...end, channel: bob, ledger: ledgers[1] }, noisy, options),
      ]);
      expect(Buffer.compare(atBob.word.bytes, word.bytes)).toBe(0);
      expect(ledgers[0].entries).toEqual(ledgers[1].entries);
      expect(atBob.rounds).toBeLessThan(1000);
      return atAlice.choice.method;
    };
    try {
      expect(await block()).toBe("cascade");
      growsAfter = 8;
      expect(await block()).toBe("cascade");
      expect(delay).toBe(1000);
      expect(await block()).toBe("ldpc");
      expect(await block()).toBe("ldpc");
      delay = 0;
      // LDPC asks now and then.
      const after = [];
      for (let i = 0; i < 8; i++) after.push(await block());
      expect(after).toContain("cascade");
    } finally {
      clock.mockRestore();
    }
  });

  it("in one process runs both ends in one thread, and says what it chose", async () => {
    const executor = new InlineExecutor();
    const ran = vi.spyOn(executor, "run");
    const [long, noisy] = [BitString.zeros(2 ** 22), BitString.zeros(2 ** 22)];
    for (let i = 0; i < long.length; i += 61) noisy.bytes[i >>> 3]! |= 1 << (i & 7);
    const pair = { alice: long, bob: noisy, qber: 0.0164, method: "auto" } as const;
    const result = await reconcilePair(executor, { ...pair, accounting: "pattern-public" });
    expect(result).toMatchObject({ reconciled: true, choice: { method: "cascade", auto: { method: "cascade" } } });
    expect(result.bob.bytes).toEqual(long.bytes);
    expect(new Set(ran.mock.calls.map(([name]) => name))).toEqual(new Set(["cascadePair"]));
    const oneWay = await reconcilePair(executor, { ...pair, alice: word, bob: other, accounting: "one-way" });
    expect(oneWay).toMatchObject({ reconciled: true, choice: { auto: { method: "ldpc" } } });
  });

  it("stays with LDPC under one-way accounting and says why", async () => {
    expect(await run(0, "one-way")).toMatchObject({ method: "ldpc", why: expect.stringContaining("one-way") });
  });

  it("Bob refuses a method that is none", async () => {
    const { alice, bob } = loopbackPair();
    const context = { channel: bob, executor: new InlineExecutor(), ledger: new LeakLedger(), random: systemRandom };
    const options = { qber: 0.02, mode: "auto", accounting: "pattern-public" } as const;
    const asked = expect(autoReconciler.asBob(context, word, options)).rejects.toHaveProperty("code");
    for (let i = 0; i < 2; i++) {
      await alice.send("reconcile-method", { method: "echo" });
      await alice.receive("reconcile-echo", z.strictObject({}));
    }
    await alice.send("reconcile-method", { method: "winnow" });
    await asked;
  });

  it("Bob refuses echoes without end", async () => {
    const { alice, bob } = loopbackPair();
    const context = { channel: bob, executor: new InlineExecutor(), ledger: new LeakLedger(), random: systemRandom };
    const options = { qber: 0.02, mode: "auto", accounting: "pattern-public" } as const;
    const asked = expect(autoReconciler.asBob(context, word, options)).rejects.toMatchObject({
      code: "CHANNEL_MESSAGE_INVALID",
    });
    for (let i = 0; i < 3; i++) await alice.send("reconcile-method", { method: "echo" });
    await asked;
  });
});
