/**
 * Bob's clock against Alice's from their event times alone (KERNELS.md D): his stretch, counted in N bins of time and
 * stretched by a trial drift, is correlated with hers by FFT (kernels/fft.ts). For coincidences at rate c the peak stands
 *
 *   z = η·√N,  η = c/√(r_a r_b)
 *
 * sigmas above chance, as long as the drift is known to 1/N: a weaker link needs more bins and as many more drifts, and a
 * longer stretch only makes the bins, and so the lags, fewer. Peaks of a few sigmas are sieved out, then judged
 * (pair-bend.ts) by Poisson's tail over every lag, drift and bend that the whole search looks at: there counts are whole
 * numbers, so that a transform's rounding (f32) can cost a peak a millionth of its height, but never makes a lock.
 */
import { WasmSpectra } from "../kernels/fft.js";
import { lowerBound } from "./events.js";
import { type CoarseOffset, judgedPairs, judgePeak } from "./pair-bend.js";

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
/** What the sieve lets pass, the share of a peak that it sees, and how many peaks are judged. */
const sieveSigmas = 4.3;
const peakShare = 0.65;
const mostJudged = 64;
const mostPairs = 2e7;
/** A peak this high is judged at once. */
const certainSigmas = 9;
/** Of a piece of the stretch: transforms of twice that stay in the cache. */
const pieceBins = 2 ** 17;
const leastEvents = 50;
const leastBins = 16;
/** Of the stretch: counts of less have long tails, which only crowd the sieve. */
const leastOverlap = 1 / 16;
/** Chance varies with the overlap: lags are compared within so many parts of a block. */
const lagParts = 64;

/** Rate of coincidences that such a search finds at these rates of events, 1/s. */
export function leastCoincidences(aliceHz: number, bobHz: number, bins: number): number {
  return (sieveSigmas / peakShare) * Math.sqrt((aliceHz * bobHz) / bins);
}

/** Of lags: a stretch of a millisecond and a reach of a minute. */
const mostBlocks = 2 ** 16;

/**
 * @param a,b sorted times, ps; all of b is correlated
 */
