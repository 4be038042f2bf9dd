/** Each kind of alarm, and that a block alarmed at one end is discarded and reported at both. */
import { afterAll, describe, expect, it, test } from "vitest";
import { BitString } from "../../src/bits.js";
import { parseLink } from "../../src/link.js";
import { alarmsOf, type EarlierBlock } from "../../src/stages/alarms.js";
import type { SiftedBlock } from "../../src/stages/sift.js";
import type { BlockSlots } from "../../src/stages/slots.js";
import type { GateStatistics } from "../../src/timing/types.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { smallBbm92, smallDecoy } from "./links.js";
import { oneBlock } from "./one-block.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());
const link = parseLink(smallBbm92());

const bits = (length: number) => BitString.zeros(length);
const own = { count: 10_000, basis: bits(10_000), bit: bits(10_000), vetoed: bits(10_000) };
const clicks = { sameBasis: 10, crossBasis: 10, perDetector: [4000, 4000, 1000, 1000], bases: [0, 0, 1, 1] };
const calm: BlockSlots = { own, clicks };
const sifted: SiftedBlock = {
  key: bits(8000),
  lost: bits(0),
  keyIntensity: new Uint8Array(),
  nKey: [8000],
  nTest: [2000],
  mTest: [40],
  onesKey: 4000,
  onesTest: 1000,
  bases: { slots: 18_000, equal: 10_000, aliceX: 6000, bobX: 6000 },
};
const decoy = parseLink(smallDecoy());
const peak = (at: number) => Array.from({ length: 40 }, (_, bin) => 20 + (Math.abs(bin - at) < 3 ? 400 : 0));
const gate = (...at: number[]): GateStatistics => ({
  halfWidthPs: 1000,
  binPs: 50,
  histogram: at.map(peak),
  inside: 4000,
  outside: 100,
  background: 50,
});
const before: EarlierBlock = { siftedBits: 10_000, checkBits: 2000, checkErrors: 30 };

describe("an alarm", () => {
  it("is not raised by a calm block, a first or a short one", () => {
    expect(alarmsOf(link, calm, sifted, [before, before])).toEqual([]);
    expect(alarmsOf(link, calm, { ...sifted, mTest: [900] }, [])).toEqual([]);
    const short = { ...sifted, key: bits(50), nKey: [50], nTest: [5], onesKey: 50, onesTest: 5, mTest: [5] };
    expect(alarmsOf(link, { own }, short, [before])).toEqual([]);
  });

  it("of intensities looks at Alice's record alone", () => {
    const shares = decoy.source!.intensities.map(({ probability }) => Math.round(probability * 1e6));
    expect(alarmsOf(decoy, { own, emitted: shares }, sifted, [])).toEqual([]);
    expect(alarmsOf(decoy, { own, emitted: [...shares].reverse() }, sifted, [])).toEqual(["ALARM_INTENSITY_SHARES"]);
    expect(alarmsOf(decoy, { own, emitted: [...shares, 9000] }, sifted, [])).toEqual(["ALARM_INTENSITY_SHARES"]);
  });

  it("of delays is not raised by detectors a few bins apart", () => {
    expect(alarmsOf(link, { ...calm, gate: gate(20, 24) }, sifted, [before])).toEqual([]);
  });

  it.each([
    ["ALARM_DELAY_DRIFT", { slots: { ...calm, gate: gate(12, 30) } }],
    ["ALARM_SIFTED_RATIO", { block: { bases: { slots: 18_000, equal: 9000, aliceX: 6000, bobX: 6000 } } }],
    ["ALARM_DOUBLE_CLICKS", { slots: { own, clicks: { ...clicks, crossBasis: 600 } } }],
    ["ALARM_EFFICIENCY_MISMATCH", { slots: { own, clicks: { ...clicks, perDetector: [6000, 2000, 1000, 1000] } } }],
    ["ALARM_BIT_IMBALANCE", { block: { onesKey: 5000 } }],
    ["ALARM_BIT_IMBALANCE", { block: { onesTest: 700 } }],
    ["ALARM_BASIS_IMBALANCE", { earlier: [{ ...before, checkBits: 4500, checkErrors: 60 }] }],
    ["ALARM_QBER_JUMP", { block: { mTest: [180] } }],
    ["ALARM_QBER_JUMP", { earlier: [before, { ...before, checkErrors: 200 }] }],
    ["ALARM_RATE_CHANGE", { earlier: [1500, 1500].map((n) => ({ siftedBits: n, checkBits: n / 5, checkErrors: 6 })) }],
    ["ALARM_RATE_CHANGE", { slots: { ...calm, pulses: 1e6 }, earlier: [{ ...before, pulses: 1e5 }] }],
    ["ALARM_RATE_CHANGE", { slots: { ...calm, pulses: 1e6 }, earlier: [{ ...before, pulses: 1e7 }] }],
  ] as [string, { slots?: BlockSlots; block?: Partial<SiftedBlock>; earlier?: EarlierBlock[] }][])(
    "%s is raised alone",
    (alarm, { slots = calm, block = {}, earlier = [before] }) => {
      expect(alarmsOf(link, slots, { ...sifted, ...block }, earlier)).toEqual([alarm]);
    },
  );
});

test.each(["alice", "bob"] as const)("raised at %s alone discards the block at both ends", async (role) => {
  const earlier = { [role]: [{ ...before, checkErrors: 300 }] };
  const ends = await oneBlock(link, executor, { qber: 0.01, slots: 12_000, seed: 1, earlier }, (each) => [each]);
  for (const end of [ends.alice, ends.bob]) {
    expect(end.error).toBeUndefined();
    expect(end.outcome).toMatchObject({ reason: "ALARM_QBER_JUMP", keys: [] });
    expect(end.released).toEqual([]);
  }
  expect(ends[role].outcome!.alarms).toEqual(["ALARM_QBER_JUMP"]);
});
