/**
 * Coarse offset and drift between two taggers from coincidences alone (KERNELS.md D): both streams binned,
 * cross-correlated by FFT (fft.js) in overlapping windows of Alice's, Bob's window fixed; the peak must stand z sigmas
 * above all other lags. Differences near that lag, by slices of time, then tell drift and its change over the window.
 */
import FFT from "fft.js";
import { lowerBound } from "./events.js";
import { poissonTail } from "./pair-lines.js";
import { falseLockProbability } from "./types.js";

export interface CoarseOffset {
  /** t_b − t_a at `at` of b's clock, ps, ± a bin. */
  readonly offset: number;
  readonly at: number;
  readonly z: number;
  /** Relative drift of b there, ± its reach, and its change a picosecond. */
  readonly drift: number;
  readonly driftReach: number;
  readonly rate: number;
  /** Pairs in the peak. */
  readonly pairs: number;
}

const size = 1 << 19;
export const coarseBinPs = 4_096_000;
export const coarseWindowPs = (size / 2) * coarseBinPs;
/**
 * Drifts tried: a bin and a window's length let each see ± 12 ppm. The usual one goes first and alone; where it finds a
 * peak the others are tried on the same window, since a strong peak shows through at the wrong drift.
 */
const usualDrift = [0];
/** What each of them sees to either side. */
const largestDrift = 12e-6;
const largeDrifts = [-24e-6, 24e-6, -48e-6, 48e-6, -72e-6, 72e-6];

/** Sigmas that a lag must exceed where several millions are tried. */
export function neededSigmas(lags: number): number {
  return Math.sqrt(2 * Math.log(lags / falseLockProbability));
}

/**
 * @param a,b sorted times, ps
 * @param low,high offsets t_b − t_a to search, ps
 */
export function coarseOffset(a: Float64Array, b: Float64Array, low: number, high: number): CoarseOffset | undefined {
  if (a.length < 100 || b.length < 100) return undefined;
  const range = { binPs: coarseBinPs, low, high };
  return searchWindows(a, b, usualDrift, largeDrifts, range) ?? searchWindows(a, b, largeDrifts, [], range);
}

function searchWindows(
  a: Float64Array,
  b: Float64Array,
  first: readonly number[],
  then: readonly number[],
  { binPs, low, high }: { binPs: number; low: number; high: number },
): CoarseOffset | undefined {
  const half = size / 2;
  const origin = b[0]!;
  const fft = new FFT(size);
  const spectrumOf = (drift: number): Trial[] => {
    const straight = b.map((t) => origin + (t - origin) / (1 + drift));
    const window = binned(straight, origin, half, binPs);
    if (!window) return [];
    const spectrum = fft.createComplexArray();
    fft.transform(spectrum, window.values);
    return [{ drift, spectrum, events: window.events }];
  };
  const spectra = first.flatMap(spectrumOf);
  const lagsTried = ((usualDrift.length + largeDrifts.length) * (high - low)) / binPs;
  const needed = neededSigmas(lagsTried);
  // Lag l of window w compares b at origin + i·bin with a at origin − high + w·half·bin + (i + l)·bin.
  for (let start = origin - high; start < origin - low; start += half * binPs) {
    const part = binned(a, start, size, binPs);
    if (!part) continue;
    const other = fft.createComplexArray();
    fft.transform(other, part.values);
    let best: CoarseOffset | undefined;
    const look = (trials: Trial[]) => {
      for (let i = 0; i < trials.length; i += 2) {
        const two = trials.slice(i, i + 2);
        const lags = correlate(fft, two, other);
        for (const [k, { drift, events }] of two.entries()) {
          const found = peak(lags, half, k);
          // Few events a bin have a longer tail than a Gaussian: Poisson's decides there.
          const chance = (events * part.events) / part.bins;
          const rare = poissonTail(found.top + chance, chance) + Math.log(lagsTried) < Math.log(falseLockProbability);
          if (!rare || found.z <= needed || found.z <= (best?.z ?? 0)) continue;
          const offset = origin - (start + found.lag * binPs);
          best = { offset, at: origin, z: found.z, drift, driftReach: largestDrift, rate: 0, pairs: found.top };
        }
      }
    };
    look(spectra);
    if (!best) continue;
    look(then.flatMap(spectrumOf));
    return bend(a, b, best, binPs);
  }
  return undefined;
}

const slices = 64;
const bendBins = 48;
/** Of the drift, in half bins over the window; changes of the drift up to 15 ppm/s, in quarters of a bin's bow. */
const bendDrifts = 9;
const largestRate = 15e-18;
/** A changing drift is believed where it gathers more than this many roots of the count. */
const rateSigmas = 0.5;

/**
 * Drift and its change about the peak, over the overlap within b's window: differences by slice of time and bin, summed
 * along parabolas. A pass changes its drift by several ppm there, and the stretch looked at next may lie a second away.
 */
