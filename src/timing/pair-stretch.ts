/**
 * The disclosed stretch of a link of pairs: a line through its first times, the clock followed to its end, and what its
 * clicks, known at both ends and thrown away, say of the link.
 */
import type { Link } from "../link.js";
import { ClockFilter } from "./clock-filter.js";
import type { Delays, DisclosedSide } from "./delays.js";
import type { CoarseOffset } from "./pair-bend.js";
import { followedOffsets, PairFollower } from "./pair-follow.js";
import { fineLine } from "./pair-lines.js";
import { type Followed, PairLinker } from "./pair-linker.js";
import type { DisclosedClicks } from "./types.js";

/** About the coarse offset. */
const fineReachPs = 16_384_000;
/** Beyond the coarse drift: at least, and at most where the overlap is short. */
const [leastDrift, largestDrift] = [14e-6, 80e-6];
/** Uncertainty of the first line, and the window that it is followed in before delays are known. */
const firstOffsetSigma = 3000;
const firstRateSigma = 1e-17;
const followWidthPs = 1000;

/** Both ends' clicks of the stretch. */
interface Sides {
  readonly alice: DisclosedSide;
  readonly bob: DisclosedSide;
}

export interface StretchClock {
  /** t_b = t_a + offset + drift·(t_a − reference) at its end. */
  readonly offset: number;
  readonly drift: number;
  readonly reference: number;
  readonly followed: Followed;
  /** Bob's time expected for each of Alice's. */
  readonly expected: Float64Array;
}

/** A line through the first of the disclosed stretch, then followed to its end. */
export async function stretchClock(
  { alice, bob }: Sides,
  { drift, driftReach, rate }: CoarseOffset,
  link: Link,
): Promise<StretchClock | undefined> {
  const straight = bob.times.map((t) => t / (1 + drift));
  const reach = Math.min(largestDrift, Math.max(leastDrift, driftReach));
  const fine = fineLine(alice.times, straight, 0, fineReachPs, reach);
  if (!fine) return undefined;
  const { reference } = fine;
  const offset = (reference + fine.offset) * (1 + drift) - reference;
  const slope = (1 + fine.drift) * (1 + drift) - 1;
  const line = alice.times.map((t) => t + offset + slope * (t - reference));
  const sigmas = { offset: firstOffsetSigma, drift: fine.driftStep, rate: firstRateSigma };
  const filter = new ClockFilter({ at: reference, offset: 0, drift: 0, rate }, sigmas);
  const width = Math.max(followWidthPs, link.window?.halfWidthPs ?? 0);
  const follower = new PairFollower(filter, width);
  const knots = await follower.follow(alice.times, line, bob.times);
  const last = knots[knots.length - 1];
  if (!last) return undefined;
  const offsets = await followedOffsets(alice.times, knots, last);
  return {
    offset: offset + slope * (last.at - reference) + last.offset,
    drift: slope + last.drift,
    reference: last.at,
    followed: { rate: last.rate, sigmas: follower.sigmas },
    expected: line.map((t, i) => t + offsets[i]!),
  };
}

export async function calibrationClicks(
  sides: Sides,
  clock: StretchClock,
  delays: Delays,
  link: Link,
  halfWidthPs: number,
): Promise<DisclosedClicks> {
  const { alice, bob } = sides;
  const a = sortedBy(alice.times, (t, i) => t - delays.alice[alice.detector[i]!]!);
  const b = sortedBy(bob.times, (t, i) => t - delays.bob[bob.detector[i]!]!);
  const offset = clock.offset + delays.offset - clock.drift * clock.reference;
  const line = { offset, drift: clock.drift, followed: clock.followed };
  const linked = await new PairLinker(halfWidthPs).link(a.times, b.times, line, -clock.reference);
  let [siftedBits, errors] = [0, 0];
  const flip = link.correlation === "opposite" ? 1 : 0;
  for (let slot = 0; slot < linked.slots; slot++) {
    if (linked.aliceCount[slot] !== 1 || linked.bobCount[slot] !== 1) continue;
    const atAlice = link.alice.detectors![alice.detector[a.order[linked.aliceFirst[slot]!]!]!]!;
    const atBob = link.bob.detectors![bob.detector[b.order[linked.bobFirst[slot]!]!]!]!;
    if (atAlice.basis !== atBob.basis) continue;
    siftedBits++;
    if (atAlice.bit !== (atBob.bit ^ flip)) errors++;
  }
  return { slots: linked.exclusive, siftedBits, errors };
}

function sortedBy(times: Float64Array, key: (time: number, index: number) => number) {
  const keys = times.map(key);
  const order = Uint32Array.from(keys, (_, i) => i).sort((x, y) => keys[x]! - keys[y]!);
  return { times: Float64Array.from(order, (i) => keys[i]!), order };
}
