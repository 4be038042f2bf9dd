/** What a peer may tell of times and slots that no detector would: it ends soon, in little memory. */
import { expect, test } from "vitest";
import { detectorDelays } from "../../src/timing/delays.js";
import { coarseOffset } from "../../src/timing/pair-search.js";
import { findShift, type ScoringBits } from "../../src/timing/pulse-shift.js";

/** A hash of the pulse's number, one bit; how much was asked for at once is noted. */
function made() {
  let most = 0;
  const strong = (at: number) => {
    let x = Math.imul((at % 2 ** 31) ^ Math.floor(at / 2 ** 31), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 5) & 1;
  };
  const bits: ScoringBits = async (first, count) => {
    most = Math.max(most, count);
    const out = new Uint32Array(Math.ceil(count / 32) + 2);
    for (let i = 0; i < count + 32; i++) out[i >>> 5]! |= strong(first + i) << (i & 31);
    return [out];
  };
  return { strong, bits, most: () => most };
}

test("pulse numbers are found of sparse detections, and a span without end takes no more memory", async () => {
  const { strong, bits, most } = made();
  const shift = 1234;
  const search = { low: 0, high: 2000, guess: 0 };
  for (const gap of [7, 60_000, 2 ** 40]) {
    const slots = Float64Array.from({ length: 600 }, (_, i) => {
      let at = gap * i + shift;
      while (!strong(at)) at++;
      return at - shift;
    });
    const classed = { slots, classOf: new Uint8Array(slots.length), shares: [0.5] };
    expect(await findShift(classed, bits, search)).toMatchObject({ shift });
  }
  expect(most()).toBeLessThan(2 ** 24 + 2 ** 12);
});

test("times in one instant have no offset, and are not searched for days", async () => {
  const a = Float64Array.from({ length: 20_000 }, (_, i) => i * 1e7);
  for (const b of [new Float64Array(20_000), Float64Array.from({ length: 20_000 }, (_, i) => i)])
    expect(await coarseOffset(a, b, { low: -1e13, high: 1e13, bins: 2 ** 20 })).toBeUndefined();
});

test("disclosed times that repeat are refused", () => {
  const side = (repeat: number) => {
    const times = Float64Array.from({ length: 200 * repeat }, (_, i) => 1e6 * Math.floor(i / repeat));
    return { times, detector: new Uint8Array(times.length) };
  };
  const honest = side(1);
  expect(detectorDelays({ alice: honest, bob: honest }, honest.times, 1, 1).offset).toBe(0);
  const made = side(200);
  expect(() => detectorDelays({ alice: made, bob: made }, made.times, 1, 1)).toThrow(
    expect.objectContaining({ code: "CHANNEL_MESSAGE_INVALID" }),
  );
});
