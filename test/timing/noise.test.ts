/**
 * The noise that locks are judged against: pairs' sieve and judge on independent streams, the pulse comb and the pulse
 * numbers on noise, their tails beside those predicted, so that a threshold's 1e-9 over all lags, drifts and bends is what
 * it says. Seeds are fixed.
 */
import { describe, expect, test } from "vitest";
import { Generator } from "../../src/simulate/generator.js";
import { findComb, rayleigh } from "../../src/timing/comb.js";
import { bend, judgePeak, trialsOf } from "../../src/timing/pair-bend.js";
import { poissonTail } from "../../src/timing/pair-lines.js";
import { Correlator } from "../../src/timing/pair-search.js";
import { type ClassedSlots, findShift, scoreTail } from "../../src/timing/pulse-shift.js";
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

/** Most of `trials` events of probability `p`, but with probability 1e-6 (Bernstein). */
function most(trials: number, p: number): number {
  const log = Math.log(1e6);
  return trials * p + log / 3 + Math.sqrt((log / 3) ** 2 + 2 * log * trials * p);
}

describe("pulse noise", () => {
  test("comb: scores of a period are exponential, the largest of a search below its bound", () => {
    const random = new Generator(21, "noise");
    const [period, windows, trials] = [250_000, 400, 50];
    const scores: number[] = [];
    const largest: number[] = [];
    for (let window = 0; window < windows; window++) {
      const times = stream(random, 600_000, 1e-3);
      // A quarter of a turn over the span apart, as they are searched.
      const step = 0.25 / (1e9 / period);
      const own = Array.from(
        { length: trials },
        (_, i) => rayleigh(times, period * (1 + (i - trials / 2) * step)).score,
      );
      scores.push(own[0]!, own[trials - 1]!);
      largest.push(Math.max(...own));
    }
    for (const p of [0.5, 0.1, 0.01]) {
      const above = scores.filter((score) => score > Math.log(1 / p)).length;
      expect(above).toBeLessThanOrEqual(most(scores.length, p));
      if (p > 0.05) expect(above).toBeGreaterThan(2 * scores.length * p - most(scores.length, p));
      expect(largest.filter((score) => score > Math.log(trials / p)).length).toBeLessThanOrEqual(most(windows, p));
    }
  });

  test("comb: noise long enough for thousands of windows has none", () => {
    const times = stream(new Generator(22, "noise"), 60_000, 0.5);
    expect(findComb(times, 250_000, [-1e-6, 1e-6])).toBeUndefined();
  });

  test.each([
    ["intensities", [0.7], 2000],
    ["a weak signal's intensities", [0.2], 2000],
    ["outcomes", [0.25, 0.25, 0.25, 0.25], 1000],
    ["outcomes of uneven bases", [0.45, 0.45, 0.05, 0.05], 512],
  ])("pulse numbers by %s: wrong shifts score as rarely as their bound says", (_, shares, count) => {
    const random = new Generator(23, "noise");
    const uniform = () => (random.word() >>> 0) / 2 ** 32;
    const classOf = Uint8Array.from({ length: count }, () => Math.floor(uniform() * shares.length));
    const classed: ClassedSlots = { slots: Float64Array.from({ length: count }, (_, i) => i), classOf, shares };
    const rounds = 4000;
    const tails = Array.from({ length: rounds }, () =>
      scoreTail(
        classed,
        classOf.reduce((hits, own) => hits + (uniform() < shares[own]! ? 1 : 0), 0),
      ),
    );
    for (const p of [0.3, 0.1, 0.01, 0.001])
      expect(tails.filter((tail) => tail <= Math.log(p)).length).toBeLessThanOrEqual(most(rounds, p));
    // Chernoff's bound is no wild one: a twentieth comes within a factor of 20.
    expect(tails.filter((tail) => tail <= Math.log(0.4)).length).toBeGreaterThan(rounds / 20);
  });

  test("pulse numbers: the exact binomial tail is below the bound where a threshold lies", () => {
    // ln Σ_{k ≥ hits} C(n, k) p^k (1 − p)^(n − k)
    const exact = (n: number, p: number, hits: number) => {
      let term = n * Math.log1p(-p);
      const terms: number[] = [];
      for (let k = 0; k <= n; k++) {
        if (k >= hits) terms.push(term);
        term += Math.log((n - k) / (k + 1)) + Math.log(p / (1 - p));
      }
      const largest = Math.max(...terms);
      return largest + Math.log(terms.reduce((sum, x) => sum + Math.exp(x - largest), 0));
    };
    for (const [n, p] of [
      [1000, 0.25],
      [2000, 0.7],
      [512, 0.05],
    ] as const)
      for (const z of [3, 6, 8.7]) {
        const hits = Math.ceil(n * p + z * Math.sqrt(n * p * (1 - p)));
        const classed = { slots: new Float64Array(n), classOf: new Uint8Array(n), shares: [p] };
        const bound = scoreTail(classed, hits);
        expect(exact(n, p, hits)).toBeLessThanOrEqual(bound);
        expect(exact(n, p, hits)).toBeGreaterThan(bound - 5);
      }
  });

  test("pulse numbers: shifts among noise are none, a true one is found", async () => {
    const random = new Generator(24, "noise");
    const words = Uint32Array.from({ length: 40_000 }, () => random.word());
    const bits = async (first: number, count: number) => {
      const out = new Uint32Array(Math.ceil(count / 32) + 2);
      for (let i = 0; i < count + 32; i++) {
        const at = first + i;
        if (at >= 0 && at < words.length * 32) out[i >>> 5]! |= ((words[at >>> 5]! >>> (at & 31)) & 1) << (i & 31);
      }
      return [out];
    };
    const strong = (at: number) => ((words[at >>> 5]! >>> (at & 31)) & 1) === 1;
    const slots = Float64Array.from({ length: 1000 }, (_, i) => 7 * i);
    const classed = { slots, classOf: new Uint8Array(1000), shares: [0.5] };
    const search = { low: 0, high: 1_200_000, guess: 0 };
    expect(await findShift(classed, bits, search)).toBeUndefined();
    const true_ = 777_777;
    const seen = slots.map((slot, i) => {
      let at = slot + true_;
      while (i % 2 === 0 && !strong(at)) at++;
      return at - true_;
    });
    expect(await findShift({ ...classed, slots: seen }, bits, search)).toMatchObject({ shift: true_ });
  });
});
