/**
 * Decoy-state estimates of vacuum and single-photon events of a block (FORMULAS.md 2), from counts per intensity,
 * strongest first.
 *
 *   two decoys: Lim et al., PRA 89, 022307 (2014) [L14], Eqs. 2–4, A1–A6
 *   one decoy:  Rusca et al., APL 112, 171104 (2018) [R18], App. A, Eqs. A10, A16, A17, A19, A22
 *
 * Every estimate is an alternating sum that can cancel; it carries a bound on its float64 rounding error, which `d`, `c`
 * and `x` take into account before they are made whole.
 */

export interface DecoyInput {
  /** Mean photon numbers. */
  readonly mu: readonly number[];
  /** Emission probabilities. */
  readonly p: readonly number[];
  readonly nKey: readonly number[];
  readonly nTest: readonly number[];
  readonly mTest: readonly number[];
  /** Errors in the key basis; one decoy only. */
  readonly mKey?: readonly number[];
}

export interface DecoyEstimate {
  /** Lower bounds: vacuum and single-photon events in the key basis, single-photon events in the check basis. */
  readonly s0: number;
  readonly s1: number;
  readonly s1Test: number;
  /** Upper bound on single-photon errors in the check basis, at most the errors counted: v_1 is a part of them. */
  readonly v1: number;
  /** v1 as published: at most the detections of the check basis. */
  readonly v1Published: number;
  /** Whole numbers for the sampling bound: errors ⌈v1⌉, checked ⌊s1Test⌋, key ⌊s1⌋, safe against rounding errors. */
  readonly x: number;
  readonly d: number;
  readonly c: number;
  /** Largest float64 error of s0 + s1. */
  readonly rounding: number;
  /** Fields of the known answers that only one of the two variants has. */
  readonly more: Readonly<Record<string, number>>;
  /** What went into the estimates, for recomputation by hand. */
  readonly terms: Readonly<Record<string, number | readonly number[]>>;
}

/** @param lnInverseE ln(1/e) with e = ε_sec/21 */
export function twoDecoy(input: DecoyInput, lnInverseE: number): DecoyEstimate {
  const { nKey, nTest, mTest } = input;
  const [mu1, mu2, mu3] = input.mu as [number, number, number];
  const { tau0, tau1, scaled } = preparation(input, lnInverseE);
  const [key, test, errors] = [scaled(nKey), scaled(nTest), scaled(mTest)];
  const spread = mu2 - mu3;
  const denominator = mu1 * spread - mu2 * mu2 + mu3 * mu3;

  // [L14] Eq. 2
  const vacuum = (n: Scaled) =>
    estimate([(tau0 * mu2 * n.lower[2]!) / spread, (-tau0 * mu3 * n.upper[1]!) / spread], 0, n.total);
  // [L14] Eq. 3
  const single = (n: Scaled, s0: Estimate) => {
    const factor = (tau1 * mu1) / denominator;
    const share = (mu2 * mu2 - mu3 * mu3) / (mu1 * mu1);
    return estimate(
      [factor * n.lower[1]!, -factor * n.upper[2]!, -factor * share * n.upper[0]!, (factor * share * s0.value) / tau0],
      0,
      n.total - s0.value,
    );
  };
  const s0 = vacuum(key);
  const s0Test = vacuum(test);
  const s1 = single(key, s0);
  // [L14] Eq. 4
  const parts = [(tau1 * errors.upper[1]!) / spread, (-tau1 * errors.lower[2]!) / spread];
  return summary({
    s0,
    s1,
    s1Test: single(test, s0Test),
    v1: estimate(parts, 0, errors.total),
    v1Published: estimate(parts, 0, test.total),
    more: { s0_test: s0Test.value },
    terms: { tau0, tau1, ...terms("key", key), ...terms("test", test), ...terms("errors", errors) },
  });
}

/**
 * s0+ uses the weak intensity alone: the minimum over both would be one Hoeffding event more, and C = 20 (FORMULAS.md 2).
 * @param lnInverseE ln(1/e) with e = ε_sec/19
 */
