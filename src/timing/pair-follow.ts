/**
 * Bob's clock followed through a stretch of both ends' times: groups of Alice's events are measured one after the other,
 * first in the window about the prediction; where the pairs are not there, along drift lines as far about it as the
 * filter's uncertainty reaches, which is how a lock comes back after a gap. From there it is followed back to the gap.
 */
import { type ClockFilter, type ClockSigmas, type ClockState, offsetAt } from "./clock-filter.js";
import { lowerBound } from "./events.js";
import { fitLine, lineOfSums, searchLines } from "./pair-lines.js";
import { inTurns, turns } from "./turns.js";

const groupPairs = 100;
/** On a weak link so many take long enough for a pass to bend: fewer then, but as many as stand out well. */
const longestGroupPs = 5e10;
const fewestPairs = 24;
const firstGroup = 64;
const largestGroup = 1 << 18;
/** Sigmas of the filter that a search reaches, and the least and most of it. */
const searchSigmas = 6;
const largestReachPs = 5e7;
const largestSlope = 60e-6;
/** Sigmas above chance that pairs in the window must show. */
const windowSigmas = 4;
/** Below this share of the usual pairs the window is not believed before a search. */
const usualShare = 0.5;
/** While lost, a group is tried this often: a share of the time since the last lock. */
const lostStride = 0.04;
/** A group ends at a silence of Alice's of this many mean spacings. */
const silence = 200;

export interface Knot extends ClockState {
  /** First after a loss: nothing is interpolated up to it. */
  readonly fresh: boolean;
  readonly pairs: number;
}

export class PairFollower {
  /** Pairs an event of Alice's, as seen last. */
  private share = 0;
  /** Mean time from one of Alice's events to the next. */
  private spacing = 0;

  /** @param filter offset against the line that times are given by, on the scale of Alice's times */
  constructor(
    private filter: ClockFilter,
    private readonly halfWidth: number,
  ) {}

  get state(): ClockState {
    return this.filter.state;
  }

  get sigmas(): ClockSigmas {
    return this.filter.sigmas;
  }

  /** Moves the origin of Alice's times. */
  shift(by: number): void {
    this.filter.shift(by);
  }

  /** @param line Bob's time expected for each of Alice's, without the followed offset */
  async follow(alice: Float64Array, line: Float64Array, bob: Float64Array): Promise<Knot[]> {
    const view: View = { alice, line, bob };
    const step = alice.length > 1 ? (alice[alice.length - 1]! - alice[0]!) / (alice.length - 1) : 0;
    const silent = silence * step;
    this.spacing = step;
    const knots: Knot[] = [];
    let fresh = true;
    let lostFrom = 0;
    const turn = turns();
    for (let i = 0; i < alice.length; ) {
      await turn(i);
      let size = this.groupSize();
      let end = groupEnd(alice, i, size, silent);
      let seen = this.measure(view, i, end);
      // Where the pairs are sparse, or too few are known of them, a longer group may show them.
      const most = Math.min(largestGroup, size * (this.share > 0 ? 4 : 1024));
      while (!seen && size < most && end < alice.length && end - i === size) {
        size *= 2;
        end = groupEnd(alice, i, size, silent);
        seen = this.measure(view, i, end);
      }
      if (seen) {
        this.take(seen);
        const back = fresh && i > lostFrom ? this.back(view, lostFrom, i, silent) : [];
        knots.push(...back, { ...this.state, fresh: fresh && back.length === 0, pairs: seen.pairs });
        lostFrom = end;
        fresh = false;
        i = end;
      } else {
        fresh = true;
        const lost = alice[end - 1]! - alice[Math.max(0, lostFrom - 1)]!;
        const next = alice[i]! + lostStride * lost;
        i = end;
        while (i < alice.length && alice[i]! < next) i++;
      }
    }
    return knots;
  }

