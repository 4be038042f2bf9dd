/**
 * Period and phase of a pulse train from detection times alone: the Rayleigh statistic
 *
 *   R(P) = |Σ_j exp(2πi t_j / P)|² / D
 *
 * is exponential with mean 1 where times do not follow P, and D·V² where a share V of the phase is common. The drift is
 * searched in steps of a quarter turn over the span of the first detections, then the span is doubled again and again.
 */
import { falseLockProbability } from "./types.js";

export interface Comb {
  /** Pulse period in the detector's clock, ps. */
  readonly period: number;
  /** Time of a pulse's middle, ps on the scale of the times given. */
  readonly phase: number;
  /** R over the detections it rests on. */
  readonly score: number;
  /** Detections that it rests on: the pulse train runs there and its period is constant enough. */
  readonly first: number;
  readonly count: number;
}

const firstDetections = 600;
const mostDetections = 9600;
/** The train is followed until both are reached: a longer line breaks on a wandering clock. */
const enoughDetections = 2400;
const enoughPs = 4e10;
/** Coherence V² may fall by this factor when the span doubles; below it the period has changed. */
const coherenceKept = 0.6;
const turn = 2 * Math.PI;

/**
 * @param times sorted, ps from any origin near the first  @param nominal period, ps
 * @param range relative drifts [low, high] to search
 */
export function findComb(times: Float64Array, nominal: number, range: readonly [number, number]): Comb | undefined {
  const windows = Math.ceil((4 * times.length) / firstDetections) + 1;
  for (let count = firstDetections; count <= mostDetections; count *= 4) {
    const search = (first: number) =>
      searchDrift(times.subarray(first, Math.min(first + count, times.length)), nominal, range, windows);
    // A dump may begin long before the source does: the first windows are then noise, one is half noise.
    for (let first = 0; first === 0 || first + count <= times.length; first += count / 2) {
      let found = search(first);
      if (!found) continue;
      for (const later of [first + count / 2, first + count]) {
        const next = later + count <= times.length ? search(later) : undefined;
        if (next && next.score > found.score) {
          found = next;
          first = later;
        }
      }
      return refine(times.subarray(first), nominal, found, first);
    }
    if (count >= times.length) return undefined;
  }
  return undefined;
}

interface Start {
  readonly drift: number;
  readonly step: number;
  readonly count: number;
  readonly score: number;
}

function searchDrift(
  times: Float64Array,
  nominal: number,
  [low, high]: readonly [number, number],
  windows: number,
): Start | undefined {
  if (times.length < 50) return undefined;
  const periods = Math.max(1, (times[times.length - 1]! - times[0]!) / nominal);
  const step = 0.25 / periods;
  const trials = Math.ceil((high - low) / step) + 1;
  let best = { drift: 0, score: 0 };
  for (let i = 0; i < trials; i++) {
    const drift = low + i * step;
    const { score } = rayleigh(times, nominal * (1 + drift));
    if (score > best.score) best = { drift, score };
  }
  return best.score > Math.log((trials * windows) / falseLockProbability)
    ? { ...best, step, count: times.length }
    : undefined;
}

function refine(times: Float64Array, nominal: number, start: Start, first: number): Comb {
  let { drift, step, count } = start;
  let coherence = 0;
  let kept = { drift, count };
  for (;;) {
    const part = times.subarray(0, count);
    let best = { drift, score: -1 };
    for (let i = -6; i <= 6; i++) {
      const { score } = rayleigh(part, nominal * (1 + drift + (i * step) / 4));
      if (score > best.score) best = { drift: drift + (i * step) / 4, score };
    }
    if (best.score / count < coherenceKept * coherence) break;
    coherence = best.score / count;
    drift = best.drift;
    kept = { drift, count };
    const span = part[count - 1]! - times[0]!;
    if (count === times.length || (count >= enoughDetections && span >= enoughPs)) break;
    count = Math.min(times.length, count * 2);
    step = (step * Math.max(span, 1)) / Math.max(span, times[count - 1]! - times[0]!);
  }
  const period = nominal * (1 + kept.drift);
  const part = times.subarray(0, kept.count);
  const { score, angle } = rayleigh(part, period);
  const coarse = { period, phase: times[0]! + (angle / turn) * period, score, first, count: kept.count };
  return [1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64].reduce(
    (comb, share) => straighten(part, comb, share * nominal),
    coarse,
  );
}

/** Straight line through the residuals within `reach` of the comb: what a grid of drifts is too coarse for. */
function straighten(times: Float64Array, comb: Comb, reach: number): Comb {
  let [n, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < times.length; i++) {
    const t = times[i]! - comb.phase;
    const x = Math.round(t / comb.period);
    const y = t - x * comb.period;
    if (Math.abs(y) > reach) continue;
    n++;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  const spread = n * sxx - sx * sx;
  if (n < 20 || !(spread > 0)) return comb;
  const slope = (n * sxy - sx * sy) / spread;
  return { ...comb, period: comb.period + slope, phase: comb.phase + (sy - slope * sx) / n };
}

/** Angles are counted from the first time, so that large origins cost no precision. */
export function rayleigh(times: Float64Array, period: number): { score: number; angle: number } {
  let [x, y] = [0, 0];
  const first = times[0]!;
  for (let i = 0; i < times.length; i++) {
    const cycles = (times[i]! - first) / period;
    const angle = turn * (cycles - Math.floor(cycles));
    x += Math.cos(angle);
    y += Math.sin(angle);
  }
  return { score: (x * x + y * y) / times.length, angle: Math.atan2(y, x) };
}
