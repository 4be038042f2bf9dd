import { describe, expect, it } from "vitest";
import { BitString } from "../../src/bits.js";
import { loopbackPair } from "../../src/channel/loopback.js";
import { systemRandom } from "../../src/random.js";
import { LeakLedger } from "../../src/security/ledger.js";
import { cascadeReconciler } from "../../src/stages/reconcile/cascade.js";
import { InlineExecutor } from "../../src/workers/executor.js";

const executor = new InlineExecutor();
const options = { qber: 0.03, mode: "auto", accounting: "pattern-public" } as const;
const context = (channel: ReturnType<typeof loopbackPair>["alice"]) => ({
  channel,
  executor,
  ledger: new LeakLedger(),
  random: systemRandom,
});

describe("Cascade with a hostile peer", () => {
  const request = (start: number, pass: number, shot: number, level: number) =>
    ((start << 9) | (pass << 5) | (shot << 4) | level) >>> 0;
  const list = (...words: number[]) => [...new Uint8Array(Uint32Array.of(words.length, ...words).buffer)];

  it.each([
    ["an interval out of range", [1, 4], list(request(8192, 0, 0, 5))],
    ["an interval that is not aligned", [1, 4], list(request(3, 0, 0, 5))],
    ["an interval that crosses the end", [1, 2], list(request(960, 0, 0, 7))],
    ["a leaf of one bit", [1, 4], list(request(0, 0, 0, 0))],
    ["a one-shot in a list", [1, 2], list(request(0, 0, 1, 5))],
    ["a list of two passes", [1, 1, 2], list(request(0, 0, 0, 3), request(0, 1, 0, 3))],
    ["a pass that was not started", [1, 4], list(request(0, 1, 0, 3))],
    ["a cut list", [1, 4], [9]],
    ["a count without its list", [1, 2], [255, 255, 255, 255]],
    ["a list longer than the frame", [1, 2], list(...Array.from({ length: 2000 }, () => request(0, 0, 0, 1)))],
    ["bytes after the list", [0], [1]],
    ["an unknown operation", [9], []],
    ["passes without end", Array.from({ length: 12 }, () => 1), []],
    ["tags without end", Array.from({ length: 10 }, () => 5), []],
  ])("Alice refuses %s", async (_, operations, requests) => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asAlice(context(alice), BitString.zeros(1000), options);
    const outcome = expect(run).rejects.toMatchObject({ code: "RECONCILE_REQUEST_INVALID" });
    for (const [i, what] of operations.entries()) {
      const last = i === operations.length - 1;
      await bob.send("cascade-ask", {
        operations: Uint8Array.of(what),
        requests: Uint8Array.from(last ? requests : []),
      });
    }
    await outcome;
  });

  it("Alice forgets a list where a pass begins: who goes on with it gets nothing", async () => {
    const { alice, bob } = loopbackPair();
    const side = context(alice);
    const run = cascadeReconciler.asAlice(side, BitString.zeros(1000), options);
    const outcome = expect(run).rejects.toMatchObject({ code: "RECONCILE_REQUEST_INVALID" });
    for (const [what, requests] of [
      [1, []],
      [2, list(request(0, 0, 0, 1))],
      [1, []],
      [3, []],
      [3, []],
      [9, []],
    ] as const)
      await bob.send("cascade-ask", { operations: Uint8Array.of(what), requests: Uint8Array.from(requests) });
    await outcome;
    const { parity } = Object.fromEntries(side.ledger.entries.map(({ reason, bits }) => [reason, bits]));
    // blocks of 2^5 and of 2^7 bits, and a leaf
    expect(parity).toBe(32 + 8 + 1);
  });

  it("Alice refuses another number of frames", async () => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asAlice(context(alice), BitString.zeros(1000), options);
    await bob.send("cascade-ask", { operations: Uint8Array.of(1, 1), requests: new Uint8Array(0) });
    await expect(run).rejects.toMatchObject({ code: "RECONCILE_REQUEST_INVALID" });
  });

  it("Alice ends a frame that has cost twice its length", async () => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asAlice(context(alice), BitString.zeros(1000), options);
    const outcome = expect(run).rejects.toMatchObject({ code: "RECONCILE_REQUEST_INVALID" });
    await bob.send("cascade-ask", { operations: Uint8Array.of(1), requests: new Uint8Array(0) });
    const many = Uint8Array.from(list(...Array.from({ length: 100 }, () => request(0, 0, 1, 5))));
    for (let i = 0; i < 5; i++) await bob.send("cascade-ask", { operations: Uint8Array.of(4), requests: many });
    await outcome;
  });

  it("random answers: Bob ends with the frame revealed or a typed error, in bounded rounds", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      let asked = 0;
      const { alice, bob } = loopbackPair((from, type, body) => {
        if (from === "bob" && type === "cascade-ask") asked++;
        const bits = (body as { bits?: unknown }).bits;
        if (from === "alice" && bits instanceof Uint8Array && asked < 200)
          for (let i = 0; i < bits.length; i++) bits[i]! ^= (i * 37 + seed * 101 + asked * 7) & 255;
      });
      const [word, other] = [BitString.zeros(5000), BitString.zeros(5000)];
      other.bytes.fill(0x11);
      const ends = await Promise.allSettled([
        cascadeReconciler.asAlice(context(alice), word, options),
        Promise.race([
          cascadeReconciler.asBob(context(bob), other, options),
          new Promise((_, reject) => setTimeout(reject, 20_000, new Error("it hangs"))),
        ]),
      ]);
      const bobs = ends[1]!;
      if (bobs.status === "rejected") expect(bobs.reason).toHaveProperty("code", expect.stringMatching(/^RECONCILE_/));
      expect(asked).toBeLessThan(4000);
    }
  });

  it.each([0, 4096])("Bob refuses an answer of %d bytes", async (bytes) => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asBob(context(bob), BitString.zeros(1000), options);
    await alice.send("cascade-open", { bits: 1000, seed: new Uint8Array(16), lanes: 1, few: false });
    await alice.send("cascade-answer", { bits: new Uint8Array(bytes), tagKey: new Uint8Array(8) });
    await expect(run).rejects.toMatchObject({ code: "RECONCILE_ANSWER_INVALID" });
  });

  it.each([0, 17, 1.5])("Bob refuses %d waves in flight", async (lanes) => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asBob(context(bob), BitString.zeros(1000), options);
    await alice.send("cascade-open", { bits: 1000, seed: new Uint8Array(16), lanes, few: false });
    await expect(run).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
  });

  it("Bob refuses a block of another length", async () => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asBob(context(bob), BitString.zeros(1000), options);
    await alice.send("cascade-open", { bits: 1001, seed: new Uint8Array(16), lanes: 1, few: false });
    await expect(run).rejects.toMatchObject({ code: "RECONCILE_COUNT_MISMATCH" });
  });
});
