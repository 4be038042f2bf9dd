/** Where an end's slots come from: its dump and clock recovery (timing/), behind one face for both protocols. */
import type { BlockChannel, Role } from "./channel/types.js";
import type { DumpWarning, PreparationRecord, TagBatch } from "./dumps/index.js";
import type { Link } from "./link.js";
import type { RandomSource } from "./random.js";
import type { LeakLedger } from "./security/ledger.js";
import type { BlockSlots } from "./stages/slots.js";
import { aliceSlotsOfPairs, aliceSlotsOfPulses, bobSlotsOfPairs, bobSlotsOfPulses } from "./stages/slots.js";
import { EventStream } from "./timing/events.js";
import { acquirePairsAsAlice, acquirePairsAsBob, type Disclose } from "./timing/pair-acquire.js";
import { type EventBlock, eventBlocks } from "./timing/pair-blocks.js";
import { PairLinker } from "./timing/pair-linker.js";
import { blockBoundary, type CalibrationClicks, type PairLock } from "./timing/pairs.js";
import { type PulseBlock, pulseBlocks } from "./timing/pulse-blocks.js";
import { acquirePulsesAsAlice, acquirePulsesAsBob, type BobPulses } from "./timing/pulses.js";
import type { ClockReport, NoLock } from "./timing/types.js";

/** One end's data: events of a tagger, a preparation record, or blocks whose slots the caller has matched already. */
export type OwnData =
  | { readonly events: AsyncIterable<TagBatch>; readonly warnings?: readonly DumpWarning[] }
  | { readonly record: PreparationRecord }
  | { readonly matched: LockedSource };

export interface SourceFacts {
  readonly detections?: number;
  readonly clock?: ClockReport;
  readonly calibration?: CalibrationClicks;
  readonly disclosed?: { readonly from: string; readonly to: string };
  readonly unnamedChannels?: readonly number[];
  /** What the dump's reader warned of. */
  readonly dumpWarnings?: readonly DumpWarning[];
  /** Where there is no lock: what was tried and seen, for people. */
  readonly noLock?: NoLock["details"];
}

/** What an end has of one block before it speaks with the peer. */
export interface RawBlock {
  readonly index: number;
  slots(channel: BlockChannel, random: RandomSource, ledger: LeakLedger): Promise<BlockSlots>;
}

export interface LockedSource {
  readonly locked: true;
  /** In order of the index; absent where Alice looks every block up that Bob announces. */
  blocks?(): AsyncGenerator<RawBlock>;
  /** A block in which this end has no events of its own, or that it looks up. */
  empty(index: number): RawBlock;
  facts(): SourceFacts;
}

/** Without `blocks.seconds` a block of an entanglement link is this long, so that memory stays bounded. */
const defaultSeconds = 600;

export async function lockSource(
  role: Role,
  channel: BlockChannel,
  link: Link,
  data: OwnData,
  disclose: Disclose,
): Promise<LockedSource | NoLock> {
  if ("matched" in data) return data.matched;
  if (link.protocol === "bbm92") return lockPairs(role, channel, link, data, disclose);
  return role === "alice" ? lockRecord(channel, link, data) : lockPulses(channel, link, data);
}

async function lockRecord(channel: BlockChannel, link: Link, data: OwnData): Promise<LockedSource | NoLock> {
  if (!("record" in data)) throw new Error("Alice needs a preparation record");
  const { record } = data;
  const lock = await acquirePulsesAsAlice(channel, record, link);
  if (!lock.locked) return lock;
  const block = (index: number): RawBlock => ({
    index,
    slots: (blockChannel, _random, ledger) => aliceSlotsOfPulses(blockChannel, link, record, index, ledger),
  });
  return {
    locked: true,
    empty: block,
    facts: () => disclosedPulses(lock.disclosedTo),
  };
}