  /** Knots from a lock back to what was lost before it. */
  private back(view: View, from: number, to: number, silent: number): Knot[] {
    const forward = this.filter;
    this.filter = forward.copy();
    const knots: Knot[] = [];
    let failed = 0;
    for (let end = to; end > from && failed < 2; ) {
      let start = Math.max(from, end - this.groupSize());
      for (let j = end - 1; j > start; j--) if (view.alice[j]! - view.alice[j - 1]! > silent) start = j;
      const seen = this.measure(view, start, end, false);
      failed = seen ? 0 : failed + 1;
      if (seen) {
        this.take(seen, false);
        knots.push({ ...this.state, fresh: false, pairs: seen.pairs });
      }
      end = start;
    }
    this.filter = forward;
    const [first] = knots.splice(-1, 1);
    return first ? [{ ...first, fresh: true }, ...knots.reverse()] : [];
  }

  private groupSize(): number {
    const { share, spacing } = this;
    if (share <= 0) return firstGroup;
    const short = Math.max(fewestPairs / share, longestGroupPs / Math.max(1, spacing));
    return Math.min(largestGroup, Math.max(16, Math.ceil(Math.min(groupPairs / share, short))));
  }

  private measure(view: View, from: number, to: number, search = true): Measured | undefined {
    const filter = this.filter.copy();
    const middle = (view.alice[from]! + view.alice[to - 1]!) / 2;
    filter.predict(middle);
    const { halfWidth } = this;
    const state = filter.state;
    const fit = fitWindow(view, from, to, state, halfWidth);
    const window = this.judged(fit, { offset: 0, drift: 0 }, middle, to - from);
    if (window && (this.share === 0 ? !search : window.pairs >= usualShare * this.share * (to - from))) return window;
    if (!search) return window;
    const sigmas = filter.sigmas;
    const reach = Math.min(largestReachPs, Math.max(8 * halfWidth, searchSigmas * sigmas.offset));
    const slope = Math.min(largestSlope, searchSigmas * sigmas.drift);
    const span = view.alice[to - 1]! - view.alice[from]!;
    const whole = reach + (slope * span) / 2;
    const far = differences(view, from, to, state, whole);
    const found = searchLines(far, whole, slope, span, Math.max(4000, 2 * halfWidth));
    if (!found) return window;
    const rough = fitLine(far, found, 2 * halfWidth);
    const line = rough ? { offset: rough.offset - rough.drift * rough.at, drift: rough.drift } : found;
    return this.judged(fitLine(far, line, halfWidth), line, middle, to - from) ?? window;
  }

  /** Pairs about a line, if they stand out of what lies beside it. */
  private judged(
    fit: ReturnType<typeof fitLine>,
    line: { offset: number; drift: number },
    middle: number,
    events: number,
  ): Measured | undefined {
    const { halfWidth } = this;
    if (!fit) return undefined;
    const { inside, beside } = fit;
    const pairs = inside - beside;
    if (pairs < 10 || pairs < windowSigmas * Math.sqrt(inside + beside)) return undefined;
    // Chance pairs lie evenly about the line and pull the fit to it.
    const share = pairs / inside;
    const single = (halfWidth / 3) ** 2 * share + (halfWidth ** 2 / 3) * (1 - share);
    const at = fit.at + middle;
    const there = line.offset + line.drift * fit.at;
    return {
      at,
      pairs,
      events,
      offset: there + (fit.offset - there) / share,
      offsetVariance: single / (inside * share * share),
      drift: line.drift + (fit.drift - line.drift) / share,
      driftVariance: fit.spread > 0 ? single / (fit.spread * share * share) : Number.POSITIVE_INFINITY,
      middle,
    };
  }

