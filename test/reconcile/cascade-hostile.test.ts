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
  it.each([
    ["an interval out of range", [2], [1, 0, 0, 127]],
    ["a pass that was not started", [2], [1, 1, 0, 1]],
    ["a cut list", [2], [9]],
    ["bytes after the list", [0], [1]],
    ["an unknown operation", [9], []],
    ["another number of frames", [1, 1], []],
  ])("Alice refuses %s", async (_, operations, intervals) => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asAlice(context(alice), BitString.zeros(40), options);
    await bob.send("cascade-ask", { operations: Uint8Array.from(operations), intervals: Uint8Array.from(intervals) });
    await expect(run).rejects.toMatchObject({ code: "RECONCILE_REQUEST_INVALID" });
  });

  it.each([0, 4096])("Bob refuses an answer of %d bytes", async (bytes) => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asBob(context(bob), BitString.zeros(1000), options);
    await alice.send("cascade-open", { bits: 1000, seed: new Uint8Array(16) });
    await alice.send("cascade-answer", { bits: new Uint8Array(bytes), tagKey: new Uint8Array(8) });
    await expect(run).rejects.toMatchObject({ code: "RECONCILE_ANSWER_INVALID" });
  });

  it("Bob refuses a block of another length", async () => {
    const { alice, bob } = loopbackPair();
    const run = cascadeReconciler.asBob(context(bob), BitString.zeros(1000), options);
    await alice.send("cascade-open", { bits: 1001, seed: new Uint8Array(16) });
    await expect(run).rejects.toMatchObject({ code: "RECONCILE_COUNT_MISMATCH" });
  });
});
