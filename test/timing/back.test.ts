/**
 * A lock found late is followed back: what lies before the disclosed stretch makes no key, so that it must begin where the
 * pairs do, whether a tagger was started long before the other or the light came long after both.
 */
import { expect, test } from "vitest";
import { loopbackPair } from "../../src/channel/loopback.js";
import type { TagBatch } from "../../src/dumps/types.js";
import { Generator } from "../../src/simulate/generator.js";
import { EventStream } from "../../src/timing/events.js";
import { acquirePairsAsAlice, acquirePairsAsBob } from "../../src/timing/pair-acquire.js";
import { entangled } from "./runs.js";

const second = 1e12;
const link = entangled({});

function arrivals(random: Generator, hz: number, from: number, to: number): number[] {
  const times: number[] = [];
  for (let t = from * second; ; ) {
    t += random.exponential(second / hz);
    if (t >= to * second) return times;
    times.push(t);
  }
}

async function* batches(times: number[]): AsyncGenerator<TagBatch> {
  const dt = Float64Array.from(times).sort();
  const size = 50_000;
  for (let at = 0; at < dt.length; at += size) {
    const part = dt.slice(at, at + size);
    const channel = Uint8Array.from(part, (_, i) => 1 + (i & 3));
    yield { base: 0n, dt: part, channel, length: part.length, gapBefore: false };
  }
}

interface Case {
  /** Of Alice's clock, s: when each tagger and the light begin, and when all ends. */
  readonly alice: number;
  readonly bob: number;
  readonly light: number;
  readonly end: number;
  readonly offset: number;
  readonly pairsHz: number;
  /** Of noise at each end. */
  readonly noiseHz?: number;
  /** Of a pass, 1/s. */
  readonly rate: number;
}

test.each<[string, Case]>([
  ["light after 0.4 s", { alice: 0, bob: 0, light: 0.4, end: 2, offset: 0.2, pairsHz: 4000, rate: 0 }],
  ["light after 3 s", { alice: 0, bob: 0, light: 3, end: 4.5, offset: 0.2, pairsHz: 4000, rate: 0 }],
  ["Bob 5 s before", { alice: 0, bob: -5, light: 0, end: 3, offset: 5, pairsHz: 4000, rate: 0 }],
  ["Bob 9.9 s before, pass", { alice: 0, bob: -9.9, light: 0, end: 2, offset: 10, pairsHz: 3000, rate: 3e-18 }],
  ["Alice 4 s before", { alice: -4, bob: 0, light: 0, end: 3, offset: 0, pairsHz: 4000, rate: 0 }],
  ["weak, light after 1.3 s, pass", { alice: 0, bob: 0, light: 1.3, end: 4, offset: 0.1, pairsHz: 900, rate: 2e-18 }],
  [
    "weak from the start",
    { alice: 0, bob: 0, light: 0, end: 5, offset: 0.05, pairsHz: 1300, noiseHz: 40_000, rate: 0 },
  ],
  // Few pairs in wide bins tell little of a bend: finer ones must.
  ["few events", { alice: 0, bob: 0, light: 0, end: 4, offset: 0.5, pairsHz: 500, noiseHz: 9000, rate: 0 }],
])("%s", async (_, { alice, bob, light, end, offset, pairsHz, noiseHz: hz = 12_000, rate }) => {
  const random = new Generator(7, "back");
  const pairs = arrivals(random, pairsHz, light, end);
  // Bob's clock starts with his tagger.
  const toBob = (t: number) => t + offset * second + 3e-6 * t + (rate * t * t) / 2;
  const atAlice = [...arrivals(random, hz, alice, end), ...pairs].map((t) => t - alice * second);
  const atBob = [...arrivals(random, hz, bob, end), ...pairs].map((t) => toBob(t) + 100 * random.gaussian());
  const ends = loopbackPair();
  const [lock] = await Promise.all([
    acquirePairsAsAlice(ends.alice, new EventStream(batches(atAlice.map(Math.round)), link.alice), link),
    acquirePairsAsBob(ends.bob, new EventStream(batches(atBob.map(Math.round)), link.bob), link),
  ]);
  if (!lock.locked) throw new Error(JSON.stringify(lock));
  const from = Number(lock.disclosed.from) / second + alice;
  expect(from).toBeLessThan(light + 0.002);
  expect(from).toBeGreaterThan(light - 0.25);
  const reference = Number(lock.reference) + alice * second;
  expect(Math.abs(Number(lock.offset) - alice * second - (toBob(reference) - reference))).toBeLessThan(500);
});
