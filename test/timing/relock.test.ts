/** What the two ends say of open pulse numbers, and peers that say something else. */
import { expect, test } from "vitest";
import { z } from "zod";
import { loopbackPair } from "../../src/channel/loopback.js";
import type { PreparationRecord } from "../../src/dumps/preparation.js";
import { LeakLedger } from "../../src/security/ledger.js";
import { Generator } from "../../src/simulate/generator.js";
import type { PulseBlock } from "../../src/timing/pulse-blocks.js";
import { numberAsAlice, numberAsBob, openNumbers } from "../../src/timing/pulse-relock.js";
import type { Stretch } from "../../src/timing/pulse-track.js";
import { PulseTracker } from "../../src/timing/pulse-tracker.js";
import { prepared, singlePhoton } from "./runs.js";

const pulses = 40_000;
const random = new Generator(5, "relock");
const nibbles = Uint8Array.from({ length: pulses }, () => {
  const u = random.uniform();
  return ((u < 0.7 ? 0 : u < 0.9 ? 1 : 2) << 2) | Math.floor(random.uniform() * 4);
});
const record = {
  pulses,
  read: async (first: number, count: number) => {
    const bytes = new Uint8Array((count >> 1) + 2);
    for (let i = 0; i < count; i++) {
      const at = i + (first & 1);
      bytes[at >> 1]! |= nibbles[first + i]! << ((at & 1) * 4);
    }
    return bytes;
  },
  reaches: async () => undefined,
} as unknown as PreparationRecord;
const two = prepared({});
const one = singlePhoton({});

/** Every eighth pulse of the signal is detected in the prepared basis; from `from` on numbers are `shift` too low. */
function blockOf(link: typeof two, from: number, shift: number, stretch: Stretch): PulseBlock {
  const seen = Array.from({ length: pulses / 8 - 20 }, (_, i) => 80 + 8 * i).filter((n) => nibbles[n]! < 4);
  const tracker = new PulseTracker({ time: 0n, fraction: 0, pulse: 0, period: 250_000 }, [0, 0, 0, 0], 1000);
  return {
    index: 0,
    firstPulse: 0,
    pulses,
    slots: Float64Array.from(seen, (n, i) => (i < from ? n : n - shift)),
    clicks: Uint8Array.from(
      seen,
      (n) =>
        1 <<
        link.bob.detectors!.findIndex(
          ({ basis, bit }) => basis === (nibbles[n]! & 2 ? "X" : "Z") && bit === (nibbles[n]! & 1),
        ),
    ),
    vetoed: new Uint8Array(seen.length),
    gate: tracker.statistics(),
    stretches: [{ from, stretch }],
  };
}

test.each([
  ["intensities", two, 5, 0],
  ["intensities", two, -7, 0],
  ["outcomes", one, 5, 320],
])("numbers by %s: shift found, both ends keep the same slots", async (_, link, shift, left) => {
  const stretch: Stretch = { reach: 30, shift: undefined };
  const block = blockOf(link, 1000, shift, stretch);
  const open = openNumbers(block, link);
  expect(open.outcomes.length).toBe(left);
  const { alice, bob } = loopbackPair();
  const [{ slots, disclosed }, atBob] = await Promise.all([
    numberAsAlice(alice, block, open, record, link, new LeakLedger()),
    numberAsBob(bob, block, open, link),
  ]);
  expect(stretch.shift).toBe(shift);
  expect([...slots]).toEqual([...atBob.slots]);
  expect(slots.length).toBe(block.slots.length - left);
  // Every pulse was detected as it was prepared.
  expect(disclosed).toEqual({ slots: left, siftedBits: left, errors: 0 });
  expect(atBob.slots.every((slot) => nibbles[slot]! < 4)).toBe(true);
  // The next block of the stretch discloses nothing.
  expect(openNumbers(blockOf(link, 0, shift, stretch), link)).toMatchObject({
    stretches: [{ shift, reach: 0 }],
    outcomes: new Uint8Array(),
  });
});

test("a shift beyond the reach is not found: the stretch is left out at both ends", async () => {
  const block = blockOf(two, 1000, 50, { reach: 30, shift: undefined });
  const open = openNumbers(block, two);
  const { alice, bob } = loopbackPair();
  const [{ slots, disclosed }, atBob] = await Promise.all([
    numberAsAlice(alice, block, open, record, two, new LeakLedger()),
    numberAsBob(bob, block, open, two),
  ]);
  expect(slots.length).toBe(1000);
  expect(disclosed.slots).toBe(0);
  expect(atBob.slots.length).toBe(1000);
});

test("a peer's stretches cost Alice some seconds at most", async () => {
  const block = blockOf(two, 1000, 5, { reach: 30, shift: undefined });
  const open = openNumbers(block, two);
  const wide = [1, 2, 3, 4].map((from) => ({ from, shift: 0, reach: 2 ** 24 }));
  for (const [before, shift] of [
    [[], 5],
    [wide, null],
  ] as const) {
    const { alice, bob } = loopbackPair();
    await numberAsAlice(
      alice,
      block,
      { ...open, stretches: [...before, ...open.stretches] },
      record,
      two,
      new LeakLedger(),
    );
    const { shifts } = await bob.receive("slots.numbers", z.object({ shifts: z.array(z.number().nullable()) }));
    expect(shifts.at(-1)).toBe(shift);
  }
});

test("peers that say something else", async () => {
  const block = blockOf(one, 1000, 5, { reach: 30, shift: undefined });
  const open = openNumbers(block, one);
  const ledger = new LeakLedger();
  const refused = { code: "CHANNEL_MESSAGE_INVALID" };
  const [stretch] = open.stretches;
  for (const wrong of [
    { ...open, outcomes: open.outcomes.subarray(1) },
    { ...open, outcomes: open.outcomes.map(() => 4) },
    { stretches: [{ ...stretch!, from: block.slots.length }], outcomes: new Uint8Array() },
    { ...open, stretches: [stretch!, stretch!] },
  ])
    await expect(numberAsAlice(loopbackPair().alice, block, wrong, record, one, ledger)).rejects.toMatchObject(refused);
  for (const shifts of [[31], [], [1, 1]]) {
    const { alice, bob } = loopbackPair();
    await alice.send("slots.numbers", { shifts });
    await expect(numberAsBob(bob, block, open, one)).rejects.toMatchObject(refused);
  }
});
