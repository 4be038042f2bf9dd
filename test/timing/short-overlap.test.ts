/**
 * Where the overlap is a part of the stretch alone, many strong pairs stand out at a drift far from theirs: the line that
 * is found must be the true one all the same, since what is disclosed next is searched for pairs but once.
 */
import { expect, test } from "vitest";
import { Generator } from "../../src/simulate/generator.js";
import { coarseGridPs, coarseOffset } from "../../src/timing/pair-search.js";

const stretch = 1.074e12;
const [pairsHz, sideHz] = [22_000, 120_000];

test.each([1, 9, 11])("strong link, seed %i", async (seed) => {
  const random = new Generator(seed, "overlap");
  const drift = (1 - 2 * Math.round(random.uniform())) * (55e-6 + 20e-6 * random.uniform());
  const overlap = (0.2 + 0.5 * random.uniform()) * stretch;
  const begin = stretch - overlap;
  const toBob = (t: number) => t + begin + drift * t;
  const a: number[] = [];
  const b: number[] = [];
  for (let t = 0; t < stretch; t += random.exponential(1e12 / sideHz)) {
    a.push(t);
    if (random.uniform() < pairsHz / sideHz && toBob(t) < stretch) b.push(toBob(t));
  }
  for (let t = 0; t < stretch; t += random.exponential(1e12 / (sideHz - pairsHz))) b.push(t);
  const times = Float64Array.from(b, (t) => Math.round(t / coarseGridPs) * coarseGridPs).sort();
  const found = await coarseOffset(Float64Array.from(a), times, { low: -1.1e12, high: 1.1e12, bins: 2 ** 17 });
  expect(Math.abs(found!.drift - drift)).toBeLessThan(found!.driftReach);
  const since = begin - found!.at;
  const atBegin = found!.offset + since * (found!.drift + (since * found!.rate) / 2);
  expect(Math.abs(atBegin - begin)).toBeLessThan(2e6);
});