async function lockPulses(channel: BlockChannel, link: Link, data: OwnData): Promise<LockedSource | NoLock> {
  const events = streamOf(data, link.bob);
  const lock = await acquirePulsesAsBob(channel, events, link);
  if (!lock.locked) return lock;
  return {
    locked: true,
    async *blocks() {
      for await (const block of pulseBlocks(lock, events, link)) yield rawPulses(link, block);
    },
    empty: (index) => {
      throw new Error(`block ${index} is Bob's to announce`);
    },
    facts: () => ({
      detections: events.detections,
      clock: pulseClock(lock, link),
      ...seenIn(data, events),
      ...disclosedPulses(lock.disclosedTo),
    }),
  };
}

function disclosedPulses(to: number): Pick<SourceFacts, "disclosed"> {
  return to > 0 ? { disclosed: { from: "0", to: String(to) } } : {};
}

function rawPulses(link: Link, block: PulseBlock): RawBlock {
  return {
    index: block.index,
    slots: (channel, random, ledger) => bobSlotsOfPulses(channel, link, block, random, ledger),
  };
}

function pulseClock(lock: BobPulses, link: Link): ClockReport {
  const mean = lock.tracker.meanClock();
  const whole = Math.floor(mean.offsetPs);
  return {
    offsetPs: String(mean.anchor + BigInt(whole)),
    referencePs: "0",
    driftPpb: mean.driftOf(link.source!.pulsePeriodPs) * 1e9,
    ...mean.trackOf(link.source!.pulsePeriodPs),
  };
}

async function lockPairs(
  role: Role,
  channel: BlockChannel,
  link: Link,
  data: OwnData,
  disclose: Disclose,
): Promise<LockedSource | NoLock> {
  const end = link[role];
  const events = streamOf(data, end);
  const lock = await (role === "alice"
    ? acquirePairsAsAlice(channel, events, link)
    : acquirePairsAsBob(channel, events, link, disclose));
  if (!lock.locked) return lock;
  const seconds = link.blocks.seconds ?? defaultSeconds;
  const linker = new PairLinker(lock.halfWidthPs);
  let turn: Promise<unknown> = Promise.resolve();
  const slotsOf = (block: EventBlock) => async (blockChannel: BlockChannel, random: RandomSource) => {
    if (role === "bob") return bobSlotsOfPairs(blockChannel, link, lock, block, random);
    // The clock is followed from block to block, so blocks are linked in order.
    const linked = turn.then(() => aliceSlotsOfPairs(blockChannel, link, lock, block, linker, random));
    turn = linked.catch(() => undefined);
    return linked;
  };
  const boundary = blockBoundary(role, lock, seconds);
  return {
    locked: true,
    empty: (index) => {
      const nothing = { times: new Float64Array(), detector: new Uint8Array(), vetoed: new Uint8Array() };
      return { index, slots: slotsOf({ index, start: boundary(index), ...nothing }) };
    },
    async *blocks() {
      for await (const block of eventBlocks(events, boundary, end.deadTimePs ?? 0, 2 * lock.halfWidthPs, lock.opened))
        yield { index: block.index, slots: slotsOf(block) };
    },
    facts: () => ({
      detections: events.detections,
      disclosed: { from: String(lock.disclosed.from), to: String(lock.disclosed.to) },
      ...seenIn(data, events),
      clock: pairClock(lock, role === "alice" ? linker : undefined),
      ...(lock.calibration ? { calibration: lock.calibration } : {}),
    }),
  };
}

function pairClock(lock: PairLock, linker: PairLinker | undefined): ClockReport {
  const { offset, drift, ...followed } = linker?.meanClock() ?? { offset: 0, drift: 0 };
  return {
    offsetPs: String(lock.offset + BigInt(Math.round(offset))),
    referencePs: String(lock.reference),
    driftPpb: (lock.drift + drift) * 1e9,
    ...followed,
  };
}

function seenIn(data: OwnData, events: EventStream): Pick<SourceFacts, "unnamedChannels" | "dumpWarnings"> {
  return {
    unnamedChannels: [...events.unnamed.keys()],
    ...("warnings" in data && data.warnings ? { dumpWarnings: data.warnings } : {}),
  };
}

function streamOf(data: OwnData, end: Link["alice"]): EventStream {
  if (!("events" in data)) throw new Error("a detector dump is needed");
  return new EventStream(data.events, end);
}
