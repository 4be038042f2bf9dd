/**
 * Afterpulse share p: after a click at 0, dead until τ, intervals survive t > τ with (1 − p)·exp(−λ(t − τ)) once its
 * afterpulses are over. Of a stretch with mean interval m the rate between clicks is λ = (1 − p)/(m − τ − p·t̄), t̄ their
 * mean delay; so one equation, the intervals longer than a cut c, gives p:
 *
 *   N(> c) = Σ n_i (1 − p) exp(−λ_i (c − τ)),   σ² = (q(1 − q) − x²q²) / (N q²(1 − x)²),  x = λ(c − τ), q = e^−x
 *
 * the variance being that of spacings, whose sum is known. The cut is six mean delays after τ. Where the tail is not as
 * the stretches' rates say (light that flickers faster than they resolve), the rate comes from the tail itself.
 */
import type { Intervals } from "./intervals.js";
import { binMiddle, binOf, binStart } from "./log-bins.js";

/** Standard deviations from which on a share is called seen; 12 cuts are tried, nested: 4·10⁻⁶ by chance. */
const seenFrom = 5;
const cuts = 12;
const widestCut = 0.5;
const tailCut = 1.5;

export interface Afterpulse {
  readonly share: number;
  readonly uncertainty: number;
  /** What is called afterpulse comes within this time after the dead time, units. */
  readonly window: number;
  readonly seen: boolean;
  /** The rate was taken from the intervals' tail: the light is not steady. */
  readonly unsteady: boolean;
}

export function afterpulseOf(
  intervals: Intervals,
  dead: { readonly units: number; readonly uncertainty: number },
  comb?: number,
): Afterpulse | undefined {
  const mean = intervals.mean - dead.units;
  if (!(intervals.total >= 100 && mean > 0)) return undefined;
  const snapped = (window: number) => (comb ? Math.max(1, Math.round(window / comb)) * comb : window);
  const at = (window: number, delay: number) => estimate(intervals, dead, window, delay, comb ?? 0);
  let best: Afterpulse | undefined;
  for (let k = 0; k < cuts; k++) {
    const window = snapped(widestCut * mean * 0.5 ** k);
    if (intervals.total * (window / mean) < 10) break;
    const found = at(window, 0);
    if (!best || found.share / found.uncertainty > best.share / best.uncertainty) best = found;
  }
  if (!best) return undefined;
  if (best.share / best.uncertainty < seenFrom) return { ...at(snapped(0.25 * mean), 0), seen: false };
  const delay = meanDelay(intervals, dead.units, 2 * best.window);
  const found = at(snapped(Math.min(Math.max(6 * delay, 3 * best.window), widestCut * mean)), delay);
  // Light that flickers bunches clicks too, but over times of the order of the mean interval.
  const isLight = found.unsteady && found.window > 0.2 * mean;
  return { ...found, seen: !isLight };
}

function estimate(
  intervals: Intervals,
  dead: { readonly units: number; readonly uncertainty: number },
  window: number,
  delay: number,
  comb: number,
): Afterpulse {
  const { total, mean: interval, noise } = intervals;
  const survivors = (after: number) => total - intervals.shorterThan(dead.units + after);
  const mean = interval - dead.units;
  const solve = (factor: number) => shareFrom(intervals, dead.units, window, delay, survivors(window), factor);
  const variance = (x: number) => Math.exp(-x) * (1 - Math.exp(-x)) - x * x * Math.exp(-2 * x);
  let share = solve(1);
  const x = (window / mean) * (1 - share);
  const q = Math.exp(-x);
  let squared = (noise * variance(x)) / (total * q * q * (1 - x) ** 2);
  const tail = tailCut * mean;
  const deviation = survivors(tail) - model(intervals, dead.units, tail, delay, share, 1);
  const unsteady = Math.abs(deviation) > 5 * Math.sqrt(noise * total * variance(tailCut)) + 1;
  if (unsteady) {
    let [low, high] = [0.1, 50];
    for (let i = 0; i < 40; i++) {
      const factor = Math.sqrt(low * high);
      const left = model(intervals, dead.units, tail, delay, solve(factor), factor);
      if (left > survivors(tail)) low = factor;
      else high = factor;
    }
    share = solve(Math.sqrt(low * high));
    const lever = window / (tail - window);
    const relative = (cut: number) => {
      const left = Math.max(1, survivors(cut)) / total;
      return (noise * (1 - left)) / (total * left);
    };
    squared = (1 + lever) ** 2 * relative(window) + lever ** 2 * relative(tail);
  }
  // Where a bin is wider than a tooth of the comb, the cut is uncertain by part of a tooth.
  const b = binOf(dead.units + window);
  const tooth = binStart[b + 1]! - binStart[b]! > comb / 2 ? 0.3 * comb : 0;
  const uncertainty = Math.sqrt(
    squared + (noise * Math.max(0, share) * (1 - share)) / total + (dead.uncertainty / mean) ** 2 + (tooth / mean) ** 2,
  );
  return { share, uncertainty, window, seen: false, unsteady };
}

/** Intervals that outlive τ + after. @param factor of the stretches' rates */
function model(
  { stretches, total }: Intervals,
  dead: number,
  after: number,
  delay: number,
  p: number,
  factor: number,
): number {
  let [sum, events] = [0, 0];
  for (const { events: n, live } of stretches) {
    const free = Math.max(live / n - dead - p * delay, 1e-6 * (live / n));
    sum += n * (1 - p) * Math.exp((-factor * (1 - p) * after) / free);
    events += n;
  }
  return events > 0 ? (sum * total) / events : 0;
}

/** Bisection: fewer intervals outlive the cut the more afterpulses there are. */
function shareFrom(
  intervals: Intervals,
  dead: number,
  window: number,
  delay: number,
  survivors: number,
  factor: number,
): number {
  let [low, high] = [-1, 0.999];
  for (let i = 0; i < 50; i++) {
    const p = (low + high) / 2;
    if (model(intervals, dead, window, delay, p, factor) > survivors) low = p;
    else high = p;
  }
  return (low + high) / 2;
}

/** Mean time after the dead time of the intervals that chance does not explain. */
function meanDelay(intervals: Intervals, dead: number, window: number): number {
  const [first, last] = [binOf(dead), binOf(dead + window)];
  const rate = 1 / (intervals.mean - dead);
  const level =
    intervals.counts.slice(last, last + 8).reduce((sum, n) => sum + n, 0) / (binStart[last + 8]! - binStart[last]!);
  let [sum, excess] = [0, 0];
  for (let b = first; b < last; b++) {
    const after = Math.max(0, binMiddle(b) - dead);
    const width = binStart[b + 1]! - Math.max(dead, binStart[b]!);
    const more = intervals.counts[b]! - level * Math.exp(rate * (window - after)) * width;
    sum += more * after;
    excess += more;
  }
  return excess > 0 && sum > 0 ? Math.min(window, sum / excess) : window / 6;
}
