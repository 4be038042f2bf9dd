/**
 * Differences t_b − t_a near a known lag, gathered along drift lines in a two-dimensional histogram (KERNELS.md D): the
 * fullest bin must stand out of Poisson noise over all bins and lines; then a regression.
 */
import { lowerBound } from "./events.js";
import { falseLockProbability } from "./types.js";

export interface PairLine {
  /** t_b = t_a + offset + drift·(t_a − reference), ps on the scale of the times given. */
  readonly offset: number;
  readonly drift: number;
  readonly reference: number;
  /** Of the search. */
  readonly driftStep: number;
}

/**
 * @param around offset t_b − t_a, ± reach; @param largestDrift relative
 */
export function fineLine(
  a: Float64Array,
  b: Float64Array,
  around: number,
  reach: number,
  largestDrift: number,
): PairLine | undefined {
  const reference = Math.max(a[0] ?? 0, (b[0] ?? 0) - around);
  const end = Math.min(a[a.length - 1] ?? 0, (b[b.length - 1] ?? 0) - around);
  for (let span = 2e10; ; span *= 2) {
    const near = differences(a, b, around, reach, reference, reference + span);
    const found = searchLines(near, reach, largestDrift, span);
    if (found) return { offset: around + found.offset, drift: found.drift, reference, driftStep: usualBinPs / span };
    if (reference + span > end) return undefined;
  }
}

export interface Differences {
  /** Alice's time after a reference, and t_b less what is expected. */
  readonly at: Float64Array;
  readonly delta: Float64Array;
}

function differences(
  a: Float64Array,
  b: Float64Array,
  around: number,
  reach: number,
  from: number,
  to: number,
): Differences {
  const at: number[] = [];
  const delta: number[] = [];
  let j = lowerBound(b, from + around - reach);
  for (let i = lowerBound(a, from); i < a.length && a[i]! < to; i++) {
    const middle = a[i]! + around;
    while (j < b.length && b[j]! < middle - reach) j++;
    for (let k = j; k < b.length && b[k]! <= middle + reach; k++) {
      at.push(a[i]! - from);
      delta.push(b[k]! - middle);
    }
  }
  return { at: Float64Array.from(at), delta: Float64Array.from(delta) };
}

const usualBinPs = 4000;

/** Histograms along drift lines; the fullest bin must stand out of Poisson noise over all bins and lines. */
export function searchLines(
  { at, delta }: Differences,
  reach: number,
  largestDrift: number,
  span: number,
  lineBinPs = usualBinPs,
) {
  if (at.length < 20) return undefined;
  const step = lineBinPs / span;
  const lines = Math.ceil(largestDrift / step);
  const slope = largestDrift * span;
  const bins = Math.ceil((2 * (reach + slope)) / lineBinPs) + 2;
  const counts = new Uint32Array(bins);
  let best = { count: 0, offset: 0, drift: 0 };
  for (let line = -lines; line <= lines; line++) {
    const drift = line * step;
    counts.fill(0);
    for (let i = 0; i < at.length; i++) {
      const bin = Math.floor((delta[i]! - drift * at[i]! + reach + slope) / lineBinPs);
      const count = ++counts[bin]!;
      if (count > best.count) best = { count, offset: (bin + 0.5) * lineBinPs - reach - slope, drift };
    }
  }
  const expected = Math.max(0.05, (at.length * lineBinPs) / (2 * reach));
  const trials = bins * (2 * lines + 1);
  if (best.count < 10 || poissonTail(best.count, expected) + Math.log(trials) > Math.log(falseLockProbability))
    return undefined;
  return best;
}

export interface FittedLine {
  /** Points that it goes through. */
  readonly inside: number;
  /** Mean of x, and the line there. */
  readonly at: number;
  readonly offset: number;
  readonly drift: number;
  /** Σ(x − mean)². */
  readonly spread: number;
}

/** Least squares from sums over n points; too few of them give none. */
export function lineOfSums(n: number, sx: number, sy: number, sxx: number, sxy: number): FittedLine | undefined {
  if (n < 5) return undefined;
  const at = sx / n;
  const spread = sxx - sx * at;
  return { inside: n, at, offset: sy / n, drift: spread > 0 ? (sxy - at * sy) / spread : 0, spread };
}

/** Straight line through the differences within `reach` of one, and how many lie beside them as far again. */
export function fitLine({ at, delta }: Differences, line: { offset: number; drift: number }, reach: number) {
  let [n, beside, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < at.length; i++) {
    const x = at[i]!;
    const y = delta[i]! - line.offset - line.drift * x;
    if (Math.abs(y) > reach) {
      if (Math.abs(y) <= 2 * reach) beside++;
      continue;
    }
    n++;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  const found = lineOfSums(n, sx, sy, sxx, sxy);
  if (!found) return undefined;
  const offset = line.offset + line.drift * found.at + found.offset;
  return { ...found, beside, offset, drift: line.drift + found.drift };
}

/** ln of an upper bound on P[X ≥ n], X Poisson with mean m < n (Chernoff). */
export function poissonTail(n: number, m: number): number {
  return n <= m ? 0 : n - m - n * Math.log(n / m);
}
