/**
 * The coarse offset of a link of pairs, both ends.
 *
 *   Bob → Alice  pairs.coarse    times of a stretch of his, rounded to a quarter of a microsecond
 *   Alice → Bob  pairs.segment   another stretch, please; or what he shall disclose (pair-acquire.ts)
 *
 * Quick searches first, over wider and wider offsets; then with more bins, which find weaker links (pair-search.ts), where
 * the stretch holds enough pairs of such a link to be worth a lock. From where the clock is found it is followed back,
 * stretch by stretch, to where both dumps begin: what lies before the disclosed stretch makes no key.
 */
import { z } from "zod";
import { decodeRising, encodeRising } from "../channel/encoding.js";
import { wireBytes, wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import { QkdError } from "../errors.js";
import { offsetAt } from "./clock-filter.js";
import { collect, type EventStream, endsAfter, lowerBound, spanPs } from "./events.js";
import { type CoarseOffset, continueLine } from "./pair-bend.js";
import type { Stretch } from "./pair-blocks.js";
import { firstPairs } from "./pair-onset.js";
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
/** From where the clock was found back: how far from one stretch to the next of their length, how often, and to where. */
const hopShare = 0.9;
const mostHops = 24;
const closePs = 1e9;
const mostTries = steps.length + mostHops;
/** Bounds a message; so many events need no longer stretch. */
const mostOffered = 2 ** 22;
/** First events further apart than this come from clocks that were started at unrelated times. */
const unrelatedPs = 3e13;

export const decimal = z.string().regex(/^-?\d{1,20}$/);
const coarseSchema = z.strictObject({
  base: decimal,
  first: decimal,
  count: wireCount,
  times: wireBytes,
  /** Length of Bob's whole dump, ps, where he has come to its end. */
  dump: z.number().min(0).max(Number.MAX_SAFE_INTEGER).nullable(),
});
type Offered = z.infer<typeof coarseSchema>;
const segmentSchema = z.strictObject({
  reason: z.enum(["NO_DETECTIONS", "NO_LOCK", "NEXT"]).nullable(),
  /** With NEXT: the stretch wanted, after his first event. */
  next: z.strictObject({ start: z.int().min(0).max(unrelatedPs), length: z.int().min(1).max(long) }),
  from: decimal,
  to: decimal,
});
type Wanted = Pick<Step, "start" | "length">;

/** Where Bob's coarse times can lie, and what they are counted from. */
export interface Coarse {
  readonly base: bigint;
  readonly to: bigint;
}

/** Bob's end. @returns what he shall disclose */
export async function offerStretches(
  channel: BlockChannel,
  events: EventStream,
): Promise<{ readonly disclosed: Stretch; readonly coarse: Coarse } | NoLock> {
  let wanted: Wanted = steps[0]!;
  for (let tries = 0; tries < mostTries; tries++) {
    const { start, length } = wanted;
    const ahead = await events.readAhead((batches) => spanPs(batches) >= start + length);
    events.checkChannels("bob");
    const base = ahead[0]?.base ?? 0n;
    const { times } = collect(ahead, base);
    const first = times[0] ?? 0;
    const whole = (times[times.length - 1] ?? 0) - first;
    const { from, to } = stretchOf(wanted, whole);
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
    if (answer.reason === null) {
      const coarse = { base, to: base + BigInt(Math.ceil(first) + unrelatedPs + long) };
      return { disclosed: { from: BigInt(answer.from), to: BigInt(answer.to) }, coarse };
    }
    if (answer.reason !== "NEXT") return noLock(answer.reason, { step: "coarse offset" });
    wanted = answer.next;
  }
  throw new QkdError("CHANNEL_MESSAGE_UNEXPECTED", "Alice asks for more of Bob's times than acquisition takes.");
}

/** A dump that ends sooner offers its last part. */
function stretchOf({ start, length }: Wanted, dump: number): { from: number; to: number } {
  const from = Math.min(start, Math.max(0, dump - length));
  return { from, to: Math.min(from + length, dump) };
}

export interface CoarseSearch {
  readonly found: CoarseOffset;
  /** Where it holds, Bob's clock. */
  readonly at: bigint;
  /** Where pairs begin, Bob's clock, as far as they could be followed back. */
  readonly from: bigint;
  /** They may be so few that they only stand out from here on. */
  readonly likely: bigint;
  readonly pairsPerPs: number;
}

/** Alice's end. `answer` tells Bob what to disclose. */
export async function findCoarse(
  channel: BlockChannel,
  events: EventStream,
): Promise<{ search: CoarseSearch; answer: (disclose: Stretch) => Promise<void> } | NoLock> {
  const say = (reason: NoLockReason | "NEXT" | null, { start, length }: Wanted = steps[0]!, from = 0n, to = 0n) =>
    channel.send("pairs.segment", { reason, next: { start, length }, from: String(from), to: String(to) });
  const give = async (reason: NoLockReason, details: NoLock["details"]) => {
    await say(reason);
    return noLock(reason, { step: "coarse offset", ...details });
  };
  const done = new Set<string>();
  let least = Number.POSITIVE_INFINITY;
  let rates = { aliceHz: 0, bobHz: 0 };
  for (let index = 0; ; ) {
    const bob = await channel.receive("pairs.coarse", coarseSchema);
    // Quick steps that come to the same stretch are one, over the widest of their offsets.
    const name = (step: Step) => {
      const { from, to } = stretchOf(step, bob.dump ?? Number.MAX_SAFE_INTEGER);
      return `${from}-${to} in ${step.bins}${step.bins === quick ? "" : ` to ${step.reach}`}`;
    };
    const same = steps.filter((step) => name(step) === name(steps[index]!));
    const reach = same.reduce((widest, step) => Math.max(widest, step.reach), 0);
    const { bins, length } = steps[index]!;
    const tried = await searchStretch(events, bob, reach, bins);
    events.checkChannels("alice");
    if (bob.count === 0 || tried.seen === 0) return give("NO_DETECTIONS", {});
    if (tried.found) {
      const ask = async (wanted: Wanted) => {
        await say("NEXT", wanted);
        return laidOut(events, await channel.receive("pairs.coarse", coarseSchema));
      };
      const search = await followBack({ ...tried, found: tried.found }, length, ask);
      return { search, answer: ({ from, to }) => say(null, undefined, from, to) };
    }
    rates = tried.rates;
    least = Math.min(least, leastCoincidences(rates.aliceHz, rates.bobHz, bins));
    done.add(name(steps[index]!));
    index = steps.findIndex((step, at) => at > index && !done.has(name(step)) && worthwhile(step, bob.dump, rates));
    if (index < 0) return give("NO_LOCK", { ...rates, leastPairsHz: Math.round(least) });
    await say("NEXT", steps[index]!);
  }
}

function worthwhile(step: Step, dump: number | null, { aliceHz, bobHz }: { aliceHz: number; bobHz: number }): boolean {
  if (step.bins === quick) return true;
  const { from, to } = stretchOf(step, dump ?? Number.MAX_SAFE_INTEGER);
  return (leastCoincidences(aliceHz, bobHz, step.bins) * (to - from)) / 1e12 >= worthwhilePairs;
}

/** A stretch of Bob's and what Alice has about it, ps after `origin`. */
interface LaidOut {
  readonly origin: bigint;
  readonly alice: Float64Array;
  readonly bob: Float64Array;
  /** Bob's first event. */
  readonly first: number;
}

async function laidOut(events: EventStream, offered: Offered, reach?: number): Promise<LaidOut & { middle: number }> {
  const head = await events.readAhead((batches) => batches.length > 0);
  const origin = head[0]?.base ?? 0n;
  const shift = Number(BigInt(offered.base) - origin);
  const bob = decodeRising(offered.times, offered.count, 2 ** 44).map((unit) => unit * coarseGridPs + shift);
  const first = Number(BigInt(offered.first) - origin);
  // As much is asked for at most: else a peer could have the whole dump read at once.
  if ((bob[bob.length - 1] ?? first) - first > unrelatedPs + long + coarseGridPs)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob's coarse times lie beyond what Alice asked for.");
  const apart = first - (head[0]?.dt[0] ?? 0);
  const middle = Math.abs(apart) < unrelatedPs ? 0 : apart;
  const until = (bob[bob.length - 1] ?? 0) - middle + (reach ?? 0);
  const ahead = await events.readAhead(
    (batches) => reach === undefined || endsAfter(batches, origin + BigInt(Math.ceil(until))),
  );
  return { origin, alice: collect(ahead, origin).times, bob, first, middle };
}

/** Offsets are absolute, or counted from the first events where the two clocks started at unrelated times. */
async function searchStretch(events: EventStream, offered: Offered, reach: number, bins: number) {
  const laid = await laidOut(events, offered, reach);
  const { alice, bob, middle } = laid;
  const hz = (times: Float64Array) =>
    Math.round((times.length * 1e12) / Math.max(1, times[times.length - 1]! - times[0]!));
  const rates = { aliceHz: hz(alice), bobHz: hz(bob) };
  const found = await coarseOffset(alice, bob, { low: middle - reach, high: middle + reach, bins });
  return { ...laid, seen: alice.length, rates, found };
}

/** From the stretch where the clock was found back to where both dumps, or the pairs, begin. */
async function followBack(
  start: LaidOut & { found: CoarseOffset },
  length: number,
  ask: (wanted: Wanted) => Promise<LaidOut>,
): Promise<CoarseSearch> {
  let seen = start;
  let from = start.bob[0]!;
  /** Where both dumps have begun, Bob's clock. */
  const begin = () => {
    const { alice, first, found } = seen;
    return Math.max(first, alice[0]! + coarseAt(found, alice[0]! + found.offset - found.at));
  };
  for (let hops = 0; hops < mostHops && from - begin() > closePs; hops++) {
    from = Math.max(begin(), from - hopShare * length);
    const laid = await ask({ start: Math.max(0, Math.floor(from - start.first)), length });
    const found = laid.bob.length > 1 ? continueLine(laid.alice, laid.bob, seen.found) : undefined;
    if (found) seen = { ...laid, found };
  }
  const { origin, found } = seen;
  const pairs = firstPairs(seen.alice, seen.bob, found, begin());
  return {
    found,
    at: origin + BigInt(Math.round(found.at)),
    from: origin + BigInt(Math.ceil(pairs.from)),
    likely: origin + BigInt(Math.ceil(pairs.likely)),
    pairsPerPs: pairs.perPs,
  };
}

/** The coarse offset some time after it was found. */
export function coarseAt({ offset, drift, rate }: CoarseOffset, since: number): number {
  return offsetAt({ at: 0, offset, drift, rate }, since);
}

export function noLock(reason: NoLockReason, details: NoLock["details"]): NoLock {
  return { locked: false, reason, details };
}
