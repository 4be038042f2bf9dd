/**
 * The noise that locks of pairs are judged against: sieve and judge on independent streams, their tails beside those
 * predicted, so that the threshold's 1e-9 over all lags, drifts and bends is what it says. Seeds are fixed.
 */
import { describe, expect, test } from "vitest";
import { Generator } from "../../src/simulate/generator.js";
import { bend, judgePeak, trialsOf } from "../../src/timing/pair-bend.js";
import { poissonTail } from "../../src/timing/pair-lines.js";
import { Correlator } from "../../src/timing/pair-search.js";
import { falseLockProbability } from "../../src/timing/types.js";

/** A Poisson stream, ps. */
function stream(random: Generator, hz: number, seconds: number): Float64Array {
  const times: number[] = [];
  for (let t = random.exponential(1e12 / hz); t < seconds * 1e12; t += random.exponential(1e12 / hz)) times.push(t);
  return Float64Array.from(times);
}

describe("noise", () => {
  test("sieve: as many lags pass as a Gaussian's tail says", () => {
    const random = new Generator(11, "noise");
    const [a, b] = [stream(random, 60_000, 12), stream(random, 60_000, 1.1)];
    const correlator = new Correlator(a, b, { low: -9e12, high: 0, bins: 2 ** 17 });
    let passed = 0;
    for (let block = 0; block < correlator.blocks; block++) passed += correlator.peaks(block, 0, 15e-6).length;
    // Single lags beyond 4.3 sigmas, and as many pairs of lags, the few lags that are in both counted once.
    const single = correlator.blocks * 2 * 2 ** 17 * 8.54e-6;
    expect(passed).toBeGreaterThan(single);
    expect(passed).toBeLessThan(2 * single + 5 * Math.sqrt(2 * single));
  });

  test("judge: the fullest sum is as rare as its bound says, and the bound is no wild one", () => {
    const random = new Generator(12, "noise");
    const reach = { binPs: 1e6, drift: 1e-6, rate: 0 };
    const rounds = 300;
    const tails: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [a, b] = [stream(random, 40_000, 0.5), stream(random, 40_000, 0.5)];
      const { sum, chance } = bend(a, b, { offset: 0, at: 0, drift: 0, rate: 0 }, reach)!;
      tails.push(poissonTail(sum, chance));
    }
    // One drift, 62 bins: P[min tail ≤ ln x] ≤ 62·x a drift, drifts of a bin's smear being the independent ones.
    const trials = 62 * 3;
    for (const share of [0.5, 0.1, 0.02]) {
      const rare = tails.filter((tail) => tail <= Math.log(share / trials)).length;
      expect(rare).toBeLessThanOrEqual(rounds * share + 3 * Math.sqrt(rounds * share));
    }
    const middle = tails.sort((x, y) => x - y)[rounds / 2]!;
    expect(middle).toBeLessThan(-1.5);
  });

  test("judge: a true peak among chance is accepted, chance is not", () => {
    const random = new Generator(13, "noise");
    const a = stream(random, 40_000, 1);
    const noise = stream(random, 40_000, 1);
    const scale = { binPs: 4e6, driftStep: 8e-6 };
    const accepted = (pairs: number, range: number) => {
      const true_ = a.filter((_, i) => i % Math.floor(a.length / pairs) === 0);
      const b = Float64Array.from([...noise, ...true_]).sort();
      const searched = { range, largestDrift: 76e-6, span: 1e12 };
      return judgePeak(a, b, { offset: 0, at: 0, drift: 0, z: 5 }, scale, searched) !== undefined;
    };
    expect(accepted(1200, 2e12)).toBe(true);
    expect(accepted(4, 2e12)).toBe(false);
    const few = trialsOf({ range: 1e12, largestDrift: 76e-6, span: 1e12 }, 1e6);
    expect(few).toBeGreaterThan(1e8);
    expect(Math.log(few / falseLockProbability)).toBeGreaterThan(39);
  });
});
