/**
 * Coincidences of an entanglement-based link, both ends, block by block once the clocks are locked (pair-acquire.ts):
 *
 *   Bob → Alice  pairs.events      how many they are
 *   Bob → Alice  pairs.times       … their times, corrected by his delays and rounded to half the window's half width
 *   Alice → Bob  pairs.slots       how many slots they form; whether her dump ended in this block or before
 *   Alice → Bob  pairs.firsts, pairs.shapes  … which of his events form them, and how many of whose
 *
 * Lists go in pieces (channel/pieces.ts).
 *
 * Times are side channels (FORMULAS.md 9): corrected by what the disclosed stretch told, and no finer than the window.
 * The coarse ones of the search were not corrected yet: where such a one could tell detectors apart by the border of its
 * grid that it lies on, the slot is vetoed.
 */
import { z } from "zod";
import { BitString, byteLength } from "../bits.js";
import { receiveBytes, receiveRising, receiveSlots, sendBytes, sendRising, sendSlots } from "../channel/pieces.js";
import { wireBits, wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import { QkdError } from "../errors.js";
import type { EventBlock, Stretch } from "./pair-blocks.js";
import type { Coarse } from "./pair-coarse.js";
import type { Followed, LinkedSlots, PairLinker } from "./pair-linker.js";
import { coarseGridPs } from "./pair-search.js";
import { inTurns } from "./turns.js";
import { type DisclosedClicks, mostBlockEvents } from "./types.js";

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
  readonly disclosed: Stretch;
  /** Bob: all stretches that he ever disclosed, also to somebody between: no key is made of them. */
  readonly opened?: readonly Stretch[];
  /** Alice's dump still grows. */
  readonly growing: boolean;
  /** Bob: where his uncorrected times were told for the search. */
  readonly coarse?: Coarse;
  /** Alice: what she knows of the clock beyond that line. */
  readonly followed?: Followed;
  /** Alice: click statistics of the disclosed stretch, where bits of both ends are known. */
  readonly calibration?: DisclosedClicks;
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

const eventsSchema = z.strictObject({ count: z.int().min(0).max(mostBlockEvents) });
const slotsSchema = z.strictObject({ count: wireCount, last: z.boolean() });

export interface PairBlock {
  readonly slots: number;
  /** Mask over this end's detectors. */
  readonly clicks: Uint8Array;
  /** As of an EventBlock. */
  readonly vetoed: Uint8Array;
  readonly single: BitString;
  /** Alice's dump ended in this block or before. */
  readonly last: boolean;
}

export async function pairAsBob(channel: BlockChannel, lock: PairLock, block: EventBlock): Promise<PairBlock> {
  const grid = gridOf(lock);
  const { times, order } = await corrected(block, lock.delays, grid);
  await channel.send("pairs.events", { count: times.length });
  await sendRising(channel, "pairs.times", times);
  const { count, last } = await channel.receive("pairs.slots", slotsSchema);
  if (count > times.length) throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice has more slots than Bob has events.");
  const firsts = await receiveSlots(channel, "pairs.firsts", count, times.length);
  const shapes = await receiveBytes(channel, "pairs.shapes", { counts: count, single: byteLength(count) });
  const clicks = new Uint8Array(count);
  const vetoed = new Uint8Array(count);
  const onBorder = coarseBorders(lock, block.start);
  let end = 0;
  for (let slot = 0; slot < count; slot++) {
    const first = firsts[slot]!;
    if (first < end || shapes.counts[slot] === 0)
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice puts an event of Bob's into two slots, or none into one.");
    end = first + shapes.counts[slot]!;
    if (end > times.length) throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice names events that Bob does not have.");
    vetoed[slot] = block.vetoed[order[first]!]!;
    for (let i = first; i < end; i++) {
      clicks[slot]! |= 1 << block.detector[order[i]!]!;
      if (onBorder(times[i]!)) vetoed[slot]! |= 2;
    }
  }
  return { slots: count, clicks, vetoed, single: wireBits(shapes.single, count), last };
}

export async function pairAsAlice(
  channel: BlockChannel,
  lock: PairLock,
  block: EventBlock,
  linker: PairLinker,
  seconds: number,
): Promise<PairBlock & { linked: LinkedSlots }> {
  const { count } = await channel.receive("pairs.events", eventsSchema);
  const grid = gridOf(lock);
  const bobStart = blockBoundary(
    "bob",
    { ...lock, disclosed: { ...lock.disclosed, to: lock.disclosed.to + lock.offset } },
    seconds,
  )(block.index);
  const bobTimes = await receiveRising(channel, "pairs.times", count, (seconds * 1e12 * 1.001) / grid + 1e6);
  for (let i = 0; i < count; i++) bobTimes[i]! *= grid;
  const own = await corrected(block, lock.delays, 1);
  const sinceReference = Number(block.start - lock.reference);
  const atStart = Number(block.start - bobStart + lock.offset) + sinceReference * lock.drift;
  const linked = await linker.link(
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
  await channel.send("pairs.slots", { count: linked.slots, last: block.last });
  await sendSlots(channel, "pairs.firsts", linked.bobFirst);
  await sendBytes(channel, "pairs.shapes", { counts: linked.bobCount, single: single.bytes });
  return { slots: linked.slots, clicks, vetoed, single, linked, last: block.last };
}

/** Whether a published time leaves open what the coarse one was: then that depends on the detector. */
export function coarseBorders(
  lock: Pick<PairLock, "coarse" | "delays" | "halfWidthPs">,
  start: bigint,
): (unit: number) => boolean {
  const { coarse, delays } = lock;
  if (!coarse || start >= coarse.to) return () => false;
  const grid = gridOf(lock);
  const since = Number(start - coarse.base);
  // Half a unit of rounding and a picosecond of arithmetic to either side.
  const [low, high] = [since + Math.min(...delays) - grid / 2 - 1, since + Math.max(...delays) + grid / 2 + 1];
  return (unit) => Math.round((unit * grid + low) / coarseGridPs) !== Math.round((unit * grid + high) / coarseGridPs);
}

function gridOf(lock: Pick<PairLock, "halfWidthPs">): number {
  return Math.max(1, Math.ceil(lock.halfWidthPs / 2));
}

/** Times with the detectors' delays taken off, in units of `grid`, sorted; `order` leads back to the block's events. */
async function corrected(
  block: EventBlock,
  delays: readonly number[],
  grid: number,
): Promise<{ times: Float64Array; order: Uint32Array }> {
  const size = block.times.length;
  const times = new Float64Array(size);
  const order = new Uint32Array(size);
  await inTurns(size, (from, to) => {
    for (let i = from; i < to; i++) {
      const t = Math.max(0, Math.round((block.times[i]! - delays[block.detector[i]!]!) / grid));
      let j = i;
      while (j > 0 && times[j - 1]! > t) {
        times[j] = times[j - 1]!;
        order[j] = order[--j]!;
      }
      times[j] = t;
      order[j] = i;
    }
  });
  return { times, order };
}
