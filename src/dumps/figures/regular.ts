/** Channels that beat: a clock, whose intervals are nearly all one; and clicks that fall on the pulses of a source. */
import type { Intervals } from "./intervals.js";
import { binCount, binMiddle, binOf, binStart } from "./log-bins.js";

const fewest = 8;
/** Share of the intervals in three neighbouring bins (a tenth of the period); of random events 5 % at the most. */
const clockShare = 0.5;
const coarseShare = 0.98;
/** Bins in which teeth are looked for: two octaves. */
const lookedBins = 64;

export interface Clock {
  /** Units. */
  readonly period: number;
  /** Events that are missing between the first and the last. */
  readonly missing: number;
  /** Standard deviation of an interval, units; unknown where too few were kept. */
  readonly jitter?: number;
}

/** @param span from the channel's first event to its last, units  @param samples some of its intervals, exact */
export function clockOf(
  intervals: Intervals,
  events: number,
  span: number,
  samples: readonly number[],
): Clock | undefined {
  const { counts, total } = intervals;
  if (total < fewest) return undefined;
  let mode = 2;
  const near = (b: number) => counts[b - 1]! + counts[b]! + counts[b + 1]!;
  for (let b = 2; b < binCount - 1; b++) if (near(b) > near(mode)) mode = b;
  // Where times are coarse, random ones beat too; only equal intervals throughout are a clock's there.
  const isCoarse = binStart[mode]! < 8 * intervals.grain;
  if (near(mode) < (isCoarse ? coarseShare : clockShare) * total || (isCoarse && counts[0]! > 0)) return undefined;
  const [low, high] = [binStart[mode - 1]!, binStart[mode + 2]!];
  const like = samples.filter((d) => d >= low && d < high);
  const sampled = like.reduce((sum, d) => sum + d, 0) / like.length;
  const jitter = Math.sqrt(like.reduce((sum, d) => sum + (d - sampled) ** 2, 0) / (like.length - 1));
  const isKnown = like.length >= fewest;
  if (isKnown && jitter > 0.02 * sampled) return undefined;
  const about = isKnown ? sampled : binMiddle(mode);
  let periods = 0;
  for (let b = 1; b < binCount; b++) periods += counts[b]! * Math.round(binMiddle(b) / about);
  // Thinned intervals tell the number of periods roughly; many exact ones tell it well.
  if (intervals.noise > 1 && like.length >= 100) periods = span / about;
  periods = Math.max(1, Math.round(periods));
  return { period: span / periods, missing: Math.max(0, periods - (events - 1)), ...(isKnown ? { jitter } : {}) };
}

export interface Comb {
  /** Units. */
  readonly period: number;
  readonly uncertainty: number;
  /** Teeth below the first one with clicks: the dead time covers them. */
  readonly firstTooth: number;
}

/** Whether intervals from `edge` on come in teeth of equal distance. @param samples some of them, exact */
export function combOf({ counts }: Intervals, edge: number, samples: readonly number[]): Comb | undefined {
  const first = binOf(edge);
  const looked = counts.subarray(first, first + lookedBins);
  const level = Math.max(...looked) / 4;
  if (level < 2.5) return undefined;
  const teeth: number[] = [];
  let tooth = { count: 0, sum: 0 };
  looked.forEach((count, i) => {
    if (count > level) tooth = { count: tooth.count + count, sum: tooth.sum + count * binMiddle(first + i) };
    else if (tooth.count > 0) {
      teeth.push(tooth.sum / tooth.count);
      tooth = { count: 0, sum: 0 };
    }
  });
  const gaps = teeth.slice(1, 4).map((at, i) => at - teeth[i]!);
  if (gaps.length < 3 || Math.max(...gaps) > 1.2 * Math.min(...gaps)) return undefined;
  return refined((teeth[3]! - teeth[0]!) / 3, teeth[0]!, samples);
}

/** The period from exact intervals, over ever more teeth. */
function refined(rough: number, firstTooth: number, samples: readonly number[]): Comb | undefined {
  let period = rough;
  let uncertainty: number | undefined;
  for (let most = 4; most <= 1024; most *= 4) {
    let [square, product] = [0, 0];
    const used = samples.filter((d) => d > 0 && d < (most + 0.5) * period);
    for (const d of used) {
      const k = Math.round(d / period);
      square += k * k;
      product += k * d;
    }
    if (used.length < 8) continue;
    const next = product / square;
    const rest = used.reduce((sum, d) => sum + (d - Math.round(d / next) * next) ** 2, 0) / used.length;
    // A quarter turn is what no phase at all gives.
    if (Math.sqrt(rest) > 0.2 * next) break;
    period = next;
    uncertainty = Math.sqrt(rest / square);
  }
  return uncertainty === undefined ? undefined : { period, uncertainty, firstTooth: Math.round(firstTooth / period) };
}