export async function coarseOffset(
  a: Float64Array,
  b: Float64Array,
  search: Search,
): Promise<CoarseOffset | undefined> {
  if (a.length < 2 * leastEvents || b.length < 2 * leastEvents) return undefined;
  const correlator = new Correlator(a, b, search);
  // A peer's times in an instant would have the search go on for days.
  if (correlator.blocks > mostBlocks) return undefined;
  const { driftStep, binPs, span } = correlator;
  // A judge looks as far beyond the drifts that are tried.
  const searched = { range: search.high - search.low, largestDrift: largestDrift + 2 * driftStep, span };
  const most = Math.max(4, Math.min(mostJudged, mostPairs / judgedPairs(a, b, binPs)));
  let peaks: Peak[] = [];
  const judged = (count: number): CoarseOffset | undefined => {
    for (const peak of peaks.sort((x, y) => y.z - x.z).slice(0, count)) {
      const found = judgePeak(a, b, peak, { binPs, driftStep }, searched);
      if (found) return found;
    }
    peaks = [];
    return undefined;
  };
  const steps = Math.ceil(largestDrift / driftStep - 0.5);
  for (let step = 0; step <= steps; step++) {
    for (let block = 0; block < correlator.blocks; block++) {
      // The process stays responsive.
      await new Promise(setImmediate);
      peaks.push(...correlator.peaks(block, step * driftStep, -step * driftStep));
      if (peaks.some(({ z }) => z > certainSigmas)) {
        const found = judged(2);
        if (found) return found;
      }
    }
    const usual = step * driftStep < usualDrift && (step + 1) * driftStep >= usualDrift;
    if (usual || step === steps) {
      const found = judged(most);
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

/**
 * b's stretch, in pieces that keep transforms small, against a's blocks of twice a piece: block q of lags is
 * Σ_p A_{q+p}·conj B_p. Spectra of a's blocks are kept from drift to drift.
 */
export class Correlator {
  readonly binPs: number;
  readonly driftStep: number;
  readonly span: number;
  /** Blocks of lags. */
  readonly blocks: number;
  private readonly origin: number;
  private readonly first: number;
  private readonly bins: number;
  private readonly pieces: number;
  private readonly piecePs: number;
  private readonly spectra: WasmSpectra;
  private readonly lags: number;
  private readonly ofA = new Map<number, number | undefined>();
  private readonly ofB: readonly number[];
  private stretched = Number.NaN;

  constructor(
    private readonly a: Float64Array,
    private readonly b: Float64Array,
    { low, high, bins }: Search,
  ) {
    this.origin = b[0]!;
    this.first = this.origin - high;
    this.span = Math.max(coarseGridPs, b[b.length - 1]! - this.origin);
    const all = Math.max(leastBins, Math.min(bins, 2 ** Math.ceil(Math.log2(this.span / (2 * coarseGridPs)))));
    this.bins = Math.min(all, pieceBins);
    this.pieces = all / this.bins;
    this.binPs = this.span / all;
    this.driftStep = smearBins / all;
    this.piecePs = this.bins * this.binPs;
    this.blocks = Math.max(1, Math.ceil((high - low) / this.piecePs));
    this.spectra = new WasmSpectra(2 * this.bins);
    this.lags = this.spectra.make();
    this.ofB = Array.from({ length: this.pieces }, () => this.spectra.make());
  }

  /** Lags of a block that stand out at one or the other drift. */
  peaks(block: number, drift: number, other: number): Peak[] {
    const { lags, spectra, ofB, origin, first, piecePs, binPs } = this;
    const parts = ofB.flatMap((spectrum, piece) => {
      const ofA = this.blockOfA(block + piece);
      return ofA !== undefined ? [[ofA, spectrum] as const] : [];
    });
    if (parts.length === 0) return [];
    this.stretch(drift, other);
    spectra.products(lags, parts);
    spectra.inverse(lags);
    const values = spectra.values(lags);
    const found = (tried: number, part: number) =>
      outstanding(values.subarray(part * spectra.length, part * spectra.length + this.bins))
        .map(({ lag, z }) => ({
          offset: origin - (first + block * piecePs + lag * binPs),
          at: origin,
          drift: tried,
          z,
        }))
        .filter(({ offset, z }) => z > certainSigmas || this.overlap(offset) > leastOverlap * this.span);
    return drift === other ? found(drift, 0) : [...found(drift, 0), ...found(other, 1)];
  }

  private overlap(offset: number): number {
    const { a, b } = this;
    return Math.min(b[b.length - 1]!, a[a.length - 1]! + offset) - Math.max(b[0]!, a[0]! + offset);
  }

  private blockOfA(block: number): number | undefined {
    const { a, spectra, ofA, first, piecePs, bins } = this;
    if (ofA.has(block)) return ofA.get(block);
    const start = first + block * piecePs;
    let spectrum: number | undefined;
    if (lowerBound(a, start + 2 * piecePs) - lowerBound(a, start) >= leastEvents) {
      spectrum = spectra.make();
      this.bin(spectra.values(spectrum).subarray(0, 2 * bins), a, start, 2 * bins, 0);
      spectra.forward(spectrum);
    }
    ofA.set(block, spectrum);
    return spectrum;
  }

  /** Spectra of b at one drift less i times those at another: both correlations are real, one transform does both. */
  private stretch(drift: number, other: number): void {
    if (this.stretched === drift) return;
    this.stretched = drift;
    const { b, spectra, origin, bins, piecePs, ofB } = this;
    for (const [piece, spectrum] of ofB.entries()) {
      const values = spectra.values(spectrum).fill(0);
      this.bin(values, b, origin + piece * piecePs * (1 + drift), bins, drift);
      if (other !== drift) {
        const imaginary = values.subarray(spectra.length);
        this.bin(imaginary, b, origin + piece * piecePs * (1 + other), bins, other);
        for (let i = 0; i < imaginary.length; i++) imaginary[i] = -imaginary[i]!;
      }
      spectra.forward(spectrum);
    }
  }

  /** Counts less their mean where there are data: elsewhere zero, so that the ends of a recording make no pedestal. */
  private bin(out: Float32Array, times: Float64Array, start: number, bins: number, drift: number): void {
    const { binPs } = this;
    const from = lowerBound(times, start);
    const to = lowerBound(times, start + bins * binPs * (1 + drift));
    if (to === from) return;
    const scale = 1 / (binPs * (1 + drift));
    const binOf = (index: number) => Math.min(bins - 1, Math.floor((times[index]! - start) * scale));
    for (let i = from; i < to; i++) out[binOf(i)]!++;
    const [first, last] = [from === 0 ? binOf(from) : 0, to === times.length ? binOf(to - 1) : bins - 1];
    const mean = (to - from) / (last - first + 1);
    for (let bin = first; bin <= last; bin++) out[bin]! -= mean;
  }
}

/** Lags more than the sieve's sigmas above those of their part of the window. */
function outstanding(lags: Float32Array): { lag: number; z: number }[] {
  const found: { lag: number; z: number }[] = [];
  const count = lags.length;
  const size = Math.max(256, count / lagParts);
  for (let from = 0; from < count; from += size) {
    const to = Math.min(count, from + size);
    let [sum, squares] = [0, 0];
    for (let i = from; i < to; i++) {
      const value = lags[i]!;
      sum += value;
      squares += value * value;
    }
    const mean = sum / (to - from);
    const sigma = Math.sqrt(squares / (to - from) - mean * mean);
    // Lags without overlap are rounding noise.
    if (!(sigma > 0.5)) continue;
    // A pair of lags holds what lies between them.
    const [least, leastOfTwo] = [mean + sieveSigmas * sigma, 2 * mean + sieveSigmas * sigma * Math.SQRT2];
    let previous = Number.NEGATIVE_INFINITY;
    for (let i = from; i < to; i++) {
      const value = lags[i]!;
      if (value > least) found.push({ lag: i, z: (value - mean) / sigma });
      else if (value + previous > leastOfTwo)
        found.push({ lag: i - 0.5, z: (value + previous - 2 * mean) / (sigma * Math.SQRT2) });
      previous = value;
    }
  }
  return found;
}