export function oneDecoy(input: DecoyInput, lnInverseE: number): DecoyEstimate {
  const { p, nKey, nTest, mTest } = input;
  const [mu1, mu2] = input.mu as [number, number];
  const { tau0, tau1, scaled } = preparation(input, lnInverseE);
  const [key, test, errors, keyErrors] = [scaled(nKey), scaled(nTest), scaled(mTest), scaled(input.mKey ?? [])];
  const spread = mu1 - mu2;

  // [R18] A16 with A18's missing e^μ/p
  const vacuumUpper = (n: Scaled, m: Scaled) =>
    estimate([2 * tau0 * (Math.exp(mu2) / p[1]!) * (m.counts[1]! + m.deviation), 2 * n.deviation], 0, n.total);
  // [R18] A19
  const vacuum = (n: Scaled, upper: Estimate) => {
    const s0 = estimate([(tau0 * mu1 * n.lower[1]!) / spread, (-tau0 * mu2 * n.upper[0]!) / spread], 0, n.total);
    return s0.value <= upper.value ? s0 : upper;
  };
  // [R18] A17
  const single = (n: Scaled, lower: Estimate, upper: Estimate) => {
    const factor = (tau1 * mu1) / (mu2 * spread);
    const square = (mu2 * mu2) / (mu1 * mu1);
    return estimate(
      [
        factor * n.lower[1]!,
        -factor * square * n.upper[0]!,
        (-factor * ((mu1 * mu1 - mu2 * mu2) / (mu1 * mu1)) * upper.value) / tau0,
      ],
      0,
      n.total - lower.value,
    );
  };
  const upper = vacuumUpper(key, keyErrors);
  const upperTest = vacuumUpper(test, errors);
  const s0 = vacuum(key, upper);
  // [R18] A22
  const parts = [(tau1 * errors.upper[0]!) / spread, (-tau1 * errors.lower[1]!) / spread];
  return summary({
    s0,
    s1: single(key, s0, upper),
    s1Test: single(test, vacuum(test, upperTest), upperTest),
    v1: estimate(parts, 0, errors.total),
    v1Published: estimate(parts, 0, test.total),
    more: { s0_upper: upper.value, s0_upper_test: upperTest.value },
    terms: {
      tau0,
      tau1,
      ...terms("key", key),
      ...terms("test", test),
      ...terms("errors", errors),
      keyErrorsDeviation: keyErrors.deviation,
    },
  });
}

/** n±_k = e^μ_k / p_k · (n_k ± d(N)) with d(N) = √(N/2 · ln(1/e)), N over all intensities: [L14] A1–A2. */
interface Scaled {
  readonly counts: readonly number[];
  readonly total: number;
  readonly deviation: number;
  readonly lower: readonly number[];
  readonly upper: readonly number[];
}

function preparation({ mu, p }: DecoyInput, lnInverseE: number) {
  const vacuum = mu.map((mean, k) => p[k]! * Math.exp(-mean));
  const weight = mu.map((mean, k) => Math.exp(mean) / p[k]!);
  return {
    /** τ_0, τ_1: probability that a pulse holds no or one photon. */
    tau0: sum(vacuum),
    tau1: sum(vacuum.map((share, k) => share * mu[k]!)),
    scaled(counts: readonly number[]): Scaled {
      const total = sum(counts);
      const deviation = Math.sqrt((total / 2) * lnInverseE);
      return {
        counts,
        total,
        deviation,
        lower: counts.map((n, k) => weight[k]! * Math.max(0, n - deviation)),
        upper: counts.map((n, k) => weight[k]! * (n + deviation)),
      };
    },
  };
}

interface Estimate {
  readonly value: number;
  /** Largest float64 error of `value`. */
  readonly error: number;
  /** The bounds that the value was clamped to, error included: [low, high]. */
  readonly range: readonly [number, number];
}

/**
 * Rounding error relative to the largest summand: every summand comes from under 32 operations, each within 2^-53
 * (Math.exp: within 2^-52), and the errors of inputs that are decimals.
 */
const relativeError = 2 ** -47;

function estimate(parts: readonly number[], low: number, high: number): Estimate {
  const value = sum(parts);
  const error = relativeError * parts.reduce((total, part) => total + Math.abs(part), 0);
  return {
    value: clamp(value, low, high),
    error: value >= high ? relativeError * Math.abs(high) : error,
    range: [clamp(value - error, low, high), clamp(value + error, low, high)],
  };
}

function summary(parts: {
  s0: Estimate;
  s1: Estimate;
  s1Test: Estimate;
  v1: Estimate;
  v1Published: Estimate;
  more: DecoyEstimate["more"];
  terms: DecoyEstimate["terms"];
}): DecoyEstimate {
  const { s0, s1, s1Test, v1, v1Published, more, terms: used } = parts;
  return {
    s0: s0.value,
    s1: s1.value,
    s1Test: s1Test.value,
    v1: v1.value,
    v1Published: v1Published.value,
    x: Math.ceil(v1.range[1]),
    d: Math.floor(s1Test.range[0]),
    c: Math.floor(s1.range[0]),
    rounding: s0.error + s1.error,
    more,
    terms: used,
  };
}

function terms(name: string, { total, deviation, lower, upper }: Scaled): DecoyEstimate["terms"] {
  return {
    [`${name}Total`]: total,
    [`${name}Deviation`]: deviation,
    [`${name}Lower`]: lower,
    [`${name}Upper`]: upper,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** NaN stays NaN: it is caught where the length is made. */
function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
