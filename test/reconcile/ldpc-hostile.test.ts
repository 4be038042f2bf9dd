import { describe, expect, it } from "vitest";
import { BitString } from "../../src/bits.js";
import { loopbackPair } from "../../src/channel/loopback.js";
import { ldpcReconciler } from "../../src/stages/reconcile/ldpc.js";
import { reconcilePair } from "../../src/stages/reconcile/pair.js";
import type { ReconcileOptions } from "../../src/stages/reconcile/types.js";
import { contextOf, executor, reconcile, usual } from "./ldpc-pair.js";
import { noisyPair } from "./noisy-pair.js";

const bits = 4096;
const places = (...gaps: number[]) => ({ count: gaps.length, places: Uint8Array.from(gaps) });
const syndromes = { type: "ldpc.syndromes", schema: { safeParse: (data: unknown) => ({ success: true, data }) } };

async function asBobTo(flags: (round: number) => object, options: Partial<ReconcileOptions> = {}): Promise<unknown> {
  const { alice, bob } = loopbackPair();
  const run = ldpcReconciler.asAlice(contextOf(alice), BitString.zeros(bits), { ...usual, ...options });
  run.catch(() => undefined);
  await bob.receive(syndromes.type, syndromes.schema as never);
  for (let round = 0; round < 2000; round++) {
    await bob.send("ldpc.flags", { open: Uint8Array.of(1), rows: 0, positions: [], ...flags(round) });
    const ended = await Promise.race([run.then(() => true), bob.receive("ldpc.more", syndromes.schema as never)]);
    if (ended === true) break;
  }
  return run;
}

describe("LDPC reconciliation with a hostile peer", () => {
  it.each([
    ["a position beyond the frame", [places(255, 255, 255)], "CHANNEL_MESSAGE_INVALID"],
    ["a list shorter than its count", [{ count: 7, places: new Uint8Array(2) }], "CHANNEL_MESSAGE_INVALID"],
    ["more positions than a round has", [places(...new Array<number>(500).fill(1))], "RECONCILE_PEER_MISBEHAVES"],
    ["positions of more frames than there are", [places(1), places(1)], "RECONCILE_PEER_MISBEHAVES"],
    ["no positions", [], "RECONCILE_PEER_MISBEHAVES"],
  ])("Alice refuses %s", async (_, positions, code) => {
    await expect(asBobTo(() => ({ positions }))).rejects.toMatchObject({ code });
  });

  it("Alice refuses a position asked for twice", async () => {
    await expect(asBobTo(() => ({ positions: [places(3)] }))).rejects.toMatchObject({
      code: "RECONCILE_PEER_MISBEHAVES",
    });
  });

  it.each([
    ["more rows than any code has", { rows: 2048 }, {}],
    ["rows and positions at once", { rows: 1, positions: [places(3)] }, {}],
    ["positions one-way", { positions: [places(3)] }, { accounting: "one-way" }],
    ["neither rows nor positions one-way", {}, { accounting: "one-way" }],
  ] as const)("Alice refuses %s", async (_, flags, options) => {
    await expect(asBobTo(() => flags, options)).rejects.toMatchObject({ code: "RECONCILE_PEER_MISBEHAVES" });
  });

  it.each([1, 2, 300, 2047])("endless requests for %d rows end with the frame shown whole", async (rows) => {
    for (const accounting of ["one-way", "pattern-public"] as const)
      expect(await asBobTo(() => ({ rows }), { accounting })).toMatchObject({ framesFailed: 1 });
  });

  it("endless requests for more end with the frame shown whole", async () => {
    const outcome = await asBobTo((round) => ({
      positions: [places(round < 200 ? round : 255)],
    }));
    expect(outcome).toMatchObject({ framesFailed: 1 });
  });

  it.each([
    ["a syndrome of another length", { frames: [new Uint8Array(5)] }, "CHANNEL_MESSAGE_INVALID"],
    ["more frames than the block has", { frames: [new Uint8Array(5), new Uint8Array(5)] }, "RECONCILE_PEER_MISBEHAVES"],
    ["another code", { code: "qc-8x32-m3" }, "RECONCILE_PEER_MISBEHAVES"],
  ])("Bob refuses %s", async (_, twist, code) => {
    const { a, b } = noisyPair(bits, 0.03, 2);
    const twisted = reconcile(a, b, {}, (_from, type, body) => {
      if (type === "ldpc.syndromes") Object.assign(body, twist);
    });
    const failed = expect(twisted).rejects.toMatchObject({ code });
    await failed;
  });

  it("wrong values from Alice never make a false agreement: verification has the last word", async () => {
    const { a, b } = noisyPair(bits, 0.05, 4);
    const { atBob } = await reconcile(a, b, { qber: 0.02 }, (_from, type, body) => {
      if (type === "ldpc.more") for (const values of (body as { values: Uint8Array[] }).values) values[0]! ^= 3;
    });
    expect(atBob.word.bytes).not.toEqual(a.bytes);
    const result = await reconcilePair(executor, { alice: a, bob: b, qber: 0.05 });
    expect(result).toMatchObject({ reconciled: true });
    expect(result.leakedBits).toBeGreaterThan(0);
  });
});
