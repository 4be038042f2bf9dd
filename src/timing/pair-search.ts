/**
 * Offset and drift between two taggers from coincidences alone (KERNELS.md D).
 *
 * Coarse: both streams binned, cross-correlated by FFT (fft.js) in overlapping windows of Alice's, Bob's window fixed;
 * the peak must stand z sigmas above all other lags. Fine: differences t_b − t_a near that lag, gathered along drift
 * lines in a two-dimensional histogram, then straightened by regression.
 */
import FFT from "fft.js";
import { falseLockProbability } from "./types.js";

export interface CoarseOffset {
  /** t_b − t_a, ps, ± a bin. */
  readonly offset: number;
  readonly z: number;
  /** Relative drift of b that the peak was found with, ± half a step of those tried. */
  readonly drift: number;
  /** Pairs in the peak. */
  readonly pairs: number;
}

export interface PairClock {
  /** t_b = t_a + offset + drift·(t_a − reference), ps on the scale of the times given. */
  readonly offset: number;
  readonly drift: number;
  readonly reference: number;
  /** Pairs that the fit rests on. */
  readonly pairs: number;
}

const size = 1 << 19;
/**
 * Drifts tried: a bin and a window's length let each see ± 12 ppm. The usual one goes first and alone; where it finds a
 * peak the others are tried on the same window, since a strong peak shows through at the wrong drift.
 */
const usualDrift = [0];
const largeDrifts = [-24e-6, 24e-6, -48e-6, 48e-6];

/** Sigmas that a lag must exceed where several millions are tried. */
export function neededSigmas(lags: number): number {
  return Math.sqrt(2 * Math.log(lags / falseLockProbability));
}

/**
 * @param a,b sorted times, ps  @param binPs bin of the correlation
 * @param low,high offsets t_b − t_a to search, ps
 */
export function coarseOffset(
  a: Float64Array,
  b: Float64Array,
  binPs: number,
  low: number,
  high: number,
): CoarseOffset | undefined {
  if (a.length < 100 || b.length < 100) return undefined;
  const range = { binPs, low, high };
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
  const spectrumOf = (drift: number) => {
    const straight = b.map((t) => origin + (t - origin) / (1 + drift));
    const window = binned(straight, origin, half, binPs);
    if (!window) return undefined;
    const spectrum = fft.createComplexArray();
    fft.transform(spectrum, window.values);
    return { drift, spectrum, events: window.events };
  };
  const spectra = first.map(spectrumOf);
  const trials = ((usualDrift.length + largeDrifts.length) * (high - low)) / binPs;
  const needed = neededSigmas(trials);
  // Lag l of window w compares b at origin + i·bin with a at origin − high + w·half·bin + (i + l)·bin.
  for (let start = origin - high; start < origin - low; start += half * binPs) {
    const part = binned(a, start, size, binPs);
    if (!part) continue;
    const other = fft.createComplexArray();
    fft.transform(other, part.values);
    let best: CoarseOffset | undefined;
    const look = (trial: ReturnType<typeof spectrumOf>) => {
      if (!trial) return;
      const { drift, spectrum, events } = trial;
      const found = peak(correlate(fft, spectrum, other), half);
      // Few events a bin have a longer tail than a Gaussian: Poisson's decides there.
      const chance = (events * part.events) / part.bins;
      const rare = poissonTail(found.top + chance, chance) + Math.log(trials) < Math.log(falseLockProbability);
      if (rare && found.z > needed && found.z > (best?.z ?? 0))
        best = { offset: origin - (start + found.lag * binPs), z: found.z, drift, pairs: found.top };
    };
    for (const trial of spectra) look(trial);
    if (!best) continue;
    for (const drift of then) look(spectrumOf(drift));
    return best;
  }
  return undefined;
}

function correlate(fft: FFT, spectrum: readonly number[], other: readonly number[]): number[] {
  const product = fft.createComplexArray();
  for (let i = 0; i < other.length; i += 2) {
    const [re, im] = [other[i]!, other[i + 1]!];
    const [wr, wi] = [spectrum[i]!, -spectrum[i + 1]!];
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

function peak(lags: readonly number[], count: number): { lag: number; z: number; top: number } {
  let [sum, squares, top, lag] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const value = lags[2 * i]!;
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

/**
 * @param around offset t_b − t_a, ± reach; @param largestDrift relative
 * @param span of Alice's times used for the first search, ps
 */
export function fineClock(
  a: Float64Array,
  b: Float64Array,
  around: number,
  reach: number,
  largestDrift: number,
): PairClock | undefined {
  const reference = Math.max(a[0] ?? 0, (b[0] ?? 0) - around);
  let span = 2e10;
  const end = Math.min(a[a.length - 1] ?? 0, (b[b.length - 1] ?? 0) - around);
  for (; ; span *= 2) {
    const found = searchLines(differences(a, b, around, reach, reference, reference + span), reach, largestDrift, span);
    if (found) return straighten(a, b, around, { ...found, reference }, end);
    if (reference + span > end) return undefined;
  }
}

interface Differences {
  /** Alice's time after the reference, and t_b − t_a − around. */
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

const lineBinPs = 4000;

/** Histograms along drift lines; the fullest bin must stand out of Poisson noise over all bins and lines. */
function searchLines({ at, delta }: Differences, reach: number, largestDrift: number, span: number) {
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

/** ln of an upper bound on P[X ≥ n], X Poisson with mean m < n (Chernoff). */
function poissonTail(n: number, m: number): number {
  return n <= m ? 0 : n - m - n * Math.log(n / m);
}

/** Follows the line from the first span to the end, doubling; then a regression over all pairs. */
function straighten(
  a: Float64Array,
  b: Float64Array,
  around: number,
  start: { offset: number; drift: number; reference: number },
  end: number,
): PairClock {
  let clock = { offset: around + start.offset, drift: start.drift, reference: start.reference, pairs: 0 };
  for (let span = 2e10, reach = 2 * lineBinPs; ; span *= 2) {
    for (const tighter of [1, 0.5, 0.3])
      clock = regress(a, b, clock, Math.max(800, reach * tighter), clock.reference + span);
    if (clock.reference + span > end) return clock;
    reach = Math.max(1500, reach / 2);
  }
}

function regress(a: Float64Array, b: Float64Array, clock: PairClock, reach: number, to: number): PairClock {
  let [n, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0];
  let j = 0;
  for (let i = lowerBound(a, clock.reference); i < a.length && a[i]! < to; i++) {
    const x = a[i]! - clock.reference;
    const middle = a[i]! + clock.offset + clock.drift * x;
    while (j < b.length && b[j]! < middle - reach) j++;
    for (let k = j; k < b.length && b[k]! <= middle + reach; k++) {
      const y = b[k]! - middle;
      n++;
      sx += x;
      sy += y;
      sxx += x * x;
      sxy += x * y;
    }
  }
  const spread = n * sxx - sx * sx;
  if (n < 20 || !(spread > 0)) return { ...clock, pairs: n };
  const slope = (n * sxy - sx * sy) / spread;
  return {
    offset: clock.offset + (sy - slope * sx) / n,
    drift: clock.drift + slope,
    reference: clock.reference,
    pairs: n,
  };
}

export function lowerBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
