/**
 * Coincidences at Alice's end: her events and Bob's published times become slots, sets of events linked within the
 * window. The clock is followed first (pair-follow.ts), then a branch-light two-pointer sweep over both sorted lists.
 */
import { ClockFilter, type ClockSigmas } from "./clock-filter.js";
import { followedOffsets, type Knot, PairFollower } from "./pair-follow.js";
import { type TrackPoint, thin, trackReport } from "./track.js";
import { inTurns } from "./turns.js";
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

const shiftsPs = [-100_000, -77_000, -53_000, -20_000, 20_000, 53_000, 77_000, 100_000];
const bins = 64;

/** Alice's model of Bob's clock on the scale of a block: t_b = t_a + offset + drift·t_a, ps after the block's start. */
export interface BlockClock {
  readonly offset: number;
  readonly drift: number;
  /** What is known at the lock's reference beyond the line. */
  readonly followed?: Followed | undefined;
}

export interface Followed {
  /** Change of the drift a picosecond. */
  readonly rate: number;
  readonly sigmas: ClockSigmas;
}

/** Where nothing is said of them. */
const usualFollowed: Followed = { rate: 0, sigmas: { offset: 1000, drift: 1e-7, rate: 2e-18 } };

export class PairLinker {
  /** Sums of a regression over exclusive pairs, on the scale of the lock (ps after its reference). */
  private readonly fit = new Float64Array(5);
  private follower: PairFollower | undefined;
  private follows = 0;
  private readonly track: TrackPoint[] = [];

  constructor(private readonly halfWidth: number) {}

  /**
   * @param alice times corrected by her delays, sorted  @param bob published times, sorted, on the same scale as `clock`
   * @param sinceReference block's start after the lock's reference, ps
   */
  async link(alice: Float64Array, bob: Float64Array, clock: BlockClock, sinceReference: number): Promise<LinkedSlots> {
    const { halfWidth } = this;
    const line = (t: number) => t + clock.offset + clock.drift * t;
    const { knots, offsets } = await this.follow(alice, line, bob, clock, sinceReference);
    // In place: lists of a block are long.
    const expected = offsets;
    await inTurns(alice.length, (from, to) => {
      for (let i = from; i < to; i++) expected[i] = line(alice[i]!) + offsets[i]!;
    });
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
        this.fitPair(alice[firstA]! + sinceReference, bob[firstB]! - line(alice[firstA]!));
      }
      openHigh = -1;
    };
    const sweep = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        const t = expected[i]!;
        while (low < bob.length && bob[low]! < t - halfWidth) low++;
        if (high < low) high = low;
        while (high < bob.length && bob[high]! <= t + halfWidth) high++;
        while (wide < bob.length && bob[wide]! < t - 2 * halfWidth) wide++;
        let wideHigh = wide;
        for (; wideHigh < bob.length && bob[wideHigh]! < t + 2 * halfWidth; wideHigh++)
          histogram[Math.min(bins - 1, Math.floor((bob[wideHigh]! - t) / binPs + bins / 2))]!++;
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
    };
    await inTurns(alice.length, sweep);
    close();
    for (const { at, offset } of knots) this.track.push({ at: at + sinceReference, offsetPs: offset });
    thin(this.track);
    const accidentals = (await shiftedPairs(expected, bob, halfWidth)) / shiftsPs.length;
    const gate: GateStatistics = {
      halfWidthPs: halfWidth,
      binPs,
      histogram: [[...histogram]],
      inside: pairs,
      outside: 0,
      background: accidentals,
    };
    return {
      slots,
      aliceFirst: out.aliceFirst.subarray(0, slots),
      aliceCount: out.aliceCount.subarray(0, slots),
      bobFirst: out.bobFirst.subarray(0, slots),
      bobCount: out.bobCount.subarray(0, slots),
      pairs,
      exclusive,
      accidentals,
      gate,
    };
  }

  /** What the pairs so far say against the lock: offset at its reference, ps, and drift. */
  meanClock() {
    const [n, sx, sy, sxx, sxy] = this.fit as unknown as [number, number, number, number, number];
    const spread = n * sxx - sx * sx;
    const drift = spread > 0 ? (n * sxy - sx * sy) / spread : 0;
    const line = { offset: n > 0 ? (sy - drift * sx) / n : 0, drift };
    return { ...line, ...trackReport(this.track, line) };
  }

  private async follow(
    alice: Float64Array,
    line: (t: number) => number,
    bob: Float64Array,
    clock: BlockClock,
    since: number,
  ) {
    if (!this.follower) {
      const { rate, sigmas } = clock.followed ?? usualFollowed;
      const filter = new ClockFilter({ at: -since, offset: 0, drift: 0, rate }, sigmas);
      this.follower = new PairFollower(filter, this.halfWidth);
    } else this.follower.shift(since - this.follows);
    this.follows = since;
    const start = this.follower.state;
    const knots: Knot[] = await this.follower.follow(alice, alice.map(line), bob);
    return { knots, offsets: await followedOffsets(alice, knots, start) };
  }

  private fitPair(x: number, y: number): void {
    this.fit[0]! += 1;
    this.fit[1]! += x;
    this.fit[2]! += y;
    this.fit[3]! += x * x;
    this.fit[4]! += x * y;
  }
}

/** Pairs in the window at any of the shifts, in one sweep over what they reach. */
async function shiftedPairs(expected: Float64Array, bob: Float64Array, halfWidth: number): Promise<number> {
  const reach = Math.max(...shiftsPs) + halfWidth;
  let [low, pairs] = [0, 0];
  await inTurns(expected.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const t = expected[i]!;
      while (low < bob.length && bob[low]! < t - reach) low++;
      for (let k = low; k < bob.length; k++) {
        const delta = bob[k]! - t;
        if (delta > reach) break;
        for (const shift of shiftsPs) if (delta >= shift - halfWidth && delta <= shift + halfWidth) pairs++;
      }
    }
  });
  return pairs;
}
