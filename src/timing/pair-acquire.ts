/**
 * Clock recovery of an entanglement-based link, both ends.
 *
 *   coarse offset (pair-coarse.ts), which ends with a short stretch of Bob's clock to be disclosed and thrown away
 *   Bob → Alice  pairs.disclosed   times and detectors of that stretch
 *   Alice → Bob  pairs.lock        offset, drift, his detectors' delays, where blocks begin; whether her dump grows
 *
 * Times are side channels (FORMULAS.md 9): delays are calibrated on the stretch that makes no key.
 */
import { z } from "zod";
import { decodeRising, encodeRising } from "../channel/encoding.js";
import { wireBytes, wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import { detectorDelays } from "./delays.js";
import { collect, type EventStream, endsAfter, lowerBound } from "./events.js";
import type { Stretch } from "./pair-blocks.js";
import { type CoarseSearch, coarseAt, decimal, findCoarse, noLock, offerStretches } from "./pair-coarse.js";
import { calibrationClicks, stretchClock } from "./pair-stretch.js";
import type { PairLock } from "./pairs.js";
import type { NoLock } from "./types.js";

const calibrationPairs = 600;
const shortestSegmentPs = 2e10;
const longestSegmentPs = 1e13;
const gateSigmas = 5;
/** Of Alice's times about the stretch. */
const fineMarginPs = 40_960_000;

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
  growing: z.boolean(),
});

/** Makes a stretch durable before it is disclosed, whoever asked for it. @returns all that ever were */
export type Disclose = (stretch: Stretch) => Promise<readonly Stretch[]>;

export async function acquirePairsAsBob(
  channel: BlockChannel,
  events: EventStream,
  link: Link,
  disclose: Disclose = async (stretch) => [stretch],
): Promise<PairLock | NoLock> {
  const offered = await offerStretches(channel, events);
  if ("reason" in offered) return offered;
  const { disclosed, coarse } = offered;
  const length = disclosed.to - disclosed.from;
  if (length <= 0 || length > longestSegmentPs || disclosed.to > coarse.to + BigInt(longestSegmentPs))
    throw new QkdError(
      "CHANNEL_MESSAGE_INVALID",
      "Alice asks for a stretch of events to be disclosed that is out of bounds.",
    );
  const more = await events.readAhead((batches) => endsAfter(batches, disclosed.to));
  const all = collect(more, disclosed.from);
  const from = lowerBound(all.times, 0);
  const to = lowerBound(all.times, Number(length));
  const opened = await disclose(disclosed);
  await channel.send("pairs.disclosed", {
    base: String(disclosed.from),
    count: to - from,
    times: encodeRising(all.times.subarray(from, to)),
    detectors: all.detector.slice(from, to),
  });
  const lock = await channel.receive("pairs.lock", lockSchema);
  if (lock.reason) return noLock(lock.reason, { step: "fine offset" });
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
    growing: lock.growing,
    disclosed,
    opened,
    coarse,
  };
}

export async function acquirePairsAsAlice(
  channel: BlockChannel,
  events: EventStream,
  link: Link,
): Promise<PairLock | NoLock> {
  const coarse = await findCoarse(channel, events);
  if ("reason" in coarse) return coarse;
  const { search, answer } = coarse;
  const segment = chooseSegment(search);
  await answer(segment);
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
  const ahead = await events.readAhead((batches) => endsAfter(batches, start + BigInt(length + fineMarginPs)));
  const own = collect(ahead, start);
  const nearby = own.times.subarray(0, lowerBound(own.times, length + fineMarginPs));
  const sides = {
    alice: { times: nearby, detector: own.detector },
    bob: { times: bobTimes, detector: disclosed.detectors },
  };
  const clock = await stretchClock(sides, { ...search.found, drift }, link);
  if (!clock) {
    await channel.send("pairs.lock", {
      reason: "NO_LOCK",
      offset: "0",
      drift: 0,
      reference: "0",
      halfWidthPs: 1,
      delays: [],
      growing: events.growing,
    });
    return noLock("NO_LOCK", { step: "fine offset", disclosed: disclosed.count });
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
    growing: events.growing,
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
    growing: events.growing,
    followed: clock.followed,
    disclosed: { from: toAlice(segment.from), to: toAlice(segment.to) },
    calibration: await calibrationClicks(sides, clock, delays, link, halfWidthPs),
  };
}

/** From where pairs may begin, so that no key is lost before it, to enough pairs after they surely have. */
function chooseSegment({ from, likely, pairsPerPs }: CoarseSearch): Stretch {
  const wanted = Number(likely - from) + calibrationPairs / pairsPerPs;
  const length = Math.round(Math.min(longestSegmentPs, Math.max(shortestSegmentPs, wanted)));
  return { from, to: from + BigInt(length) };
}
