/**
 * A peak of the coarse search, judged: differences near its lag, by slices of time and bins a quarter as wide, summed along
 * parabolas, which tell the drift and its change too (a pass changes its drift by several ppm there); about the fullest sum
 * again with finer bins. It must stand out of Poisson noise over all lags, drifts and bends of the whole search.
 */
import { offsetAt } from "./clock-filter.js";
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
  /** Bin that its pairs stood out with, and the span that they were seen in. */
  readonly binPs: number;
  readonly span: number;
}

const slices = 64;
const bendBins = 64;
/** Of the peak's bin, and of each finer look's to the one before. */
const finer = 4;
const finestPs = 50_000;
/** Changes of the drift: 15 ppm/s, in half a bin's bow. */
const largestRate = 15e-18;
const rateBins = 4;
/** Of a line that is looked for near by, to each side: half of what is looked at. */
const continuedBins = 16;
/** Share of its pairs that finer bins must hold. */
const keptPairs = 0.8;
/** A changing drift is believed where it gathers more than this many roots of the count. */
const rateSigmas = 0.5;
/** A peak seen at a wrong drift is followed to the right one in so many steps. */
const mostSteps = 24;

/** Differences in drift and its change that bins of this width tell apart over a span. */
function stepsOf(span: number, binPs: number) {
  return { driftStep: binPs / 2 / span, rateStep: (rateBins * binPs) / span ** 2 };
}

export interface SearchedRange {
  /** Of offsets, ps. */
  readonly range: number;
  readonly largestDrift: number;
  readonly span: number;
}

/** Sums that bins of this width let a whole search choose from, over all its offsets, drifts and bends. */
export function trialsOf({ range, largestDrift, span }: SearchedRange, binPs: number): number {
  const { driftStep, rateStep } = stepsOf(span, binPs);
  return (range / binPs) * (1 + (2 * largestDrift) / driftStep) * (1 + (2 * largestRate) / rateStep);
}

/** Pairs of events that judging a peak looks at. */
export function judgedPairs(a: Float64Array, b: Float64Array, peakBinPs: number): number {
  const perPs = a.length / Math.max(1, a[a.length - 1]! - a[0]!);
  return (b.length * perPs * bendBins * peakBinPs) / finer;
}

/** @param peakBinPs bin and step of drift that the peak was seen with */
export function judgePeak(
  a: Float64Array,
  b: Float64Array,
  peak: Peak,
  { binPs: peakBinPs, driftStep }: { binPs: number; driftStep: number },
  searched: SearchedRange,
): CoarseOffset | undefined {
  const { from, to } = overlapOf(a, b, peak.offset);
  const span = to - from;
  if (!(span > 0)) return undefined;
  // The shorter the overlap the less a wrong drift smears: there a peak is seen from drifts further away.
  const step = driftStep * Math.max(1, searched.span / span);
  // A bow of more than two bins would have left no peak.
  const rate = Math.min(largestRate, (16 * peakBinPs) / span ** 2);
  const reach: Reach = { binPs: peakBinPs / finer, drift: 1.25 * step, rate };
  let line: Line = { ...peak, rate: 0 };
  let best: Bent | undefined;
  for (let i = 0; i < mostSteps; i++) {
    const next = bend(a, b, line, reach);
    if (!next || (best && next.sum <= best.sum)) break;
    best = next;
    if (Math.abs(next.drift - line.drift) < step) break;
    line = { ...next, rate: 0 };
  }
  // Others are not counted among the trials.
  if (!best || Math.abs(best.drift) > searched.largestDrift) return undefined;
  return standingOut(a, b, best, reach, (binPs) => trialsOf(searched, binPs));
}

/**
 * A line that was found, looked for in a stretch of b near by: its uncertainty leaves few places, so that few pairs stand
 * out.
 */
export function continueLine(a: Float64Array, b: Float64Array, found: CoarseOffset): CoarseOffset | undefined {
  const [first, last] = [b[0]!, b[b.length - 1]!];
  const away = Math.max(Math.abs(first - found.at), Math.abs(last - found.at)) / found.span;
  // Uncertain by two bins over the span that it was found in, its bow by two over the square.
  const binPs = Math.max(finestPs, found.binPs * Math.max(1, (2 * away + 2 * away * away) / continuedBins));
  const own = stepsOf(found.span, found.binPs);
  const reach = {
    binPs,
    drift: found.driftReach + away * found.span * own.rateStep,
    rate: Math.min(largestRate, own.rateStep),
  };
  const span = last - first;
  const trials = (bins: number) => trialsOf({ range: bendBins * binPs, largestDrift: reach.drift, span }, bins);
  return standingOut(a, b, bend(a, b, found, reach), reach, trials);
}

/**
 * Where pairs are few among many, finer bins have less chance in them: a true peak stands out more and more. Once it does,
 * finer bins tell drift and bow better, as long as they hold most of its pairs.
 */
function standingOut(
  a: Float64Array,
  b: Float64Array,
  first: Bent | undefined,
  firstReach: Reach,
  trials: (binPs: number) => number,
): CoarseOffset | undefined {
  let reach = firstReach;
  let before = 0;
  let pairs = 0;
  let accepted: CoarseOffset | undefined;
  for (let best = first; best; best = bend(a, b, best, reach)) {
    const { sum, chance, steps, ...found } = best;
    const { binPs } = reach;
    const tail = poissonTail(sum, chance);
    const stands = tail + Math.log(trials(binPs)) <= Math.log(falseLockProbability) && sum - chance > keptPairs * pairs;
    if (stands) {
      accepted = { ...found, driftReach: 4 * steps.driftStep, binPs };
      pairs = sum - chance;
    } else if (accepted || tail > 1.2 * before) return accepted;
    if (binPs < finestPs) return accepted;
    before = tail;
    // Wide bins hold most pairs of a line that leaves them at its ends: which of them, chance decides.
    const drift = (accepted ? 6 : 2) * steps.driftStep;
    reach = { binPs: binPs / finer, drift, rate: 1.5 * steps.rateStep };
  }
  return accepted;
}

