/**
 * Slots: what timing found becomes basis and bit per slot at either end.
 *
 *   prepare-and-measure  Bob → Alice  slots.pulses  where his block lies, how many slots it has
 *                        Bob → Alice  slots.list    … their pulse numbers; Alice reads her record there
 *                        (timing/pulse-cover.ts where the record grows, timing/pulse-relock.ts where numbers are open)
 *   entanglement         pairs.times, pairs.slots and more (timing/pairs.ts, after timing/pair-acquire.ts)
 */
import { z } from "zod";
import { BitString } from "../bits.js";
import { receiveSlots, sendSlots } from "../channel/pieces.js";
import { wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import type { PreparationRecord } from "../dumps/preparation.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import type { RandomSource } from "../random.js";
import type { LeakLedger } from "../security/ledger.js";
import type { EventBlock } from "../timing/pair-blocks.js";
import type { PairLinker } from "../timing/pair-linker.js";
import { type PairLock, pairAsAlice, pairAsBob } from "../timing/pairs.js";
import type { PulseBlock } from "../timing/pulse-blocks.js";
import { coverAsAlice, coverAsBob } from "../timing/pulse-cover.js";
import { numberAsAlice, numberAsBob, openNumbers, openSchema } from "../timing/pulse-relock.js";
import type { DisclosedClicks, GateStatistics } from "../timing/types.js";
import { type ResolvedClicks, resolveClicks } from "./clicks.js";
import type { OwnSlots } from "./sift.js";

export interface BlockSlots {
  readonly own: OwnSlots;
  /** Detector statistics, where this end has detectors. */
  readonly clicks?: Pick<ResolvedClicks, "sameBasis" | "crossBasis" | "perDetector" | "bases">;
  readonly gate?: GateStatistics;
  /** Emitted pulses of the block; none of one that begins after the end of Alice's record. */
  readonly pulses?: number;
  /** Alice: slots whose outcomes were disclosed to number the block's pulses; they left it. */
  readonly disclosed?: DisclosedClicks;
  /** Alice, prepare-and-measure: pulses by intensity in a part of her record. */
  readonly emitted?: readonly number[];
  /** Alice, entanglement: pairs in the window, exclusive ones, and those expected by chance. */
  readonly pairs?: { readonly all: number; readonly exclusive: number; readonly accidentals: number };
  /** Alice's data ended in this block or before; of a record, sooner than Bob's. */
  readonly last?: boolean;
}

/** Of each chunk of Alice's record, what is counted by intensity: enough for shares, no time lost. */
const countedBytes = 2 ** 18;

const pulsesSchema = z.strictObject({
  first: wireCount,
  pulses: wireCount,
  count: wireCount,
  open: openSchema,
});

/** @param growing Alice's record is */
export async function bobSlotsOfPulses(
  channel: BlockChannel,
  link: Link,
  found: PulseBlock,
  random: RandomSource,
  ledger: LeakLedger,
  growing = false,
): Promise<BlockSlots> {
  const block = growing ? await coverAsBob(channel, found) : found;
  const { firstPulse, pulses } = block;
  const open = openNumbers(block, link);
  ledger.aside(open.outcomes.length);
  await channel.send("slots.pulses", { first: firstPulse, pulses, count: block.slots.length, open });
  await sendSlots(channel, "slots.list", block.slots);
  const { slots, clicks, vetoed, gate } = await numberAsBob(channel, block, open, link);
  const resolved = resolveClicks(clicks, link.bob.detectors!, random);
  const single = BitString.zeros(slots.length);
  clicks.forEach((mask, i) => {
    if ((mask & (mask - 1)) === 0) single.bytes[i >>> 3]! |= 1 << (i & 7);
  });
  return {
    own: {
      count: slots.length,
      basis: resolved.basis,
      bit: resolved.bit,
      vetoed: packed(vetoed),
      withheld: packed(vetoed.map(isWithheld)),
      single,
    },
    clicks: resolved,
    gate,
    pulses,
    last: pulses < found.pulses,
  };
}

export async function aliceSlotsOfPulses(
  channel: BlockChannel,
  link: Link,
  record: PreparationRecord,
  index: number,
  ledger: LeakLedger,
): Promise<BlockSlots> {
  const size = link.blocks.pulses;
  const fits = (first: number, pulses: number) => {
    if (
      (size !== undefined && (first !== index * size || pulses > size)) ||
      (size === undefined && index > 0 && first === 0)
    )
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob's block does not lie where the link description puts it.", {
        index,
        first,
        pulses,
      });
  };
  const cover = record.growing ? await coverAsAlice(channel, record, fits) : undefined;
  const { first, pulses, count: sent, open } = await channel.receive("slots.pulses", pulsesSchema);
  fits(first, pulses);
  if (first + pulses > record.pulses)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob's block reaches beyond the record.", { index, first, pulses });
  if (sent > pulses) throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob has more slots than pulses.", { index });
  const numbered = { slots: await receiveSlots(channel, "slots.list", sent, pulses), firstPulse: first, pulses };
  const { slots, disclosed } = await numberAsAlice(channel, numbered, open, record, link, ledger);
  const count = slots.length;
  const basis = BitString.zeros(count);
  const bit = BitString.zeros(count);
  const intensity = new Uint8Array(count);
  const intensities = link.source!.intensities.length;
  const chunk = 2 ** 24;
  const bytes256 = new Float64Array(256);
  for (let from = 0, i = 0; i < count; from += chunk) {
    const size = Math.min(chunk, pulses - from);
    const bytesOf = await record.read(first + from, size);
    const parity = (first + from) & 1;
    for (let b = 0; b < Math.min(bytesOf.length, countedBytes); b++) bytes256[bytesOf[b]!]!++;
    for (; i < count && slots[i]! < from + size; i++) {
      const at = slots[i]! - from + parity;
      const nibble = (bytesOf[at >>> 1]! >>> ((at & 1) * 4)) & 15;
      bit.bytes[i >>> 3]! |= (nibble & 1) << (i & 7);
      basis.bytes[i >>> 3]! |= ((nibble >>> 1) & 1) << (i & 7);
      intensity[i] = nibble >>> 2;
    }
    bytesOf.fill(0);
  }
  if (intensity.some((code) => code >= intensities))
    throw new QkdError(
      "LINK_DUMP_MISMATCH",
      `${record.file} names an intensity that the link description does not have.`,
      {
        file: record.file,
        field: "source.intensities",
      },
    );
  const emitted = new Array<number>(4).fill(0);
  bytes256.forEach((times, byte) => {
    emitted[(byte >>> 2) & 3]! += times;
    emitted[byte >>> 6]! += times;
  });
  bytes256.fill(0);
  return {
    own: { count, basis, bit, vetoed: BitString.zeros(count), intensity },
    pulses,
    emitted,
    ...(disclosed.slots > 0 ? { disclosed } : {}),
    last: cover?.last ?? false,
  };
}

