/**
 * Coincidences at Alice's end: her events and Bob's published times become slots, sets of events linked within the
 * window; the clock is followed along. Branch-light two-pointer sweep over both sorted lists.
 */
import type { GateStatistics } from "./types.js";

export interface LinkedSlots {
  readonly slots: number;
  /** Per slot: first event and number of events, at each end. */
  readonly aliceFirst: Uint32Array;
  readonly aliceCount: Uint8Array;
  readonly bobFirst: Uint32Array;
  readonly bobCount: Uint8Array;
  /** Pairs within the window, all and exclusive ones (one event at each end, slots with count 1 and 1). */
  readonly pairs: number;
  readonly exclusive: number;
  /** Pairs expected by chance: mean over shifted windows. */
  readonly accidentals: number;
  readonly gate: GateStatistics;
}

const trackPairs = 100;
const gain = 0.6;
/** Share of a correction that goes to the drift: what a wandering clock or a pass overhead needs. */
const driftGain = 0.25;
/** Corrections need this many times more pairs inside the window than in the two half windows beside it. */
const trackContrast = 2;
const shiftsPs = [-100_000, -77_000, -53_000, -20_000, 20_000, 53_000, 77_000, 100_000];
const bins = 64;

/** Alice's model of Bob's clock on the scale of a block: t_b = t_a + offset + drift·t_a, ps after the block's start. */
export interface BlockClock {
  readonly offset: number;
  readonly drift: number;
}

export class PairLinker {
  /** Sums of a regression over exclusive pairs, on the scale of the lock (ps after its reference). */
  private readonly fit = new Float64Array(5);
  private correction = 0;
  /** Correction of the drift, counted from `turned`, ps after the lock's reference. */
  private driftCorrection = 0;
  private turned = 0;
  private readonly track: { seconds: number; offsetPs: number }[] = [];

  constructor(private readonly halfWidth: number) {}

  /**
   * @param alice times corrected by her delays, sorted  @param bob published times, sorted, on the same scale as `clock`
   * @param sinceReference block's start after the lock's reference, ps
   */
  link(alice: Float64Array, bob: Float64Array, clock: BlockClock, sinceReference: number): LinkedSlots {
    const { halfWidth } = this;
    const expected = new Float64Array(alice.length);
    const capacity = Math.min(alice.length, bob.length);
    const out = {
      aliceFirst: new Uint32Array(capacity),
      aliceCount: new Uint8Array(capacity),
      bobFirst: new Uint32Array(capacity),
      bobCount: new Uint8Array(capacity),
    };
    const histogram = new Float64Array(bins);
    const binPs = (4 * halfWidth) / bins;
    let [slots, pairs, exclusive, low, high, wide] = [0, 0, 0, 0, 0, 0];
    let [sum, counted, insideSince, besideSince] = [0, 0, 0, 0];
    let since = sinceReference;
    let [openHigh, firstA, countA, firstB] = [-1, 0, 0, 0];
    const close = () => {
      if (openHigh < 0) return;
      const countB = openHigh - firstB;
      out.aliceFirst[slots] = firstA;
      out.aliceCount[slots] = Math.min(255, countA);
      out.bobFirst[slots] = firstB;
      out.bobCount[slots] = Math.min(255, countB);
      slots++;
      if (countA === 1 && countB === 1) {
        exclusive++;
        const residual = bob[firstB]! - expected[firstA]!;
        sum += residual;
        counted++;
        this.fitPair(alice[firstA]! + sinceReference, residual + this.correctionAt(alice[firstA]! + sinceReference));
      }
      openHigh = -1;
    };
    for (let i = 0; i < alice.length; i++) {
      const at = alice[i]! + sinceReference;
      if (counted >= trackPairs) {
        if (insideSince > trackContrast * besideSince) {
          this.correct(at, sum / counted, at - since);
          this.track.push({ seconds: at / 1e12, offsetPs: this.correction });
        }
        [sum, counted, insideSince, besideSince, since] = [0, 0, 0, 0, at];
      }
      const t = alice[i]! + clock.offset + clock.drift * alice[i]! + this.correctionAt(at);
      expected[i] = t;
      while (low < bob.length && bob[low]! < t - halfWidth) low++;
      if (high < low) high = low;
      while (high < bob.length && bob[high]! <= t + halfWidth) high++;
      while (wide < bob.length && bob[wide]! < t - 2 * halfWidth) wide++;
      let wideHigh = wide;
      for (; wideHigh < bob.length && bob[wideHigh]! < t + 2 * halfWidth; wideHigh++)
        histogram[Math.min(bins - 1, Math.floor((bob[wideHigh]! - t) / binPs + bins / 2))]!++;
      insideSince += high - low;
      besideSince += wideHigh - wide - (high - low);
      if (high === low) continue;
      pairs += high - low;
      if (openHigh > low) {
        openHigh = high;
        countA++;
      } else {
        close();
        openHigh = high;
        firstA = i;
        countA = 1;
        firstB = low;
      }
    }
    close();
    const accidentals = shiftsPs.reduce((total, shift) => total + countPairs(expected, bob, shift, halfWidth), 0);
    const gate: GateStatistics = {
      halfWidthPs: halfWidth,
      binPs,
      histogram: [[...histogram]],
      inside: pairs,
      outside: 0,
      background: accidentals / shiftsPs.length,
      track: thinned(this.track),
    };
    return {
      slots,
      aliceFirst: out.aliceFirst.subarray(0, slots),
      aliceCount: out.aliceCount.subarray(0, slots),
      bobFirst: out.bobFirst.subarray(0, slots),
      bobCount: out.bobCount.subarray(0, slots),
      pairs,
      exclusive,
      accidentals: accidentals / shiftsPs.length,
      gate,
    };
  }

  /** What the pairs so far say against the lock: offset at its reference, ps, and drift. */
  meanClock(): { offset: number; drift: number } {
    const [n, sx, sy, sxx, sxy] = this.fit as unknown as [number, number, number, number, number];
    const spread = n * sxx - sx * sx;
    const drift = spread > 0 ? (n * sxy - sx * sy) / spread : 0;
    return { offset: n > 0 ? (sy - drift * sx) / n : 0, drift };
  }

  private correctionAt(sinceReference: number): number {
    return this.correction + this.driftCorrection * (sinceReference - this.turned);
  }

  private correct(sinceReference: number, mean: number, elapsed: number): void {
    this.correction = this.correctionAt(sinceReference) + gain * mean;
    this.turned = sinceReference;
    this.driftCorrection += (driftGain * mean) / Math.max(1, elapsed);
  }

  private fitPair(x: number, y: number): void {
    this.fit[0]! += 1;
    this.fit[1]! += x;
    this.fit[2]! += y;
    this.fit[3]! += x * x;
    this.fit[4]! += x * y;
  }
}

function countPairs(expected: Float64Array, bob: Float64Array, shift: number, halfWidth: number): number {
  let [low, high, pairs] = [0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const t = expected[i]! + shift;
    while (low < bob.length && bob[low]! < t - halfWidth) low++;
    if (high < low) high = low;
    while (high < bob.length && bob[high]! <= t + halfWidth) high++;
    pairs += high - low;
  }
  return pairs;
}

function thinned<T>(list: readonly T[], limit = 400): T[] {
  const step = Math.max(1, Math.ceil(list.length / limit));
  return list.filter((_, i) => i % step === 0);
}
