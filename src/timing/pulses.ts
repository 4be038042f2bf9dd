/**
 * Clock recovery of a prepare-and-measure link, both ends.
 *
 *   Bob         period and phase from his detections (comb.ts), narrowed by the source's clock where he records it
 *   Bob → Alice pulses.slots   slots of his first detections, counted from his own zero; where he discloses outcomes, with
 *                              a tag: of somebody else's outcomes her answer would tell what her bits are
 *   Alice → Bob pulses.shift   which pulse his slot 0 is (pulse-shift.ts), or that there is no lock; pulses in the record,
 *                              unless that still grows (pulse-cover.ts)
 *
 * Then Bob follows the clock alone (pulse-tracker.ts) and publishes slot numbers only. What is sent here are slots that
 * sifting publishes anyway; Alice's intensities stay home, bits and bases are not used. Where the source has one intensity
 * nothing else tells pulses apart: there Bob discloses the outcomes of these first slots, drawn by time alone, and what
 * was detected up to the last of them makes no key; the slots disclosed count as clicks (FORMULAS.md 9). After a long gap: pulse-relock.ts.
 */
import { z } from "zod";
import { decodeSlots, encodeSlots } from "../channel/encoding.js";
import { wireBytes, wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import type { PreparationRecord } from "../dumps/preparation.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import { findComb } from "./comb.js";
import { collect, type DetectorBatch, type EventStream, spanPs } from "./events.js";
import { chooseHalfWidth, clockDrift, clockTicks, detectorDelays, onset } from "./pulse-calibration.js";
import { disclosedClicks, disclosesOutcomes, outcomeOf, shiftOf, shiftSlots } from "./pulse-numbers.js";
import type { Shift } from "./pulse-shift.js";
import { emptyGated, PulseTracker } from "./pulse-tracker.js";
import type { DisclosedClicks, NoLock } from "./types.js";

/** Bob's clock may start this much before or after the record, seconds; and run off by this much. */
const largestOffsetSeconds = 10.5;
const largestDrift = 55e-6;
/** A drift beyond that is believed where the source's clock says so, within this. */
const clockReach = 2e-6;
const acquireDetections = 200_000;
const acquirePs = 12e12;
/** With the batch in which he has enough, and some. */
const mostSlots = 2 ** 20;
/**
 * Enough where outcomes are disclosed: 1 − QBER/2 of them score, by chance 1 − p/2 (p their basis' probability). At 8 % and
 * p = 1/2 the right shift among 10⁸ misses the threshold with a probability below 10⁻⁴, at 3 % below 10⁻⁹.
 */
const disclosedSlots = 512;
/** Of a growing record so many more pulses are waited for before the search goes on. */
const prepared = 2 ** 19;

export interface BobPulses {
  readonly locked: true;
  readonly tracker: PulseTracker;
  /** Alice's record is. */
  readonly growing: boolean;
  /** Pulses in it; infinitely many where it grows. */
  readonly pulses: number;
  /** Outcomes of pulses before this one were disclosed: they are left out. */
  readonly disclosedTo: number;
}

export interface AlicePulses {
  readonly locked: true;
  readonly pulses: number;
  readonly disclosedTo: number;
  readonly disclosed: DisclosedClicks;
}

const slotsSchema = z.strictObject({
  count: wireCount,
  slots: wireBytes,
  /** By slot: twice the basis (1 = X) and the bit; empty where intensities number the pulses. */
  outcomes: wireBytes,
  guess: z.number().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER),
  reason: z.string().nullable(),
});
const shiftSchema = z.strictObject({ shift: z.int().nullable(), pulses: wireCount.nullable() });

/** Bob seals what he has said, Alice checks it. */
export type Vouch = () => Promise<void>;
const unsealed: Vouch = () => Promise.resolve();

export async function acquirePulsesAsBob(
  channel: BlockChannel,
  events: EventStream,
  link: Link,
  vouch = unsealed,
): Promise<BobPulses | NoLock> {
  const ahead = await events.readAhead(
    (batches) => events.detections >= acquireDetections || spanPs(batches) >= acquirePs,
  );
  events.checkChannels("bob");
  const acquired = acquire(ahead, link);
  if ("reason" in acquired) {
    const none = new Uint8Array();
    await channel.send("pulses.slots", { count: 0, slots: none, outcomes: none, guess: 0, reason: acquired.reason });
    if (disclosesOutcomes(link)) await vouch();
    await channel.receive("pulses.shift", shiftSchema);
    return acquired;
  }
  const { slots, outcomes, tracker, guess } = acquired;
  const body = { count: slots.length, slots: encodeSlots(slots), outcomes, guess, reason: null };
  await channel.send("pulses.slots", body);
  if (disclosesOutcomes(link)) await vouch();
  const { shift, pulses } = await channel.receive("pulses.shift", shiftSchema);
  if (shift === null)
    return { locked: false, reason: "NO_LOCK", details: { step: "pulse numbers", detections: slots.length } };
  tracker.renumber(shift);
  return {
    locked: true,
    tracker,
    growing: pulses === null,
    pulses: pulses ?? Number.POSITIVE_INFINITY,
    disclosedTo: disclosedTo(slots, outcomes, shift),
  };
}

