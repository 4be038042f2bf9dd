/**
 * Clock recovery and coincidences of an entanglement-based link, both ends.
 *
 *   Bob → Alice  pairs.coarse      times of a second of his, rounded to microseconds
 *   Alice → Bob  pairs.segment     no coarse offset: another second, please; or a short stretch of his clock to be
 *                                  disclosed and thrown away
 *   Bob → Alice  pairs.disclosed   times and detectors of that stretch
 *   Alice → Bob  pairs.lock        offset, drift, his detectors' delays, where blocks begin
 *
 * then for each block
 *
 *   Bob → Alice  pairs.times       his times, corrected by his delays and rounded to half the window's half width
 *   Alice → Bob  pairs.slots       which of his events form a slot
 *
 * Times are side channels (FORMULAS.md 9): delays are calibrated on the stretch that makes no key.
 */
import { z } from "zod";
import { BitString } from "../bits.js";
import { decodeSlots, encodeSlots } from "../channel/encoding.js";
import { wireBits, wireBytes, wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import { ClockFilter, offsetAt } from "./clock-filter.js";
import { detectorDelays } from "./delays.js";
import { clockIndex, type DetectorBatch, type EventStream } from "./events.js";
import type { EventBlock } from "./pair-blocks.js";
import { followedOffsets, PairFollower } from "./pair-follow.js";
import { fineLine, lowerBound } from "./pair-lines.js";
import { type Followed, type LinkedSlots, PairLinker } from "./pair-linker.js";
import { type CoarseOffset, coarseOffset } from "./pair-search.js";
import type { NoLock } from "./types.js";

const coarseBinPs = 4_096_000;
const coarseWindowPs = 262_144 * coarseBinPs;
/**
 * Stretches of Bob's clock tried one after the other, ps after his first event, and offsets searched with each: overlap
 * begins as long after a dump's start as the offset is large.
 */
const attempts = [
  { start: 0, reach: 1.1e12 },
  { start: 1.1e12, reach: 1.1e12 },
  { start: 0, reach: 10.5e12 },
  { start: 10.5e12, reach: 10.5e12 },
] as const;
/** Beyond the coarse drift: at least, and at most where the overlap is short. */
const [leastDrift, largestDrift] = [14e-6, 80e-6];
/** First events further apart than this come from clocks that were started at unrelated times. */
const unrelatedPs = 3e13;
/** How far from Bob's stretch the coarse offset still holds. */
const extrapolatePs = 1.2e12;
const calibrationPairs = 600;
const shortestSegmentPs = 2e10;
const longestSegmentPs = 1e13;
const gateSigmas = 5;
/** Uncertainty of the first line, and the window that it is followed in before delays are known. */
const firstOffsetSigma = 3000;
const firstRateSigma = 1e-17;
const followWidthPs = 1000;

/** What both ends know once they are locked; public. */
export interface PairLock {
  readonly locked: true;
  /** t_b = t_a + offset + drift·(t_a − reference): offset and reference whole ps. */
  readonly offset: bigint;
  readonly drift: number;
  readonly reference: bigint;
  readonly halfWidthPs: number;
  /** This end's detectors, ps after the first. */
  readonly delays: readonly number[];
  /** Disclosed stretch in this end's clock; block 0 starts at its end. */
  readonly disclosed: { readonly from: bigint; readonly to: bigint };
  /** Alice: what she knows of the clock beyond that line. */
  readonly followed?: Followed;
  /** Alice: click statistics of the disclosed stretch, where bits of both ends are known. */
  readonly calibration?: CalibrationClicks;
}

export interface CalibrationClicks {
  readonly siftedBits: number;
  readonly errors: number;
  readonly pairs: number;
  readonly exclusive: number;
}

const decimal = z.string().regex(/^-?\d{1,20}$/);
const coarseSchema = z.strictObject({ base: decimal, first: decimal, count: wireCount, times: wireBytes });
const segmentSchema = z.strictObject({
  reason: z.enum(["NO_DETECTIONS", "NO_LOCK", "NEXT"]).nullable(),
  from: decimal,
  to: decimal,
});
const disclosedSchema = z.strictObject({ base: decimal, count: wireCount, times: wireBytes, detectors: wireBytes });
/** No clock is worse; bounds what a peer can say. */
const mostDrift = 1e-3;
const mostPs = 1e9;
const lockSchema = z.strictObject({
  reason: z.enum(["NO_DETECTIONS", "NO_LOCK"]).nullable(),
  offset: decimal,
  drift: z.number().min(-mostDrift).max(mostDrift),
  reference: decimal,
  halfWidthPs: z.number().positive().max(mostPs),
  delays: z.array(z.number().min(-mostPs).max(mostPs)).max(64),
});

export async function acquirePairsAsBob(
  channel: BlockChannel,
  events: EventStream,
  link: Link,
): Promise<PairLock | NoLock> {
  const segment = await offerWindows(channel, events);
  if (segment.reason) return noLock(segment.reason, "coarse offset");
  const disclosed = { from: BigInt(segment.from), to: BigInt(segment.to) };
  if (disclosed.to <= disclosed.from || disclosed.to - disclosed.from > BigInt(longestSegmentPs))
    throw new QkdError(
      "CHANNEL_MESSAGE_INVALID",
      "Alice asks for a stretch of events to be disclosed that is out of bounds.",
    );
  const more = await events.readAhead((batches) => endsAfter(batches, disclosed.to));
  const all = collect(more, disclosed.from);
  const from = lowerBound(all.times, 0);
  const to = lowerBound(all.times, Number(disclosed.to - disclosed.from));
  await channel.send("pairs.disclosed", {
    base: segment.from,
    count: to - from,
    times: encodeRising(all.times.subarray(from, to)),
    detectors: all.detector.slice(from, to),
  });
  const lock = await channel.receive("pairs.lock", lockSchema);
  if (lock.reason) return noLock(lock.reason, "fine offset");
  const own = link.bob.detectors!.length;
  if (lock.delays.length !== own)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice's delays do not fit Bob's detectors.");
  return {
    locked: true,
    offset: BigInt(lock.offset),
    drift: lock.drift,
    reference: BigInt(lock.reference),
    halfWidthPs: lock.halfWidthPs,
    delays: lock.delays,
    disclosed,
  };
}

type Segment = z.output<typeof segmentSchema>;

async function offerWindows(
  channel: BlockChannel,
  events: EventStream,
): Promise<Segment & { reason: "NO_DETECTIONS" | "NO_LOCK" | null }> {
  for (const { start } of attempts) {
    const ahead = await events.readAhead((batches) => spanPs(batches) >= start + coarseWindowPs);
    events.checkChannels("bob");
    const base = ahead[0]?.base ?? 0n;
    const { times } = collect(ahead, base);
    const first = times[0] ?? 0;
    // A dump that ends sooner offers its last second.
    const latest = Math.max(first, (times[times.length - 1] ?? 0) - coarseWindowPs);
    const from = Math.min(first + start, latest);
    const window = times.subarray(lowerBound(times, from), lowerBound(times, from + coarseWindowPs));
    const coarse = window.map((t) => Math.round(t / coarseBinPs));
    await channel.send("pairs.coarse", {
      base: String(base),
      first: String(base + BigInt(Math.floor(first))),
      count: coarse.length,
      times: encodeRising(coarse),
    });
    const { reason, ...segment } = await channel.receive("pairs.segment", segmentSchema);
    if (reason !== "NEXT") return { reason, ...segment };
  }
  throw new QkdError("CHANNEL_MESSAGE_UNEXPECTED", "Alice asks for more of Bob's times than acquisition takes.");
}

export async function acquirePairsAsAlice(
  channel: BlockChannel,
  events: EventStream,
  link: Link,
): Promise<PairLock | NoLock> {
  const give = async (reason: "NO_DETECTIONS" | "NO_LOCK") => {
    await channel.send("pairs.segment", { reason, from: "0", to: "0" });
    return noLock(reason, "coarse offset");
  };
  let search: CoarseSearch | undefined;
  for (const [index, { reach }] of attempts.entries()) {
    const bob = await channel.receive("pairs.coarse", coarseSchema);
    const base = BigInt(bob.base);
    const coarse = decodeRising(bob.times, bob.count, 2 ** 40).map((bin) => bin * coarseBinPs);
    const tried = await searchCoarse(events, { base, first: BigInt(bob.first), coarse }, reach);
    events.checkChannels("alice");
    if (bob.count === 0 || tried.seen === 0) return give("NO_DETECTIONS");
    search = tried.search;
    if (search || index + 1 === attempts.length) break;
    await channel.send("pairs.segment", { reason: "NEXT", from: "0", to: "0" });
  }
  if (!search) return give("NO_LOCK");
  const segment = chooseSegment(search);
  await channel.send("pairs.segment", { reason: null, from: String(segment.from), to: String(segment.to) });
  const disclosed = await channel.receive("pairs.disclosed", disclosedSchema);
  const length = Number(segment.to - segment.from);
  const bobTimes = decodeRising(disclosed.times, disclosed.count, length);
  if (
    disclosed.detectors.length !== disclosed.count ||
    disclosed.detectors.some((d) => d >= link.bob.detectors!.length)
  )
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob's disclosed detectors do not fit his list.");
  // The coarse drift is taken off Bob's times for the fine search and put back after it.
  const since = Number(segment.from - search.at);
  const drift = search.found.drift + search.found.rate * since;
  const start = segment.from - BigInt(Math.round(coarseAt(search.found, since)));
  const ahead = await events.readAhead((batches) => endsAfter(batches, start + BigInt(length + 10 * coarseBinPs)));
  const own = collect(ahead, start);
  const nearby = own.times.subarray(0, lowerBound(own.times, length + 10 * coarseBinPs));
  const sides = {
    alice: { times: nearby, detector: own.detector },
    bob: { times: bobTimes, detector: disclosed.detectors },
  };
  const clock = stretchClock(sides, { ...search.found, drift }, link);
  if (!clock) {
    await channel.send("pairs.lock", {
      reason: "NO_LOCK",
      offset: "0",
      drift: 0,
      reference: "0",
      halfWidthPs: 1,
      delays: [],
    });
    return noLock("NO_LOCK", "fine offset");
  }
  const delays = detectorDelays(sides, clock.expected, link.alice.detectors!.length, link.bob.detectors!.length);
  const offset = segment.from - start + BigInt(Math.round(clock.offset + delays.offset));
  const reference = start + BigInt(Math.round(clock.reference));
  const halfWidthPs = link.window?.halfWidthPs ?? Math.max(1, Math.round(gateSigmas * delays.sigma));
  const lock = {
    offset: String(offset),
    drift: clock.drift,
    reference: String(reference),
    halfWidthPs,
    delays: delays.bob,
  };
  await channel.send("pairs.lock", { reason: null, ...lock });
  const toAlice = (bobTime: bigint) => bobTime - offset;
  return {
    locked: true,
    offset,
    drift: clock.drift,
    reference,
    halfWidthPs,
    delays: delays.alice,
    followed: clock.followed,
    disclosed: { from: toAlice(segment.from), to: toAlice(segment.to) },
    calibration: calibrationClicks(sides, clock, delays, link, halfWidthPs),
  };
}

interface StretchClock {
  /** t_b = t_a + offset + drift·(t_a − reference) at its end. */
  readonly offset: number;
  readonly drift: number;
  readonly reference: number;
  readonly followed: Followed;
  /** Bob's time expected for each of Alice's. */
  readonly expected: Float64Array;
}

/** A line through the first of the disclosed stretch, then followed to its end. */
function stretchClock(
  { alice, bob }: Parameters<typeof detectorDelays>[0],
  { drift, driftReach, rate }: CoarseOffset,
  link: Link,
): StretchClock | undefined {
  const straight = bob.times.map((t) => t / (1 + drift));
  const reach = Math.min(largestDrift, Math.max(leastDrift, driftReach));
  const fine = fineLine(alice.times, straight, 0, 4 * coarseBinPs, reach);
  if (!fine) return undefined;
  const { reference } = fine;
  const offset = (reference + fine.offset) * (1 + drift) - reference;
  const slope = (1 + fine.drift) * (1 + drift) - 1;
  const line = alice.times.map((t) => t + offset + slope * (t - reference));
  const sigmas = { offset: firstOffsetSigma, drift: fine.driftStep, rate: firstRateSigma };
  const filter = new ClockFilter({ at: reference, offset: 0, drift: 0, rate }, sigmas);
  const width = Math.max(followWidthPs, link.window?.halfWidthPs ?? 0);
  const follower = new PairFollower(filter, width);
  const knots = follower.follow(alice.times, line, bob.times);
  const last = knots[knots.length - 1];
  if (!last) return undefined;
  const offsets = followedOffsets(alice.times, knots, last);
  return {
    offset: offset + slope * (last.at - reference) + last.offset,
    drift: slope + last.drift,
    reference: last.at,
    followed: { rate: last.rate, sigmas: follower.sigmas },
    expected: line.map((t, i) => t + offsets[i]!),
  };
}

interface CoarseSearch {
  readonly found: CoarseOffset;
  /** Where it holds, Bob's clock. */
  readonly at: bigint;
  /** Where overlap begins, Bob's clock, as far as it is near that stretch. */
  readonly overlapStart: bigint;
  readonly pairsPerPs: number;
}

function chooseSegment({ overlapStart, pairsPerPs }: CoarseSearch): { from: bigint; to: bigint } {
  const wanted = calibrationPairs / pairsPerPs;
  const length = Math.round(Math.min(longestSegmentPs, Math.max(shortestSegmentPs, wanted)));
  return { from: overlapStart, to: overlapStart + BigInt(length) };
}

interface OfferedWindow {
  readonly base: bigint;
  /** Bob's first event. */
  readonly first: bigint;
  /** After `base`, ps. */
  readonly coarse: Float64Array;
}

/** Offsets are absolute, or counted from the first events where the two clocks started at unrelated times. */
async function searchCoarse(
  events: EventStream,
  bob: OfferedWindow,
  reach: number,
): Promise<{ seen: number; search: CoarseSearch | undefined }> {
  const head = await events.readAhead((batches) => batches.length > 0);
  const origin = head[0]?.base ?? 0n;
  const shift = Number(bob.base - origin);
  const windowStart = shift + (bob.coarse[0] ?? 0);
  const apart = Number(bob.first - origin) - (head[0]?.dt[0] ?? 0);
  const middle = Math.abs(apart) < unrelatedPs ? 0 : apart;
  const until = windowStart - middle + reach + coarseWindowPs;
  const ahead = await events.readAhead((batches) => endsAfter(batches, origin + BigInt(Math.ceil(until))));
  const { times } = collect(ahead, origin);
  const window = bob.coarse.map((t) => t + shift);
  const found = coarseOffset(times, window, coarseBinPs, middle - reach, middle + reach);
  if (!found) return { seen: times.length, search: undefined };
  const aliceStart = times[0]! + coarseAt(found, times[0]! + found.offset - found.at);
  const overlap =
    Math.min(window[window.length - 1]!, times[times.length - 1]! + found.offset) - Math.max(windowStart, aliceStart);
  const earliest = Math.max(aliceStart, Number(bob.first - origin));
  const near = Math.abs(earliest - windowStart) <= extrapolatePs;
  const overlapStart = near ? earliest : Math.max(windowStart, aliceStart);
  return {
    seen: times.length,
    search: {
      found,
      at: origin + BigInt(Math.round(found.at)),
      overlapStart: origin + BigInt(Math.ceil(overlapStart)),
      pairsPerPs: found.pairs / Math.max(1, overlap),
    },
  };
}

/** The coarse offset some time after it was found. */
function coarseAt({ offset, drift, rate }: CoarseOffset, since: number): number {
  return offsetAt({ at: 0, offset, drift, rate }, since);
}

function noLock(reason: "NO_DETECTIONS" | "NO_LOCK", step: string): NoLock {
  return { locked: false, reason, details: { step } };
}

/** Where block `index` starts in this end's clock. */
export function blockBoundary(role: "alice" | "bob", lock: PairLock, seconds: number): (index: number) => bigint {
  const length = BigInt(Math.round(seconds * 1e12));
  return (index) => {
    if (role === "alice") return lock.disclosed.to + BigInt(index) * length;
    // Alice's block start seen on Bob's clock; her first block starts where the disclosed stretch ends.
    const alice = lock.disclosed.to - lock.offset + BigInt(index) * length;
    return alice + lock.offset + BigInt(Math.round(Number(alice - lock.reference) * lock.drift));
  };
}

// One block ------------------------------------------------------------------------------------------------------------

const timesSchema = z.strictObject({ count: wireCount, times: wireBytes });
const slotsSchema = z.strictObject({ count: wireCount, firsts: wireBytes, counts: wireBytes, single: wireBytes });

export interface PairBlock {
  readonly slots: number;
  /** Mask over this end's detectors. */
  readonly clicks: Uint8Array;
  readonly vetoed: Uint8Array;
  readonly single: BitString;
}

export async function pairAsBob(channel: BlockChannel, lock: PairLock, block: EventBlock): Promise<PairBlock> {
  const grid = gridOf(lock);
  const { times, order } = corrected(block, lock.delays, grid);
  await channel.send("pairs.times", { count: times.length, times: encodeRising(times) });
  const alice = await channel.receive("pairs.slots", slotsSchema);
  const firsts = decodeSlots(alice.firsts, alice.count, times.length);
  if (alice.counts.length !== alice.count)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice's slots lack their counts.");
  const clicks = new Uint8Array(alice.count);
  const vetoed = new Uint8Array(alice.count);
  let end = 0;
  for (let slot = 0; slot < alice.count; slot++) {
    const first = firsts[slot]!;
    if (first < end || alice.counts[slot] === 0)
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice puts an event of Bob's into two slots, or none into one.");
    end = first + alice.counts[slot]!;
    if (end > times.length) throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice names events that Bob does not have.");
    vetoed[slot] = block.vetoed[order[first]!]!;
    for (let i = first; i < end; i++) clicks[slot]! |= 1 << block.detector[order[i]!]!;
  }
  return { slots: alice.count, clicks, vetoed, single: wireBits(alice.single, alice.count) };
}

export async function pairAsAlice(
  channel: BlockChannel,
  lock: PairLock,
  block: EventBlock,
  linker: PairLinker,
  seconds: number,
): Promise<PairBlock & { linked: LinkedSlots }> {
  const bob = await channel.receive("pairs.times", timesSchema);
  const grid = gridOf(lock);
  const bobStart = blockBoundary(
    "bob",
    { ...lock, disclosed: { ...lock.disclosed, to: lock.disclosed.to + lock.offset } },
    seconds,
  )(block.index);
  const bobTimes = decodeRising(bob.times, bob.count, (seconds * 1e12 * 1.001) / grid + 1e6).map((unit) => unit * grid);
  const own = corrected(block, lock.delays, 1);
  const sinceReference = Number(block.start - lock.reference);
  const atStart = Number(block.start - bobStart + lock.offset) + sinceReference * lock.drift;
  const linked = linker.link(
    own.times,
    bobTimes,
    { offset: atStart, drift: lock.drift, followed: lock.followed },
    sinceReference,
  );
  const clicks = new Uint8Array(linked.slots);
  const vetoed = new Uint8Array(linked.slots);
  const single = BitString.zeros(linked.slots);
  for (let slot = 0; slot < linked.slots; slot++) {
    const first = linked.aliceFirst[slot]!;
    vetoed[slot] = block.vetoed[own.order[first]!]!;
    for (let i = 0; i < linked.aliceCount[slot]!; i++) clicks[slot]! |= 1 << block.detector[own.order[first + i]!]!;
    if (linked.aliceCount[slot] === 1 && linked.bobCount[slot] === 1) single.bytes[slot >>> 3]! |= 1 << (slot & 7);
  }
  await channel.send("pairs.slots", {
    count: linked.slots,
    firsts: encodeSlots(Float64Array.from(linked.bobFirst)),
    counts: linked.bobCount.slice(),
    single: single.bytes,
  });
  return { slots: linked.slots, clicks, vetoed, single, linked };
}

function gridOf(lock: PairLock): number {
  return Math.max(1, Math.ceil(lock.halfWidthPs / 2));
}

/** Times with the detectors' delays taken off, in units of `grid`, sorted; `order` leads back to the block's events. */
function corrected(
  block: EventBlock,
  delays: readonly number[],
  grid: number,
): { times: Float64Array; order: Uint32Array } {
  const size = block.times.length;
  const times = new Float64Array(size);
  const order = new Uint32Array(size);
  for (let i = 0; i < size; i++) {
    const t = Math.max(0, Math.round((block.times[i]! - delays[block.detector[i]!]!) / grid));
    let j = i;
    while (j > 0 && times[j - 1]! > t) {
      times[j] = times[j - 1]!;
      order[j] = order[--j]!;
    }
    times[j] = t;
    order[j] = i;
  }
  return { times, order };
}

function calibrationClicks(
  sides: Parameters<typeof detectorDelays>[0],
  clock: StretchClock,
  delays: ReturnType<typeof detectorDelays>,
  link: Link,
  halfWidthPs: number,
): CalibrationClicks {
  const { alice, bob } = sides;
  const a = sortedBy(alice.times, (t, i) => t - delays.alice[alice.detector[i]!]!);
  const b = sortedBy(bob.times, (t, i) => t - delays.bob[bob.detector[i]!]!);
  const offset = clock.offset + delays.offset - clock.drift * clock.reference;
  const line = { offset, drift: clock.drift, followed: clock.followed };
  const linked = new PairLinker(halfWidthPs).link(a.times, b.times, line, -clock.reference);
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
  return { siftedBits, errors, pairs: linked.pairs, exclusive: linked.exclusive };
}

function sortedBy(times: Float64Array, key: (time: number, index: number) => number) {
  const keys = times.map(key);
  const order = Uint32Array.from(keys, (_, i) => i).sort((x, y) => keys[x]! - keys[y]!);
  return { times: Float64Array.from(order, (i) => keys[i]!), order };
}

function collect(batches: readonly DetectorBatch[], origin: bigint): { times: Float64Array; detector: Uint8Array } {
  const size = batches.reduce((sum, { dt }) => sum + dt.length, 0);
  const times = new Float64Array(size);
  const detector = new Uint8Array(size);
  let n = 0;
  for (const batch of batches) {
    const shift = Number(batch.base - origin);
    for (let i = 0; i < batch.dt.length; i++) {
      if (batch.detector[i] === clockIndex) continue;
      detector[n] = batch.detector[i]!;
      times[n++] = shift + batch.dt[i]!;
    }
  }
  const from = lowerBound(times.subarray(0, n), 0);
  return { times: times.subarray(from, n), detector: detector.subarray(from, n) };
}

function spanPs(batches: readonly DetectorBatch[]): number {
  const [first, last] = [batches[0], batches[batches.length - 1]];
  return first && last ? Number(last.base - first.base) + last.dt[last.dt.length - 1]! - first.dt[0]! : 0;
}

function endsAfter(batches: readonly DetectorBatch[], time: bigint): boolean {
  const last = batches[batches.length - 1];
  return last !== undefined && last.base + BigInt(last.dt[last.dt.length - 1] ?? 0) > time;
}

/** Rising but not strictly: the index is added, so that neighbours differ. */
function encodeRising(values: Float64Array): Uint8Array {
  return encodeSlots(values.map((value, i) => value + i));
}

function decodeRising(bytes: Uint8Array, count: number, end: number): Float64Array {
  return decodeSlots(bytes, count, end + count + 1).map((value, i) => value - i);
}