interface Line {
  readonly offset: number;
  readonly at: number;
  readonly drift: number;
  readonly rate: number;
}

interface Reach {
  readonly binPs: number;
  /** About the line's. */
  readonly drift: number;
  readonly rate: number;
}

export interface Bent extends Line {
  readonly span: number;
  readonly sum: number;
  /** What chance puts there: the mean of all bins. */
  readonly chance: number;
  readonly steps: { readonly driftStep: number; readonly rateStep: number };
}

/** The fullest sum about a line, over the overlap. */
export function bend(a: Float64Array, b: Float64Array, line: Line, reach: Reach): Bent | undefined {
  const { from, to } = overlapOf(a, b, line.offset);
  const span = to - from;
  if (!(span > slices * reach.binPs)) return undefined;
  const { binPs } = reach;
  const middle = from + span / 2;
  const there = {
    ...line,
    at: middle,
    offset: offsetAt(line, middle),
    drift: line.drift + line.rate * (middle - line.at),
  };
  const { counts, total } = sliced(a, b, there, { from, span, binPs });
  const steps = stepsOf(span, binPs);
  const drifts = Math.ceil(reach.drift / steps.driftStep);
  let best = { sum: 0, bin: bendBins / 2, drift: 0, rate: 0 };
  for (const r of outward(Math.floor(reach.rate / steps.rateStep))) {
    const bent = straightest(counts, { span, binPs, rate: r * steps.rateStep, driftStep: steps.driftStep, drifts });
    if (bent.sum > best.sum + rateSigmas * Math.sqrt(best.sum)) best = bent;
  }
  return {
    at: middle,
    offset: there.offset + (best.bin + 0.5 - bendBins / 2) * binPs,
    drift: there.drift + best.drift,
    rate: line.rate + best.rate,
    span,
    sum: best.sum,
    // A sum weighs its bin once and both neighbours by half: no larger tail than Poisson's of the same mean.
    chance: (2 * total) / bendBins,
    steps,
  };
}

function overlapOf(a: Float64Array, b: Float64Array, offset: number): { from: number; to: number } {
  return { from: Math.max(b[0]!, a[0]! + offset), to: Math.min(b[b.length - 1]!, a[a.length - 1]! + offset) };
}

/** Differences about a line by slice of time and bin. */
function sliced(
  a: Float64Array,
  b: Float64Array,
  line: Line,
  { from, span, binPs }: { from: number; span: number; binPs: number },
): { counts: Int32Array; total: number } {
  const reach = (bendBins / 2) * binPs;
  const counts = new Int32Array(slices * bendBins);
  const [perSlice, perBin] = [slices / span, 1 / binPs];
  const first = lowerBound(b, from);
  const end = lowerBound(b, from + span);
  let total = 0;
  let j = lowerBound(a, from - offsetAt(line, from) - 2 * reach);
  for (let k = first; k < end; k++) {
    const late = b[k]! - offsetAt(line, b[k]!) + reach;
    const early = late - 2 * reach;
    while (j < a.length && a[j]! <= early) j++;
    const slice = Math.min(slices - 1, Math.floor((b[k]! - from) * perSlice)) * bendBins;
    let i = j;
    for (; i < a.length && a[i]! <= late; i++) {
      const bin = ((late - a[i]!) * perBin) | 0;
      counts[slice + (bin < bendBins ? bin : bendBins - 1)]!++;
    }
    total += i - j;
  }
  return { counts, total };
}

interface Bends {
  readonly span: number;
  readonly binPs: number;
  readonly rate: number;
  readonly driftStep: number;
  readonly drifts: number;
}

/** From one drift to the next only the slices whose shift changes are summed anew; of equal sums the least drift's. */
function straightest(counts: Int32Array, { span, binPs, rate, driftStep, drifts }: Bends) {
  let best = { sum: 0, bin: bendBins / 2, drift: 0, rate };
  const sums = new Int32Array(bendBins);
  const shifts = new Int32Array(slices);
  for (let d = -drifts; d <= drifts; d++) {
    const drift = d * driftStep;
    for (let s = 0; s < slices; s++) {
      const t = ((s + 0.5) / slices - 0.5) * span;
      const shift = Math.round((drift * t + (rate * t * t) / 2) / binPs);
      if (d > -drifts) {
        if (shift === shifts[s]) continue;
        addShifted(sums, counts, s, shifts[s]!, -1);
      }
      addShifted(sums, counts, s, shift, 1);
      shifts[s] = shift;
    }
    // Half of each neighbour: a peak between two bins is no less a peak.
    for (let bin = 1; bin + 1 < bendBins; bin++) {
      const sum = sums[bin]! + (sums[bin - 1]! + sums[bin + 1]!) / 2;
      if (sum > best.sum || (sum === best.sum && Math.abs(drift) < Math.abs(best.drift)))
        best = { sum, bin, drift, rate };
    }
  }
  return best;
}

function addShifted(sums: Int32Array, counts: Int32Array, slice: number, shift: number, sign: number): void {
  const from = slice * bendBins + shift;
  const end = Math.min(bendBins, bendBins - shift);
  for (let bin = Math.max(0, -shift); bin < end; bin++) sums[bin]! += sign * counts[from + bin]!;
}

/** 0, 1, −1, 2, −2 … */
function outward(most: number): number[] {
  return Array.from({ length: 2 * most + 1 }, (_, i) => (i % 2 === 1 ? (i + 1) / 2 : -i / 2));
}