  private take(seen: Measured, remember = true): void {
    const { filter } = this;
    // What was measured is against the prediction from the middle of the group.
    filter.predict(seen.middle);
    const from = filter.state;
    filter.predict(seen.at);
    const to = filter.state;
    filter.seeOffset(offsetAt(from, seen.at) + seen.offset - to.offset, seen.offsetVariance);
    if (Number.isFinite(seen.driftVariance)) {
      const drift = from.drift + from.rate * (seen.at - seen.middle) + seen.drift;
      filter.seeDrift(drift - filter.state.drift, seen.driftVariance);
    }
    if (!remember) return;
    const share = seen.pairs / seen.events;
    this.share = this.share > 0 ? 0.8 * this.share + 0.2 * share : share;
  }
}

interface View {
  readonly alice: Float64Array;
  readonly line: Float64Array;
  readonly bob: Float64Array;
}

interface Measured {
  readonly at: number;
  /** At `at`, against the prediction from `middle`. */
  readonly offset: number;
  readonly offsetVariance: number;
  readonly drift: number;
  readonly driftVariance: number;
  readonly middle: number;
  readonly pairs: number;
  readonly events: number;
}

function groupEnd(alice: Float64Array, from: number, size: number, silent: number): number {
  const last = Math.min(alice.length, from + size);
  for (let i = from + 1; i < last; i++) if (alice[i]! - alice[i - 1]! > silent) return i;
  return last;
}

/** As fitLine about the prediction, in one pass: what nearly every group takes. */
function fitWindow(
  { alice, line, bob }: View,
  from: number,
  to: number,
  state: ClockState,
  halfWidth: number,
): ReturnType<typeof fitLine> {
  const [at, offset, drift, bend] = [state.at, state.offset, state.drift, state.rate / 2];
  let [n, beside, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0, 0];
  let j = lowerBound(bob, line[from]! + offsetAt(state, alice[from]!) - 2 * halfWidth);
  for (let i = from; i < to; i++) {
    const x = alice[i]! - at;
    const middle = line[i]! + offset + x * (drift + x * bend);
    while (j < bob.length && bob[j]! < middle - 2 * halfWidth) j++;
    for (let k = j; k < bob.length; k++) {
      const y = bob[k]! - middle;
      if (y > 2 * halfWidth) break;
      if (y > halfWidth || y < -halfWidth) {
        beside++;
        continue;
      }
      n++;
      sx += x;
      sy += y;
      sxx += x * x;
      sxy += x * y;
    }
  }
  const found = lineOfSums(n, sx, sy, sxx, sxy);
  return found && { ...found, beside };
}

/** Bob's times less those predicted, by Alice's time after the state's. */
function differences({ alice, line, bob }: View, from: number, to: number, state: ClockState, reach: number) {
  const at: number[] = [];
  const delta: number[] = [];
  let j = lowerBound(bob, line[from]! + offsetAt(state, alice[from]!) - reach);
  for (let i = from; i < to; i++) {
    const middle = line[i]! + offsetAt(state, alice[i]!);
    while (j < bob.length && bob[j]! < middle - reach) j++;
    for (let k = j; k < bob.length && bob[k]! <= middle + reach; k++) {
      at.push(alice[i]! - state.at);
      delta.push(bob[k]! - middle);
    }
  }
  return { at: Float64Array.from(at), delta: Float64Array.from(delta) };
}

/** The followed offset at each of Alice's times: between two knots from both, beside a loss from the nearer one. */
export async function followedOffsets(
  alice: Float64Array,
  knots: readonly Knot[],
  start: ClockState,
): Promise<Float64Array> {
  const out = new Float64Array(alice.length);
  let next = 0;
  await inTurns(alice.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const t = alice[i]!;
      while (next < knots.length && knots[next]!.at <= t) next++;
      const before = knots[next - 1];
      const after = knots[next];
      if (!before || !after) out[i] = offsetAt(before ?? after ?? start, t);
      else {
        const share = (t - before.at) / (after.at - before.at);
        if (after.fresh) out[i] = offsetAt(share < 0.5 ? before : after, t);
        else out[i] = (1 - share) * offsetAt(before, t) + share * offsetAt(after, t);
      }
    }
  });
  return out;
}