export async function acquirePulsesAsAlice(
  channel: BlockChannel,
  record: PreparationRecord,
  link: Link,
  vouch = unsealed,
): Promise<AlicePulses | NoLock> {
  const bob = await channel.receive("pulses.slots", slotsSchema);
  if (disclosesOutcomes(link)) await vouch();
  if (bob.count > mostSlots) throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob tells more slots than it takes.");
  const slots = decodeSlots(bob.slots, bob.count, Number.MAX_SAFE_INTEGER);
  const { outcomes } = bob;
  if (outcomes.length !== (disclosesOutcomes(link) ? slots.length : 0) || outcomes.some((outcome) => outcome > 3))
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob's disclosed outcomes do not fit his slots.");
  const found =
    bob.reason === null && slots.length > 0
      ? await shiftInReach({ slots, outcomes }, record, link, bob.guess)
      : undefined;
  const pulses = record.growing ? null : record.pulses;
  await channel.send("pulses.shift", { shift: found?.shift ?? null, pulses });
  if (found) {
    const { shift } = found;
    const disclosed = await disclosedClicks(
      slots.map((slot) => slot + shift),
      outcomes,
      record,
    );
    return { locked: true, pulses: record.pulses, disclosedTo: disclosedTo(slots, outcomes, shift), disclosed };
  }
  const reason = bob.reason === "NO_DETECTIONS" ? "NO_DETECTIONS" : "NO_LOCK";
  return { locked: false, reason, details: { step: "pulse numbers", detections: slots.length } };
}

async function shiftInReach(
  seen: { slots: Float64Array; outcomes: Uint8Array },
  record: PreparationRecord,
  link: Link,
  guess: number,
): Promise<Shift | undefined> {
  const reach = Math.ceil((largestOffsetSeconds * 1e12) / link.source!.pulsePeriodPs);
  const [first, last] = [seen.slots[0]!, seen.slots[seen.slots.length - 1]!];
  if (!record.growing)
    return shiftOf(seen, record, link, { low: -first, high: Math.min(reach, record.pulses) - first, guess });
  // What is prepared already holds the pulses that Bob has seen, most likely: the rest of the reach is not waited for.
  for (let [low, ended] = [-first, false]; low <= reach - first && !ended; ) {
    const next = last + low + prepared;
    await record.reaches(next);
    ended = record.pulses < next;
    const high = Math.min(reach - first, record.pulses - 1 - (ended ? first : last));
    const found = await shiftOf(seen, record, link, { low, high, guess, lags: reach + 1 });
    if (found) return found;
    low = high + 1;
  }
  return undefined;
}

function disclosedTo(slots: Float64Array, outcomes: Uint8Array, shift: number): number {
  return outcomes.length > 0 ? slots[slots.length - 1]! + shift + 1 : 0;
}

interface Acquired {
  readonly slots: Float64Array;
  readonly outcomes: Uint8Array;
  readonly tracker: PulseTracker;
  /** Likely shift: the pulse train seems to begin here. */
  readonly guess: number;
}

function acquire(ahead: readonly DetectorBatch[], link: Link): Acquired | NoLock {
  const origin = ahead[0]?.base ?? 0n;
  const { times, detector } = collect(ahead, origin);
  if (times.length === 0) return { locked: false, reason: "NO_DETECTIONS", details: { detections: 0 } };
  const period = link.source!.pulsePeriodPs;
  const hint = link.bob.clockChannel
    ? clockDrift(clockTicks(ahead, origin), period * link.bob.clockChannel.everyPulses)
    : undefined;
  const range: [number, number] =
    hint === undefined || Math.abs(hint) < largestDrift
      ? [-largestDrift, largestDrift]
      : [hint - clockReach, hint + clockReach];
  const comb = findComb(times, period, range);
  if (!comb) return { locked: false, reason: "NO_LOCK", details: { step: "pulse period", detections: times.length } };
  const part = <T extends Float64Array | Uint8Array>(list: T) =>
    list.subarray(comb.first, comb.first + comb.count) as T;
  const delays = detectorDelays(part(times), part(detector), comb, link.bob.detectors!.length);
  const phase = comb.phase + delays.first;
  const halfWidth =
    link.window?.halfWidthPs ?? chooseHalfWidth(part(times), part(detector), { ...comb, phase }, delays.relative);
  const tracker = () =>
    new PulseTracker({ time: origin, fraction: phase, pulse: 0, period: comb.period }, delays.relative, halfWidth);
  const from = comb.first;
  const disclose = disclosesOutcomes(link);
  const first = firstSlots(
    tracker(),
    origin,
    { times: times.subarray(from), detector: detector.subarray(from) },
    disclose ? disclosedSlots : shiftSlots,
  );
  const outcomes = disclose ? first.detector.map((d) => outcomeOf(link, d)) : new Uint8Array();
  return { slots: first.slots, outcomes, tracker: tracker(), guess: -Math.round((onset(times) - phase) / comb.period) };
}

/** By a tracker of their own: on sparse links they span more than one straight line does. */
function firstSlots(
  tracker: PulseTracker,
  base: bigint,
  { times, detector }: { times: Float64Array; detector: Uint8Array },
  most: number,
): { slots: Float64Array; detector: Uint8Array } {
  const slots: number[] = [];
  const clicked: number[] = [];
  const gated = emptyGated();
  const step = 256;
  for (let at = 0; at < times.length && slots.length < most; at += step) {
    const [dt, own] = [times.subarray(at, at + step), detector.subarray(at, at + step)];
    tracker.gate({ base, dt, detector: own, gapBefore: false }, gated);
    for (let i = 0; i < gated.length && slots.length < most; i++) {
      const slot = gated.slot[i]!;
      if (!(slot >= 0) || (slots.length > 0 && slot <= slots[slots.length - 1]!)) continue;
      slots.push(slot);
      clicked.push(gated.detector[i]!);
    }
  }
  return { slots: Float64Array.from(slots), detector: Uint8Array.from(clicked) };
}
