/**
 * The coarse offset of a link of pairs, both ends.
 *
 *   Bob → Alice  pairs.coarse    times of a stretch of his, rounded to a quarter of a microsecond
 *   Alice → Bob  pairs.segment   not found: another stretch, please; or what he shall disclose (pair-acquire.ts)
 *
 * Quick searches first, over wider and wider offsets; then with more bins, which find weaker links (pair-search.ts), where
 * the stretch holds enough pairs of such a link to be worth a lock.
 */
import { z } from "zod";
import { decodeRising, encodeRising } from "../channel/encoding.js";
import { wireBytes, wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import { QkdError } from "../errors.js";
import { offsetAt } from "./clock-filter.js";
import { collect, type EventStream, endsAfter, lowerBound, spanPs } from "./events.js";
import type { CoarseOffset } from "./pair-bend.js";
import type { Stretch } from "./pair-blocks.js";
import { coarseGridPs, coarseOffset, leastCoincidences } from "./pair-search.js";
import type { NoLock, NoLockReason } from "./types.js";

interface Step {
  /** Of Bob's stretch after his first event, ps: overlap begins as long after a dump's start as the offset is large. */
  readonly start: number;
  readonly length: number;
  /** Offsets searched, and bins. */
  readonly reach: number;
  readonly bins: number;
}
const [near, far] = [1.1e12, 10.5e12];
const [short, long] = [1.074e12, 4.295e12];
const [quick, deep, deepest] = [2 ** 17, 2 ** 19, 2 ** 20];
const steps: readonly Step[] = [
  { start: 0, length: short, reach: near, bins: quick },
  { start: near, length: short, reach: near, bins: quick },
  { start: 0, length: short, reach: far, bins: quick },
  { start: far, length: short, reach: far, bins: quick },
  { start: 0, length: long, reach: near, bins: deep },
  { start: 0, length: long, reach: near, bins: deepest },
  { start: far, length: long, reach: far, bins: deep },
];
/** Pairs in the stretch below which a link that only a deeper search finds is not worth it. */
const worthwhilePairs = 300;
/** Bounds a message; so many events need no longer stretch. */
const mostOffered = 2 ** 22;
/** First events further apart than this come from clocks that were started at unrelated times. */
const unrelatedPs = 3e13;
/** How far from Bob's stretch the coarse offset still holds. */
const extrapolatePs = 1.2e12;

export const decimal = z.string().regex(/^-?\d{1,20}$/);
const coarseSchema = z.strictObject({
  base: decimal,
  first: decimal,
  count: wireCount,
  times: wireBytes,
  /** Length of Bob's whole dump, ps, where he has come to its end. */
  dump: z.number().min(0).max(Number.MAX_SAFE_INTEGER).nullable(),
});
const segmentSchema = z.strictObject({
  reason: z.enum(["NO_DETECTIONS", "NO_LOCK", "NEXT"]).nullable(),
  /** With NEXT: the step whose stretch is wanted. */
  step: z
    .int()
    .min(0)
    .max(steps.length - 1),
  from: decimal,
  to: decimal,
});

/** Bob's end. @returns what he shall disclose */
export async function offerStretches(channel: BlockChannel, events: EventStream): Promise<Stretch | NoLock> {
  let wanted = 0;
  for (let tries = 0; tries < steps.length; tries++) {
    const { start, length } = steps[wanted]!;
    const ahead = await events.readAhead((batches) => spanPs(batches) >= start + length);
    events.checkChannels("bob");
    const base = ahead[0]?.base ?? 0n;
    const { times } = collect(ahead, base);
    const first = times[0] ?? 0;
    const whole = (times[times.length - 1] ?? 0) - first;
    const { from, to } = stretchOf(steps[wanted]!, whole);
    const window = times.subarray(lowerBound(times, first + from), lowerBound(times, first + to + 1));
    const offered = window.subarray(0, mostOffered).map((t) => Math.round(t / coarseGridPs));
    await channel.send("pairs.coarse", {
      base: String(base),
      first: String(base + BigInt(Math.floor(first))),
      count: offered.length,
      times: encodeRising(offered),
      dump: spanPs(ahead) >= start + length ? null : whole,
    });
    const answer = await channel.receive("pairs.segment", segmentSchema);
    if (answer.reason === null) return { from: BigInt(answer.from), to: BigInt(answer.to) };
    if (answer.reason !== "NEXT") return noLock(answer.reason, { step: "coarse offset" });
    wanted = answer.step;
  }
  throw new QkdError("CHANNEL_MESSAGE_UNEXPECTED", "Alice asks for more of Bob's times than acquisition takes.");
}

/** A dump that ends sooner offers its last part. */
function stretchOf({ start, length }: Step, dump: number): { from: number; to: number } {
  const from = Math.min(start, Math.max(0, dump - length));
  return { from, to: Math.min(from + length, dump) };
}

export interface CoarseSearch {
  readonly found: CoarseOffset;
  /** Where it holds, Bob's clock. */
  readonly at: bigint;
  /** Where overlap begins, Bob's clock, as far as it is near that stretch. */
  readonly overlapStart: bigint;
  readonly pairsPerPs: number;
}

/** Alice's end. `answer` tells Bob what to disclose. */
export async function findCoarse(
  channel: BlockChannel,
  events: EventStream,
): Promise<{ search: CoarseSearch; answer: (disclose: Stretch) => Promise<void> } | NoLock> {
  const say = (reason: NoLockReason | "NEXT" | null, step = 0, from = 0n, to = 0n) =>
    channel.send("pairs.segment", { reason, step, from: String(from), to: String(to) });
  const give = async (reason: NoLockReason, details: NoLock["details"]) => {
    await say(reason);
    return noLock(reason, { step: "coarse offset", ...details });
  };
  const done = new Set<string>();
  let least = Number.POSITIVE_INFINITY;
  let rates = { aliceHz: 0, bobHz: 0 };
  for (let index = 0; ; ) {
    const bob = await channel.receive("pairs.coarse", coarseSchema);
    const base = BigInt(bob.base);
    const coarse = decodeRising(bob.times, bob.count, 2 ** 44).map((unit) => unit * coarseGridPs);
    // Quick steps that come to the same stretch are one, over the widest of their offsets.
    const name = (step: Step) => {
      const { from, to } = stretchOf(step, bob.dump ?? Number.MAX_SAFE_INTEGER);
      return `${from}-${to} in ${step.bins}${step.bins === quick ? "" : ` to ${step.reach}`}`;
    };
    const same = steps.filter((step) => name(step) === name(steps[index]!));
    const reach = same.reduce((widest, step) => Math.max(widest, step.reach), 0);
    const { bins } = steps[index]!;
    const tried = await searchStretch(events, { base, first: BigInt(bob.first), coarse }, reach, bins);
    events.checkChannels("alice");
    if (bob.count === 0 || tried.seen === 0) return give("NO_DETECTIONS", {});
    if (tried.search) return { search: tried.search, answer: ({ from, to }) => say(null, 0, from, to) };
    rates = tried.rates;
    least = Math.min(least, leastCoincidences(rates.aliceHz, rates.bobHz, bins));
    done.add(name(steps[index]!));
    index = steps.findIndex((step, at) => at > index && !done.has(name(step)) && worthwhile(step, bob.dump, rates));
    if (index < 0) return give("NO_LOCK", { ...rates, leastPairsHz: Math.round(least) });
    await say("NEXT", index);
  }
}

function worthwhile(step: Step, dump: number | null, { aliceHz, bobHz }: { aliceHz: number; bobHz: number }): boolean {
  if (step.bins === quick) return true;
  const { from, to } = stretchOf(step, dump ?? Number.MAX_SAFE_INTEGER);
  return (leastCoincidences(aliceHz, bobHz, step.bins) * (to - from)) / 1e12 >= worthwhilePairs;
}

interface OfferedStretch {
  readonly base: bigint;
  /** Bob's first event. */
  readonly first: bigint;
  /** After `base`, ps. */
  readonly coarse: Float64Array;
}

/** Offsets are absolute, or counted from the first events where the two clocks started at unrelated times. */
async function searchStretch(events: EventStream, bob: OfferedStretch, reach: number, bins: number) {
  const head = await events.readAhead((batches) => batches.length > 0);
  const origin = head[0]?.base ?? 0n;
  const shift = Number(bob.base - origin);
  const window = bob.coarse.map((t) => t + shift);
  const [start, end] = [window[0] ?? 0, window[window.length - 1] ?? 0];
  const apart = Number(bob.first - origin) - (head[0]?.dt[0] ?? 0);
  const middle = Math.abs(apart) < unrelatedPs ? 0 : apart;
  const until = end - middle + reach;
  const ahead = await events.readAhead((batches) => endsAfter(batches, origin + BigInt(Math.ceil(until))));
  const { times } = collect(ahead, origin);
  const hz = (count: number, span: number) => Math.round((count * 1e12) / Math.max(1, span));
  const rates = { aliceHz: hz(times.length, spanPs(ahead)), bobHz: hz(window.length, end - start) };
  const found = await coarseOffset(times, window, { low: middle - reach, high: middle + reach, bins });
  if (!found) return { seen: times.length, rates, search: undefined };
  const aliceStart = times[0]! + coarseAt(found, times[0]! + found.offset - found.at);
  const overlap = Math.min(end, times[times.length - 1]! + found.offset) - Math.max(start, aliceStart);
  const earliest = Math.max(aliceStart, Number(bob.first - origin));
  const close = Math.abs(earliest - start) <= extrapolatePs;
  const overlapStart = close ? earliest : Math.max(start, aliceStart);
  const search: CoarseSearch = {
    found,
    at: origin + BigInt(Math.round(found.at)),
    overlapStart: origin + BigInt(Math.ceil(overlapStart)),
    pairsPerPs: found.pairs / Math.max(1, overlap),
  };
  return { seen: times.length, rates, search };
}

/** The coarse offset some time after it was found. */
export function coarseAt({ offset, drift, rate }: CoarseOffset, since: number): number {
  return offsetAt({ at: 0, offset, drift, rate }, since);
}

export function noLock(reason: NoLockReason, details: NoLock["details"]): NoLock {
  return { locked: false, reason, details };
}
