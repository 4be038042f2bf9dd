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
import { blockBoundary, type PairLock } from "./timing/pairs.js";
import { defaultPulses, type PulseBlock, pulseBlocks } from "./timing/pulse-blocks.js";
import { acquirePulsesAsAlice, acquirePulsesAsBob, type BobPulses, type Vouch } from "./timing/pulses.js";
import type { ClockReport, DisclosedClicks, NoLock } from "./timing/types.js";

/** One end's data: events of a tagger, a preparation record, or blocks whose slots the caller has matched already. */
export type OwnData =
  | {
      readonly events: AsyncIterable<TagBatch>;
      readonly warnings?: readonly DumpWarning[];
      /** The dump is followed while it is written; a record says so itself. */
      readonly growing?: boolean;
    }
  | { readonly record: PreparationRecord }
  | { readonly matched: LockedSource };

export interface SourceFacts {
  readonly detections?: number;
  readonly clock?: ClockReport;
  /** Alice: of what was disclosed to join the clocks. */
  readonly calibration?: DisclosedClicks;
  readonly disclosed?: { readonly from: string; readonly to: string };
  readonly unnamedChannels?: readonly number[];
  /** What the dump's reader warned of. */
  readonly dumpWarnings?: readonly DumpWarning[];
  /** Where there is no lock: what was tried and seen, for people. */
  readonly noLock?: NoLock["details"];
  /** Of growing data: the end whose ran out while the other's went on. */
  readonly endedFirst?: Role;
}

/** What an end has of one block before it speaks with the peer. */
export interface RawBlock {
  readonly index: number;
  /** This end's dump ends in it. */
  readonly last?: boolean;
  slots(channel: BlockChannel, random: RandomSource, ledger: LeakLedger): Promise<BlockSlots>;
}

export interface LockedSource {
  readonly locked: true;
  /** Alice's data still grow: she says in a block whether it is her last. */
  readonly growing?: boolean;
  /** In order of the index; absent where Alice looks every block up that Bob announces. */
  blocks?(): AsyncGenerator<RawBlock>;
  /** A block in which this end has no events of its own, or that it looks up. */
  empty(index: number): RawBlock;
  facts(): SourceFacts;
}

/** Without `blocks.seconds` a block of an entanglement link is this long, so that memory stays bounded. */
const defaultSeconds = 600;

export function blockSeconds({ blocks, source }: Link): number {
  return source ? ((blocks.pulses ?? defaultPulses) * source.pulsePeriodPs) / 1e12 : (blocks.seconds ?? defaultSeconds);
}

export async function lockSource(
  role: Role,
  channel: BlockChannel,
  link: Link,
  data: OwnData,
  { disclose, vouch }: { disclose: Disclose; vouch: Vouch },
): Promise<LockedSource | NoLock> {
  if ("matched" in data) return data.matched;
  if (link.protocol === "bbm92") return lockPairs(role, channel, link, data, disclose);
  return (role === "alice" ? lockRecord : lockPulses)(channel, link, data, vouch);
}

async function lockRecord(
  channel: BlockChannel,
  link: Link,
  data: OwnData,
  vouch: Vouch,
): Promise<LockedSource | NoLock> {
  if (!("record" in data)) throw new Error("Alice needs a preparation record");
  const { record } = data;
  const lock = await acquirePulsesAsAlice(channel, record, link, vouch);
  if (!lock.locked) return lock;
  const block = (index: number): RawBlock => ({
    index,
    slots: (blockChannel, _random, ledger) => aliceSlotsOfPulses(blockChannel, link, record, index, ledger),
  });
  return {
    locked: true,
    empty: block,
    facts: () => ({ ...disclosedPulses(lock.disclosedTo), calibration: lock.disclosed }),
  };
}

async function lockPulses(
  channel: BlockChannel,
  link: Link,
  data: OwnData,
  vouch: Vouch,
): Promise<LockedSource | NoLock> {
  const events = streamOf(data, link, "bob");
  const lock = await acquirePulsesAsBob(channel, events, link, vouch);
  if (!lock.locked) return lock;
  return {
    locked: true,
    growing: lock.growing,
    async *blocks() {
      for await (const block of pulseBlocks(lock, events, link)) yield rawPulses(link, lock.growing, block);
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

function rawPulses(link: Link, growing: boolean, block: PulseBlock): RawBlock {
  return {
    index: block.index,
    slots: (channel, random, ledger) => bobSlotsOfPulses(channel, link, block, random, ledger, growing),
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
  const events = streamOf(data, link, role);
  const lock = await (role === "alice"
    ? acquirePairsAsAlice(channel, events, link)
    : acquirePairsAsBob(channel, events, link, disclose));
  if (!lock.locked) return lock;
  const seconds = blockSeconds(link);
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
  let ended = false;
  return {
    locked: true,
    growing: lock.growing,
    empty: (index) => {
      const nothing = { times: new Float64Array(), detector: new Uint8Array(), vetoed: new Uint8Array() };
      return { index, slots: slotsOf({ index, start: boundary(index), ...nothing, last: ended }) };
    },
    async *blocks() {
      for await (const block of eventBlocks(events, boundary, end.deadTimePs ?? 0, 2 * lock.halfWidthPs, lock.opened))
        yield { index: block.index, last: block.last, slots: slotsOf(block) };
      ended = true;
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

function streamOf(data: OwnData, link: Link, role: Role): EventStream {
  if (!("events" in data)) throw new Error("a detector dump is needed");
  return new EventStream(data.events, link[role], data.growing ? role : undefined);
}
