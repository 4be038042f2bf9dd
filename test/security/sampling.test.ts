/**
 * Does the sampling bound hold? Exactly, by counting every case of small populations; and by Monte-Carlo on the
 * estimates built on it, at a stated confidence.
 */
import { describe, expect, it } from "vitest";
import { oneDecoy, twoDecoy } from "../../src/security/decoy.js";
import { phaseErrorBound } from "../../src/security/index.js";

const slow = Boolean(process.env.QKD_SLOW);

describe("exact hypergeometric tail", () => {
  const largest = 130;
  const choose: bigint[][] = [];
  for (let n = 0; n <= largest; n++) {
    choose.push(
      Array.from({ length: n + 1 }, (_, k) => (k === 0 || k === n ? 1n : choose[n - 1]![k - 1]! + choose[n - 1]![k]!)),
    );
  }
  const binomial = (n: number, k: number) => (k < 0 || k > n ? 0n : choose[n]![k]!);

  /** Probability that the bound is broken, times C(N, d); a bound of 1/2 promises nothing and is never broken. */
  function broken(n: number, d: number, errors: number, bounds: readonly number[]): bigint {
    const c = n - d;
    let ways = 0n;
    for (let x = Math.max(0, errors - c); x <= Math.min(errors, d); x++)
      if (bounds[x]! < 0.5 && (errors - x) / c > bounds[x]!) ways += binomial(errors, x) * binomial(n - errors, d - x);
    return ways;
  }

  it(
    "never fails more often than α: every K, d and x of populations up to 130",
    () => {
      let cases = 0;
      let tightest = 0;
      const populations = slow ? Array.from({ length: largest - 1 }, (_, i) => i + 2) : [2, 3, 7, 20, 41, 64, 90, 130];
      for (const n of populations)
        for (let d = 1; d < n; d++)
          for (const power of [1, 2, 3, 6, 10, 20]) {
            const bounds = Array.from({ length: d + 1 }, (_, x) => phaseErrorBound(x, d, n - d, power * Math.LN10).phi);
            for (let errors = 0; errors <= n; errors++) {
              const ways = broken(n, d, errors, bounds);
              const total = binomial(n, d);
              if (ways * 10n ** BigInt(power) > total)
                throw new Error(`N ${n}, d ${d}, K ${errors}: fails more often than 1e-${power}`);
              cases++;
              tightest = Math.max(tightest, Number((ways * 10n ** BigInt(power) * 1000n) / total) / 1000);
            }
          }
      expect(cases).toBeGreaterThan(100_000);
      // the check bites: the bound is neither vacuous nor far from α
      expect(tightest).toBeGreaterThan(0.3);
    },
    slow ? 600_000 : 30_000,
  );
});

/**
 * Clopper–Pearson: were the true failure probability at most `rate`, so many failures would be seen with probability
 * below 1e-6 (Chernoff form, itself an upper bound).
 */
function significantlyAbove(failures: number, trials: number, rate: number): boolean {
  const seen = failures / trials;
  if (seen <= rate) return false;
  const divergence = seen * Math.log(seen / rate) + (seen < 1 ? (1 - seen) * Math.log((1 - seen) / (1 - rate)) : 0);
  return trials * divergence > Math.log(1e6);
}

/** Mulberry32: statistical tests are repeatable. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("Monte-Carlo, false alarm 1e-6 a case", () => {
  const trials = slow ? 1_000_000 : 40_000;

  function failureRate(n: number, d: number, errors: number, seed: number, bound: (x: number) => number): number {
    const random = generator(seed);
    const bounds = Array.from({ length: Math.min(errors, d) + 1 }, (_, x) => bound(x));
    let failures = 0;
    for (let trial = 0; trial < trials; trial++) {
      let left = errors;
      let x = 0;
      for (let i = 0; i < d; i++)
        if (random() * (n - i) < left) {
          x++;
          left--;
        }
      if ((errors - x) / (n - d) > bounds[x]!) failures++;
    }
    return failures / trials;
  }

  it.each([
    [400, 100, 20, 2],
    [400, 200, 3, 1],
    [1000, 120, 60, 1],
    [300, 250, 30, 2],
    [2000, 60, 100, 3],
  ])(
    "the phase error of N = %i, d = %i, K = %i exceeds its bound at most with probability 1e-%i",
    (n, d, errors, power) => {
      const alpha = 10 ** -power;
      const rate = failureRate(
        n,
        d,
        errors,
        7 + n + errors,
        (x) => phaseErrorBound(x, d, n - d, power * Math.LN10).phi,
      );
      expect(significantlyAbove(rate * trials, trials, alpha)).toBe(false);
      // the plain estimate without a margin fails, and the judge says so
      const plain = failureRate(n, d, errors, 8 + n, (x) => x / d);
      expect(significantlyAbove(plain * trials, trials, alpha)).toBe(true);
    },
  );

  it("decoy estimates of a simulated source bound the photon numbers that it really sent", () => {
    const lnInverseE = Math.log(20);
    const e = 1 / 20;
    const rounds = slow ? 4000 : 400;
    const random = generator(36);
    const cases = [
      { estimate: twoDecoy, mu: [0.5, 0.1, 0.002], p: [0.5, 0.25, 0.25] },
      { estimate: oneDecoy, mu: [0.51, 0.15], p: [0.6, 0.4] },
    ];
    for (const { estimate, mu, p } of cases) {
      const failed = { s0: 0, s1: 0, s1Test: 0, v1: 0, upper: 0 };
      for (let round = 0; round < rounds; round++) {
        const key = simulate(mu, p, 1500, random);
        const test = simulate(mu, p, 1500, random);
        const { s0, s1, s1Test, v1, more } = estimate(
          { mu, p, nKey: key.n, mKey: key.m, nTest: test.n, mTest: test.m },
          lnInverseE,
        );
        if (s0 > key.vacuum) failed.s0++;
        if (s1 > key.single) failed.s1++;
        if (s1Test > test.single) failed.s1Test++;
        if (v1 < test.singleErrors) failed.v1++;
        if (more.s0_upper !== undefined && more.s0_upper < key.vacuum) failed.upper++;
      }
      // how many Hoeffding events each estimate rests on (FORMULAS.md 2)
      for (const [name, events] of [
        ["s0", 2],
        ["s1", 5],
        ["s1Test", 5],
        ["v1", 2],
        ["upper", 2],
      ] as const)
        expect(significantlyAbove(failed[name], rounds, events * e), name).toBe(false);
    }
  }, 120_000);
});

/** Detections of a lossy channel with dark counts, with the photon numbers that a real link never tells. */
function simulate(mu: number[], p: number[], detections: number, random: () => number) {
  const n = mu.map(() => 0);
  const m = mu.map(() => 0);
  const seen = { vacuum: 0, single: 0, singleErrors: 0 };
  while (n.reduce((a, b) => a + b) < detections) {
    let k = 0;
    for (let r = random() - p[0]!; r > 0 && k < mu.length - 1; r -= p[k]!) k++;
    let photons = 0;
    for (let r = random() - Math.exp(-mu[k]!), weight = Math.exp(-mu[k]!); r > 0 && photons < 20; r -= weight)
      weight *= mu[k]! / ++photons;
    const arrived = random() > 0.9 ** photons;
    if (!arrived && random() > 0.02) continue;
    const wrong = arrived ? random() < 0.02 : random() < 0.5;
    n[k]!++;
    if (wrong) m[k]!++;
    if (photons === 0) seen.vacuum++;
    if (photons === 1) {
      seen.single++;
      if (wrong) seen.singleErrors++;
    }
  }
  return { n, m, ...seen };
}
