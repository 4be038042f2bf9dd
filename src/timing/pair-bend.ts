/**
 * A peak of the coarse search, judged: differences near its lag, by slices of time and bins a quarter as wide, summed along
 * parabolas, which tell the drift and its change too (a pass changes its drift by several ppm there). The fullest sum must
 * stand out of Poisson noise over all lags, drifts and bends of the search.
 */
import { lowerBound } from "./events.js";
import { poissonTail } from "./pair-lines.js";
import type { Peak } from "./pair-search.js";
import { falseLockProbability } from "./types.js";

export interface CoarseOffset {
  /** t_b − t_a at `at` of b's clock, ps, ± a bin. */
  readonly offset: number;
  readonly at: number;
  /** Relative drift of b there, ± its reach, and its change a picosecond. */
  readonly drift: number;
  readonly driftReach: number;
  readonly rate: number;
  /** Pairs in the peak. */
  readonly pairs: number;
}

const slices = 64;
const bendBins = 64;
/** Of the peak's bin. */
const bendShare = 1 / 4;
/** Changes of the drift, 15 ppm/s, in half a bin's bow. */
const largestRate = 15e-18;
const rateBins = 4;
/** A changing drift is believed where it gathers more than this many roots of the count. */
const rateSigmas = 0.5;
/** A peak seen at a wrong drift is followed to the right one in so many steps. */
const mostSteps = 24;

interface Grid {
  readonly binPs: number;
  readonly driftStep: number;
  readonly rateStep: number;
  readonly rates: number;
}

function gridOf(span: number, peakBinPs: number): Grid {
  const binPs = peakBinPs * bendShare;
  const rateStep = (rateBins * binPs) / span ** 2;
  return { binPs, driftStep: binPs / 2 / span, rateStep, rates: Math.floor(largestRate / rateStep) };
}

/** Sums that a search over a range of offsets chooses from, all its drifts and bends. */
export function mostTrials(range: number, largestDrift: number, span: number, peakBinPs: number): number {
  const { binPs, driftStep, rates } = gridOf(span, peakBinPs);
  return (range / binPs) * (1 + (2 * largestDrift) / driftStep) * (2 * rates + 1);
}

export interface PeakScale {
  readonly binPs: number;
  readonly driftStep: number;
  /** Of the whole search. */
  readonly trials: number;
}

export function judgePeak(
  a: Float64Array,
  b: Float64Array,
  peak: Peak,
  { binPs, driftStep, trials }: PeakScale,
): CoarseOffset | undefined {
  let line = { ...peak, rate: 0 };
  let best: ReturnType<typeof bend>;
  for (let step = 0; step < mostSteps; step++) {
    const next = bend(a, b, line, binPs, driftStep);
    if (!next || (best && next.sum <= best.sum)) break;
    best = next;
    if (Math.abs(next.drift - line.drift) < driftStep) break;
    line = { ...line, offset: next.offset + next.drift * (line.at - next.at), drift: next.drift };
  }
  if (!best || poissonTail(best.sum, best.chance) + Math.log(trials) > Math.log(falseLockProbability)) return undefined;
  const { offset, at, drift, driftReach, rate, sum, chance } = best;
  return { offset, at, drift, driftReach, rate, pairs: sum - chance };
}

/** The fullest sum about a line, over the overlap; what chance puts there is the mean of all bins. */
export function bend(
  a: Float64Array,
  b: Float64Array,
  line: { offset: number; at: number; drift: number },
  peakBinPs: number,
  peakDriftStep: number,
) {
  const from = Math.max(b[0]!, a[0]! + line.offset);
  const to = Math.min(b[b.length - 1]!, a[a.length - 1]! + line.offset);
  const span = to - from;
  if (!(span > 64 * peakBinPs)) return undefined;
  const { binPs, driftStep, rateStep, rates } = gridOf(span, peakBinPs);
  const middle = from + span / 2;
  const counts = sliced(a, b, line, { from, span, binPs });
  const total = counts.reduce((sum, slice) => sum + slice.reduce((all, n) => all + n, 0), 0);
  const drifts = Math.ceil((1.25 * peakDriftStep) / driftStep);
  let best = { sum: 0, bin: bendBins / 2, drift: 0, rate: 0 };
  for (const r of outward(rates)) {
    const bent = straightest(counts, { span, binPs, rate: r * rateStep, driftStep, drifts });
    if (bent.sum > best.sum + rateSigmas * Math.sqrt(best.sum)) best = bent;
  }
  const reach = (bendBins / 2) * binPs;
  return {
    at: middle,
    offset: line.offset + line.drift * (middle - line.at) + (best.bin + 0.5) * binPs - reach,
    drift: line.drift + best.drift,
    driftReach: 4 * driftStep,
    rate: best.rate,
    sum: best.sum,
    // A sum weighs its bin once and both neighbours by half: no larger tail than Poisson's of the same mean.
    chance: (2 * total) / bendBins,
  };
}

/** Differences about a line by slice of time and bin. */
function sliced(
  a: Float64Array,
  b: Float64Array,
  line: { offset: number; at: number; drift: number },
  { from, span, binPs }: { from: number; span: number; binPs: number },
): Float64Array[] {
  const reach = (bendBins / 2) * binPs;
  const counts = Array.from({ length: slices }, () => new Float64Array(bendBins));
  const first = lowerBound(b, from);
  const end = lowerBound(b, from + span);
  let j = lowerBound(a, from - line.offset - line.drift * (from - line.at) - reach);
  for (let k = first; k < end; k++) {
    const center = b[k]! - line.offset - line.drift * (b[k]! - line.at);
    while (j < a.length && a[j]! <= center - reach) j++;
    const slice = counts[Math.floor(((b[k]! - from) / span) * slices)]!;
    for (let i = j; i < a.length && a[i]! <= center + reach; i++)
      slice[Math.min(bendBins - 1, Math.floor((center + reach - a[i]!) / binPs))]!++;
  }
  return counts;
}

function straightest(
  counts: readonly Float64Array[],
  {
    span,
    binPs,
    rate,
    driftStep,
    drifts,
  }: { span: number; binPs: number; rate: number; driftStep: number; drifts: number },
) {
  let best = { sum: 0, bin: bendBins / 2, drift: 0, rate };
  const sums = new Float64Array(bendBins);
  for (const d of outward(drifts)) {
    const drift = d * driftStep;
    sums.fill(0);
    for (let s = 0; s < slices; s++) {
      const t = ((s + 0.5) / slices - 0.5) * span;
      const shift = Math.round((drift * t + (rate * t * t) / 2) / binPs);
      const slice = counts[s]!;
      const end = Math.min(bendBins, bendBins - shift);
      for (let bin = Math.max(0, -shift); bin < end; bin++) sums[bin]! += slice[bin + shift]!;
    }
    // Half of each neighbour: a peak between two bins is no less a peak.
    for (let bin = 1; bin + 1 < bendBins; bin++) {
      const sum = sums[bin]! + (sums[bin - 1]! + sums[bin + 1]!) / 2;
      if (sum > best.sum) best = { sum, bin, drift, rate };
    }
  }
  return best;
}

/** 0, 1, −1, 2, −2 … */
function outward(most: number): number[] {
  return Array.from({ length: 2 * most + 1 }, (_, i) => (i % 2 === 1 ? (i + 1) / 2 : -i / 2));
}
