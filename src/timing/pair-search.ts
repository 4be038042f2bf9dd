/**
 * Bob's clock against Alice's from their event times alone (KERNELS.md D): his stretch, counted in N bins of time and
 * stretched by a trial drift, is correlated with hers by FFT (fft.js). For coincidences at rate c the peak stands
 *
 *   z = η·√N,  η = c/√(r_a r_b)
 *
 * sigmas above chance, as long as the drift is known to 1/N: a weaker link needs more bins and as many more drifts, and a
 * longer stretch only makes the bins, and so the lags, fewer. Peaks of a few sigmas are sieved out, then judged
 * (pair-bend.ts) by Poisson's tail over every lag, drift and bend that the whole search looks at.
 */
import FFT from "fft.js";
import { lowerBound } from "./events.js";
import { type CoarseOffset, judgePeak, mostTrials } from "./pair-bend.js";

/** Grid of the times that Bob tells for the search. */
export const coarseGridPs = 250_000;

export interface Search {
  /** Offsets t_b − t_a, ps. */
  readonly low: number;
  readonly high: number;
  /** N: bins of b's stretch; a power of two. */
  readonly bins: number;
}

/** Drifts that are searched, and those that are tried first: most clocks keep within. */
const largestDrift = 76e-6;
const usualDrift = 12e-6;
/** Two bins of smear across the stretch from one trial to the next cost a quarter of the peak at most. */
const smearBins = 2;
/** What the sieve lets pass, the share of a peak that falls into one bin, and how many peaks are judged. */
const sieveSigmas = 4.4;
const peakShare = 0.75;
const mostJudged = 32;
/** A peak this high is judged at once. */
const certainSigmas = 9;
const leastEvents = 50;
/** Chance varies with the overlap: lags are compared within so many parts of a window. */
const lagParts = 64;

/** Rate of coincidences that such a search finds at these rates of events, 1/s. */
export function leastCoincidences(aliceHz: number, bobHz: number, bins: number): number {
  return (sieveSigmas / peakShare) * Math.sqrt((aliceHz * bobHz) / bins);
}

/**
 * @param a,b sorted times, ps; all of b is correlated
 * @param pause awaited between transforms, so that the process stays responsive
 */
export async function coarseOffset(
  a: Float64Array,
  b: Float64Array,
  search: Search,
  pause: () => Promise<unknown> = () => new Promise(setImmediate),
): Promise<CoarseOffset | undefined> {
  if (a.length < 2 * leastEvents || b.length < 2 * leastEvents) return undefined;
  const windows = new Correlator(a, b, search);
  const { driftStep, binPs } = windows;
  const trials = mostTrials(search.high - search.low, largestDrift, windows.span, binPs);
  let peaks: Peak[] = [];
  const judged = (most: number): CoarseOffset | undefined => {
    for (const peak of peaks.sort((x, y) => y.z - x.z).slice(0, most)) {
      const found = judgePeak(a, b, peak, { binPs, driftStep, trials });
      if (found) return found;
    }
    peaks = [];
    return undefined;
  };
  const steps = Math.ceil(largestDrift / driftStep - 0.5);
  for (let step = 0; step <= steps; step++) {
    for (let window = 0; window < windows.count; window++) {
      await pause();
      peaks.push(...windows.peaks(window, step * driftStep, -step * driftStep));
      if (peaks.some(({ z }) => z > certainSigmas)) {
        const found = judged(2);
        if (found) return found;
      }
    }
    const usual = step * driftStep < usualDrift && (step + 1) * driftStep >= usualDrift;
    if (usual || step === steps) {
      const found = judged(mostJudged);
      if (found) return found;
    }
  }
  return undefined;
}

/** A lag that stands out: t_b − t_a at `at` of b's clock, ps. */
export interface Peak {
  readonly offset: number;
  readonly at: number;
  readonly drift: number;
  readonly z: number;
}

/** b's stretch against a's windows of twice its length; spectra of the windows are kept from drift to drift. */
export class Correlator {
  readonly binPs: number;
  readonly driftStep: number;
  readonly span: number;
  private readonly origin: number;
  private readonly bins: number;
  private readonly fft: FFT;
  private readonly starts: number[] = [];
  private readonly spectra: Float32Array[] = [];
  private readonly buffers: readonly [Float32Array, Float32Array, Float32Array];
  private stretched = { drift: Number.NaN };