function bend(a: Float64Array, b: Float64Array, coarse: CoarseOffset, binPs: number): CoarseOffset {
  const from = Math.max(coarse.at, a[0]! + coarse.offset);
  const to = Math.min(coarse.at + (size / 2) * binPs, b[b.length - 1]!, a[a.length - 1]! + coarse.offset);
  const span = Math.max(binPs, to - from);
  const middle = from + span / 2;
  const reach = (bendBins / 2) * binPs;
  const counts = Array.from({ length: slices }, () => new Float64Array(bendBins));
  const first = lowerBound(b, from);
  let j = lowerBound(a, from - coarse.offset - coarse.drift * (from - coarse.at) - reach);
  for (let k = first; k < b.length && b[k]! < from + span; k++) {
    const center = b[k]! - coarse.offset - coarse.drift * (b[k]! - coarse.at);
    while (j < a.length && a[j]! < center - reach) j++;
    const slice = counts[Math.floor(((b[k]! - from) / span) * slices)]!;
    for (let i = j; i < a.length && a[i]! < center + reach; i++) slice[Math.floor((center + reach - a[i]!) / binPs)]!++;
  }
  const driftStep = binPs / 2 / span;
  const rateStep = (2 * binPs) / span ** 2;
  const rates = Math.floor(largestRate / rateStep);
  let best = { sum: 0, bin: bendBins / 2, drift: 0, rate: 0 };
  for (const r of outward(rates)) {
    const bent = straightest(counts, { span, binPs, rate: r * rateStep, driftStep });
    if (bent.sum > best.sum + rateSigmas * Math.sqrt(best.sum)) best = bent;
  }
  return {
    ...coarse,
    at: middle,
    offset: coarse.offset + coarse.drift * (middle - coarse.at) + (best.bin + 0.5) * binPs - reach,
    drift: coarse.drift + best.drift,
    driftReach: 4 * driftStep,
    rate: best.rate,
  };
}

function straightest(
  counts: readonly Float64Array[],
  { span, binPs, rate, driftStep }: { span: number; binPs: number; rate: number; driftStep: number },
) {
  let best = { sum: 0, bin: bendBins / 2, drift: 0, rate };
  for (const d of outward(bendDrifts)) {
    const drift = d * driftStep;
    const sums = new Float64Array(bendBins);
    for (let s = 0; s < slices; s++) {
      const t = ((s + 0.5) / slices - 0.5) * span;
      const shift = Math.round((drift * t + (rate * t * t) / 2) / binPs);
      const slice = counts[s]!;
      for (let bin = Math.max(0, -shift); bin < Math.min(bendBins, bendBins - shift); bin++)
        sums[bin]! += slice[bin + shift]!;
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

interface Trial {
  readonly drift: number;
  readonly spectrum: readonly number[];
  readonly events: number;
}

/** One correlation, or two at once: both are real, so the second fits into the imaginary part. */
function correlate(fft: FFT, trials: readonly Trial[], other: readonly number[]): number[] {
  const product = fft.createComplexArray();
  const [first, second] = [trials[0]!.spectrum, trials[1]?.spectrum];
  for (let i = 0; i < other.length; i += 2) {
    const [re, im] = [other[i]!, other[i + 1]!];
    const wr = first[i]! + (second ? second[i + 1]! : 0);
    const wi = -first[i + 1]! + (second ? second[i]! : 0);
    product[i] = re * wr - im * wi;
    product[i + 1] = re * wi + im * wr;
  }
  const lags = fft.createComplexArray();
  fft.inverseTransform(lags, product);
  return lags;
}

interface Binned {
  readonly values: number[];
  readonly events: number;
  /** Bins from the first event to the last, or the whole window. */
  readonly bins: number;
}

/** Counts less their mean where the stream has data: elsewhere zero, so that the ends of a recording make no pedestal. */
function binned(times: Float64Array, start: number, bins: number, binPs: number): Binned | undefined {
  const values = new Array<number>(2 * size).fill(0);
  const from = lowerBound(times, start);
  const to = lowerBound(times, start + bins * binPs);
  if (to - from < 50) return undefined;
  const binOf = (index: number) => Math.min(bins - 1, Math.floor((times[index]! - start) / binPs));
  for (let i = from; i < to; i++) values[2 * binOf(i)]!++;
  const [first, last] = [from === 0 ? binOf(from) : 0, to === times.length ? binOf(to - 1) : bins - 1];
  const mean = (to - from) / (last - first + 1);
  for (let bin = first; bin <= last; bin++) values[2 * bin]! -= mean;
  return { values, events: to - from, bins: last - first + 1 };
}

function peak(lags: readonly number[], count: number, part: number): { lag: number; z: number; top: number } {
  let [sum, squares, top, lag] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const value = lags[2 * i + part]!;
    sum += value;
    squares += value * value;
    if (value > top) {
      top = value;
      lag = i;
    }
  }
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(1e-30, squares / count - mean * mean));
  return { lag, z: (top - mean) / deviation, top };
}
