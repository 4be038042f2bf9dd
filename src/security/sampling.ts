/**
 * From errors seen in the check basis to a bound on phase errors in the key basis: the hypergeometric tail in two
 * Chernoff forms, in place of the γ approximation, which is unsafe for few errors and NaN at none (FORMULAS.md 3;
 * Hoeffding, JASA 58, 13 (1963), section 6 = Chvátal (1979); roles exchanged: Mannalath, Zapatero, Curty,
 * arXiv:2410.04095 and arXiv:2510.19726).
 *
 *   N = c + d rounds, of which a uniform d-subset is checked and shows x errors; L = ln(1/α)
 *   φ_H = (N q − x)/c    with  d·KL(x/d ‖ q) = L,      q in (x/d, 1)
 *   φ_S = (K − x)/c      with  K·KL(x/K ‖ d/N) = L,    K in (x N/d, N]; none: 1/2
 *
 * Both forms bound the same tail, so their minimum costs no union bound. The unknowns are solved for as excesses over
 * the plain estimate (q = x/d + δ, K = x N/d + κ): φ_H = x/d + N δ/c and φ_S = x/d + κ/c lose no digits, and KL is a sum
 * of positive parts, KL(p ‖ p + δ) = p·r(δ/p) + (1 − p)·r(−δ/(1 − p)) with r(u) = u − ln(1 + u), where the textbook form
 * cancels. Left sides grow with the unknown: bisection to adjacent doubles, the upper one kept.
 */

export interface PhaseErrorBound {
  readonly phiH: number;
  readonly phiS: number;
  /** min(φ_H, φ_S); all three at most 1/2, which they are where the sample says nothing. */
  readonly phi: number;
}

const nothing: PhaseErrorBound = { phiH: 0.5, phiS: 0.5, phi: 0.5 };

/**
 * Fails at most with probability α, whatever the errors' number, for a uniformly chosen checked subset.
 * @param x errors seen, rounded up  @param d checked rounds, rounded down  @param c key rounds, rounded down
 * @param lnInverseAlpha L = ln(1/α); α itself is never formed, it underflows
 */
export function phaseErrorBound(x: number, d: number, c: number, lnInverseAlpha: number): PhaseErrorBound {
  const informative = d > 0 && c > 0 && x >= 0 && x < d && lnInverseAlpha > 0;
  if (!informative) return nothing;
  const n = c + d;
  const seen = x / d;
  const phiH = atMostHalf(seen + (n * rateExcess(x, d, lnInverseAlpha)) / c);
  const excess = totalExcess(x, d, c, lnInverseAlpha);
  const phiS = excess === undefined ? 0.5 : atMostHalf(seen + excess / c);
  return { phiH, phiS, phi: Math.min(phiH, phiS) };
}

/** δ = q − x/d of φ_H. */
function rateExcess(x: number, d: number, bound: number): number {
  if (x === 0) return -Math.expm1(-bound / d);
  const right = (d - x) / d;
  return upperRoot(right, (delta) => x * excessLog((delta * d) / x) + (d - x) * excessLog(-delta / right) >= bound);
}

/** κ = K − x N/d of φ_S, or undefined where no K ≤ N satisfies the bound. */
function totalExcess(x: number, d: number, c: number, bound: number): number | undefined {
  const n = c + d;
  if (x === 0) {
    const total = bound / -(d < c ? Math.log1p(-d / n) : Math.log(c / n));
    return total <= n ? total : undefined;
  }
  const most = c - (x * c) / d;
  const reached = (kappa: number) => {
    // K − x = x c/d + κ, without forming K first
    const unseen = (x * c) / d + kappa;
    const shrink = (d * kappa) / (n * unseen);
    const right = shrink < 0.5 ? excessLog(-shrink) : -shrink - Math.log((c / n) * (1 + x / unseen));
    return x * excessLog((d * kappa) / (n * x)) + unseen * right >= bound;
  };
  return reached(most) ? upperRoot(most, reached) : undefined;
}

/** r(u) = u − ln(1 + u) for u > −1: the series where the difference would cancel. */
function excessLog(u: number): number {
  if (Math.abs(u) > 0.125) return u <= -1 ? Number.POSITIVE_INFINITY : u - Math.log1p(u);
  let sum = 0;
  for (let k = seriesTerms; k >= 2; k--) sum = 1 / k - u * sum;
  return u * u * sum;
}
/** 0.125^18/20 < 2^-53: the rest is below a rounding error. */
const seriesTerms = 20;

/** Smallest double in (0, high] for which `reached` holds, given that it holds at `high`. */
function upperRoot(high: number, reached: (value: number) => boolean): number {
  let low = 0;
  for (let upper = high; ; ) {
    const middle = low + (upper - low) / 2;
    if (middle <= low || middle >= upper) return upper;
    if (reached(middle)) upper = middle;
    else low = middle;
  }
}

/** NaN stays NaN: the key length refuses it. */
function atMostHalf(phi: number): number {
  return Math.min(phi, 0.5);
}