export async function bobSlotsOfPairs(
  channel: BlockChannel,
  link: Link,
  lock: PairLock,
  block: EventBlock,
  random: RandomSource,
): Promise<BlockSlots> {
  const pairs = await pairAsBob(channel, lock, block);
  const resolved = resolveClicks(pairs.clicks, link.bob.detectors!, random);
  if (link.correlation === "opposite") flip(resolved.bit);
  return {
    own: {
      count: pairs.slots,
      basis: resolved.basis,
      bit: resolved.bit,
      vetoed: packed(pairs.vetoed),
      withheld: packed(pairs.vetoed.map(isWithheld)),
      single: pairs.single,
    },
    clicks: resolved,
    last: pairs.last,
  };
}

export async function aliceSlotsOfPairs(
  channel: BlockChannel,
  link: Link,
  lock: PairLock,
  block: EventBlock,
  linker: PairLinker,
  random: RandomSource,
): Promise<BlockSlots> {
  const { linked, ...pairs } = await pairAsAlice(channel, lock, block, linker, link.blocks.seconds ?? 600);
  const resolved = resolveClicks(pairs.clicks, link.alice.detectors!, random);
  return {
    own: { count: pairs.slots, basis: resolved.basis, bit: resolved.bit, vetoed: packed(pairs.vetoed) },
    clicks: resolved,
    gate: linked.gate,
    pairs: { all: linked.pairs, exclusive: linked.exclusive, accidentals: linked.accidentals },
    last: pairs.last,
  };
}

function isWithheld(flags: number): number {
  return flags === 2 ? 1 : 0;
}

function packed(flags: Uint8Array): BitString {
  const out = BitString.zeros(flags.length);
  flags.forEach((flag, i) => {
    if (flag) out.bytes[i >>> 3]! |= 1 << (i & 7);
  });
  return out;
}

function flip(bits: BitString): void {
  for (let i = 0; i < bits.length; i++) bits.bytes[i >>> 3]! ^= 1 << (i & 7);
}
