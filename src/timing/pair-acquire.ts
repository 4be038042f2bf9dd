/**
 * Clock recovery of an entanglement-based link, both ends.
 *
 *   Bob → Alice  pairs.coarse      times of a second of his, rounded to microseconds
 *   Alice → Bob  pairs.segment     no coarse offset: another second, please; or a short stretch of his clock to be
 *                                  disclosed and thrown away
 *   Bob → Alice  pairs.disclosed   times and detectors of that stretch
 *   Alice → Bob  pairs.lock        offset, drift, his detectors' delays, where blocks begin
 *
 * Times are side channels (FORMULAS.md 9): delays are calibrated on the stretch that makes no key.
 */
import { z } from "zod";
import { decodeRising, encodeRising } from "../channel/encoding.js";
import { wireBytes, wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import { offsetAt } from "./clock-filter.js";
import { detectorDelays } from "./delays.js";
import { collect, type EventStream, endsAfter, lowerBound, spanPs } from "./events.js";
import { type CoarseOffset, coarseBinPs, coarseOffset, coarseWindowPs } from "./pair-search.js";
import { calibrationClicks, stretchClock } from "./pair-stretch.js";
import type { PairLock } from "./pairs.js";
import type { NoLock } from "./types.js";

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
/** First events further apart than this come from clocks that were started at unrelated times. */
const unrelatedPs = 3e13;
/** How far from Bob's stretch the coarse offset still holds. */
const extrapolatePs = 1.2e12;
const calibrationPairs = 600;
const shortestSegmentPs = 2e10;
const longestSegmentPs = 1e13;
const gateSigmas = 5;

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
  const found = coarseOffset(times, window, middle - reach, middle + reach);
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