  constructor(
    private readonly a: Float64Array,
    private readonly b: Float64Array,
    { low, high, bins }: Search,
  ) {
    this.origin = b[0]!;
    this.span = Math.max(coarseGridPs, b[b.length - 1]! - this.origin);
    this.bins = Math.min(bins, 2 ** Math.ceil(Math.log2(this.span / (2 * coarseGridPs))));
    this.binPs = this.span / this.bins;
    this.driftStep = smearBins / this.bins;
    this.fft = new FFT(2 * this.bins);
    this.buffers = [this.buffer(), this.buffer(), this.buffer()];
    // Lag l of a window compares b at origin + i·bin with a at start + (i + l)·bin.
    for (let start = this.origin - high; start < this.origin - low; start += this.span) {
      const [from, to] = [start, start + 2 * this.span].map((t) => lowerBound(a, t));
      if (to! - from! >= leastEvents) this.starts.push(start);
    }
  }

  get count(): number {
    return this.starts.length;
  }

  /** Lags of a window that stand out at one or the other drift. */
  peaks(window: number, drift: number, other: number): Peak[] {
    const { starts, spectra, origin, binPs, fft, buffers } = this;
    const [product, lags, stretched] = buffers;
    spectra[window] ??= this.windowSpectrum(starts[window]!);
    this.stretch(drift, other);
    const spectrum = spectra[window]!;
    for (let i = 0; i < spectrum.length; i += 2) {
      const [re, im, wr, wi] = [spectrum[i]!, spectrum[i + 1]!, stretched[i]!, stretched[i + 1]!];
      product[i] = re * wr + im * wi;
      product[i + 1] = im * wr - re * wi;
    }
    fft.inverseTransform(lags, product);
    const found = (drifts: number, part: number) =>
      outstanding(lags, part, this.bins).map(({ lag, z }) => ({
        offset: origin - (starts[window]! + lag * binPs),
        at: origin,
        drift: drifts,
        z,
      }));
    return drift === other ? found(drift, 0) : [...found(drift, 0), ...found(other, 1)];
  }

  private windowSpectrum(start: number): Float32Array {
    const { a, fft, buffers } = this;
    const [values] = buffers;
    values.fill(0);
    this.bin(values, 0, a, start, 2 * this.bins, 0);
    const spectrum = this.buffer();
    fft.transform(spectrum, values);
    return spectrum;
  }

  /** Spectrum of b at one drift less i times that at another: both correlations are real, one transform does both. */
  private stretch(drift: number, other: number): void {
    if (this.stretched.drift === drift) return;
    this.stretched = { drift };
    const { b, fft, buffers, origin, bins } = this;
    const [values, , spectrum] = buffers;
    values.fill(0);
    this.bin(values, 0, b, origin, bins, drift);
    if (other !== drift) {
      this.bin(values, 1, b, origin, bins, other);
      for (let i = 1; i < values.length; i += 2) values[i] = -values[i]!;
    }
    fft.transform(spectrum, values);
  }

  /** Counts less their mean where there are data: elsewhere zero, so that the ends of a recording make no pedestal. */
  private bin(out: Float32Array, part: number, times: Float64Array, start: number, bins: number, drift: number): void {
    const { binPs } = this;
    const from = lowerBound(times, start);
    const to = lowerBound(times, start + bins * binPs * (1 + drift));
    if (to === from) return;
    const scale = 1 / (binPs * (1 + drift));
    const binOf = (index: number) => Math.min(bins - 1, Math.floor((times[index]! - start) * scale));
    for (let i = from; i < to; i++) out[2 * binOf(i) + part]!++;
    const [first, last] = [from === 0 ? binOf(from) : 0, to === times.length ? binOf(to - 1) : bins - 1];
    const mean = (to - from) / (last - first + 1);
    for (let bin = first; bin <= last; bin++) out[2 * bin + part]! -= mean;
  }

  private buffer(): Float32Array {
    return new Float32Array(4 * this.bins);
  }
}

/** Lags more than the sieve's sigmas above those of their part of the window. */
function outstanding(lags: Float32Array, part: number, count: number): { lag: number; z: number }[] {
  const found: { lag: number; z: number }[] = [];
  const size = Math.max(256, count / lagParts);
  for (let from = 0; from < count; from += size) {
    const to = Math.min(count, from + size);
    let [sum, squares] = [0, 0];
    for (let i = from; i < to; i++) {
      const value = lags[2 * i + part]!;
      sum += value;
      squares += value * value;
    }
    const mean = sum / (to - from);
    const sigma = Math.sqrt(squares / (to - from) - mean * mean);
    // Lags without overlap are rounding noise.
    if (!(sigma > 0.5)) continue;
    const least = mean + sieveSigmas * sigma;
    for (let i = from; i < to; i++) {
      const value = lags[2 * i + part]!;
      if (value > least) found.push({ lag: i, z: (value - mean) / sigma });
    }
  }
  return found;
}
