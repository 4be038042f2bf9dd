/**
 * Pulse numbers after a gap so long that Bob's clock, extrapolated, is unsure by more than half a period. The phase he
 * finds again by himself; by how many pulses his numbers are off, within the reach that his filter names, Alice decides
 * from each such stretch of a block, as she numbered the first pulses (pulse-numbers.ts):
 *
 *   Bob → Alice  slots.pulses   with it: where such stretches begin, their reach; for a source of one intensity the
 *                               outcomes of their first slots
 *   Alice → Bob  slots.numbers  the shift of each, null where none stands out: such a stretch is left out
 *
 * Disclosed slots make no key and count as clicks alone (FORMULAS.md 9); in another attempt at the block
 * they might, if another block has told the shift by then: there they count as leak.
 */
import { z } from "zod";
import { wireBytes, wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import type { PreparationRecord } from "../dumps/preparation.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import { countBits, type LeakLedger } from "../security/ledger.js";
import type { BlockStretch, PulseBlock } from "./pulse-blocks.js";
import { disclosedClicks, disclosesOutcomes, outcomeOf, shiftOf, shiftSlots } from "./pulse-numbers.js";
import type { DisclosedClicks } from "./types.js";

/** Enough of a stretch to tell its shift, among the few that there are, from chance: as pulses.ts, of thousands of shifts. */
const disclosedSlots = 320;
/** Bounds what a peer can ask for. */
const largestReach = 2 ** 24;
const mostStretches = 4096;
/** Shifts that are tried for a block: some seconds. Stretches beyond are left out. */
const mostLags = 2 ** 27;

export const openSchema = z.strictObject({
  /** Slots from there on are off by `shift`, ± `reach`: 0 where a block before told. */
  stretches: z
    .array(z.strictObject({ from: wireCount, shift: z.int(), reach: z.int().min(0).max(largestReach) }))
    .max(mostStretches),
  /** Of the first slots of those with a reach, by slot. */
  outcomes: wireBytes,
});
type Open = z.infer<typeof openSchema>;

const numbersSchema = z.strictObject({ shifts: z.array(z.int().nullable()).max(mostStretches) });

/** Bob: where his block's numbers are open. */
export function openNumbers({ stretches, slots, clicks }: PulseBlock, link: Link): Open {
  const open = later(stretches, slots.length).map(({ from, stretch: { shift, reach } }) => ({
    from,
    shift: shift ?? 0,
    reach: shift === undefined ? Math.min(reach, largestReach) : 0,
  }));
  const outcomes = disclosed(open, slots.length, link).flatMap(({ from, to }) =>
    Array.from(clicks.subarray(from, to), (mask) => outcomeOf(link, 31 - Math.clz32(mask))),
  );
  return { stretches: open, outcomes: Uint8Array.from(outcomes) };
}

/** Bob's block as Alice numbers it. */
export async function numberAsBob(
  channel: BlockChannel,
  block: PulseBlock,
  open: Open,
  link: Link,
): Promise<PulseBlock> {
  if (open.stretches.length === 0) return block;
  const shifts = await toldShifts(channel, open);
  later(block.stretches, block.slots.length).forEach(({ stretch }, i) => {
    stretch.shift ??= shifts[i] ?? undefined;
  });
  const { slots, kept } = renumbered(block, open, shifts, link);
  const { clicks, vetoed } = block;
  return {
    ...block,
    slots,
    clicks: Uint8Array.from(kept, (i) => clicks[i]!),
    vetoed: Uint8Array.from(kept, (i) => vetoed[i]!),
  };
}

/** Alice decides. @returns the block's slots, and what was disclosed of it */
export async function numberAsAlice(
  channel: BlockChannel,
  block: { readonly slots: Float64Array; readonly firstPulse: number; readonly pulses: number },
  open: Open,
  record: PreparationRecord,
  link: Link,
  ledger: LeakLedger,
): Promise<{ slots: Float64Array; disclosed: DisclosedClicks }> {
  const { slots, firstPulse } = block;
  const parts = disclosed(open.stretches, slots.length, link);
  const outcomes = parts.reduce((sum, { from, to }) => sum + to - from, 0);
  if (
    open.stretches.some(({ from }, i) => from >= slots.length || from <= (open.stretches[i - 1]?.from ?? -1)) ||
    open.outcomes.length !== outcomes ||
    open.outcomes.some((outcome) => outcome > 3)
  )
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob's open pulse numbers do not fit his slots.");
  let clicks: DisclosedClicks = { slots: 0, siftedBits: 0, errors: 0 };
  if (open.stretches.length === 0) return { slots, disclosed: clicks };
  const shifts: (number | null)[] = [];
  let [told, lags] = [0, 0];
  for (const [i, { from, shift, reach }] of open.stretches.entries()) {
    lags += 2 * reach + 1;
    const size = parts[i]!.to - from;
    const end = Math.min(from + (size || shiftSlots), stretchEnd(open.stretches, i, slots.length));
    const seen = {
      slots: slots.slice(from, end).map((slot) => slot + firstPulse),
      outcomes: open.outcomes.subarray(told, told + size),
    };
    told += size;
    const search = { low: -reach, high: reach, guess: 0 };
    const found = reach === 0 ? { shift } : lags <= mostLags ? await shiftOf(seen, record, link, search) : undefined;
    shifts.push(found?.shift ?? null);
    const pulses = seen.slots.map((slot) => slot + (found?.shift ?? Number.NaN));
    const own = await disclosedClicks(pulses, seen.outcomes, record);
    clicks = {
      slots: clicks.slots + own.slots,
      siftedBits: clicks.siftedBits + own.siftedBits,
      errors: clicks.errors + own.errors,
    };
  }
  // Of slots and outcomes that were not Bob's, shifts would tell what her bits are.
  if (disclosesOutcomes(link))
    for (const { reach } of open.stretches) if (reach > 0) ledger.aside(countBits(2 * reach + 1));
  await channel.send("slots.numbers", { shifts });
  return { slots: renumbered(block, open, shifts, link).slots, disclosed: clicks };
}

async function toldShifts(channel: BlockChannel, open: Open): Promise<readonly (number | null)[]> {
  const { shifts } = await channel.receive("slots.numbers", numbersSchema);
  const fits = ({ shift, reach }: Open["stretches"][number], told: number | null | undefined) =>
    told === null || (told !== undefined && Math.abs(told - shift) <= reach);
  if (shifts.length !== open.stretches.length || !open.stretches.every((stretch, i) => fits(stretch, shifts[i])))
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice's pulse numbers do not fit Bob's slots.");
  return shifts;
}

/** Stretches after the first with slots in the block. */
function later(stretches: readonly BlockStretch[], slots: number): BlockStretch[] {
  return stretches.filter(({ from }, i) => from < slots && stretches[i + 1]?.from !== from);
}

function stretchEnd(stretches: Open["stretches"], index: number, slots: number): number {
  return stretches[index + 1]?.from ?? slots;
}

/** By stretch: slots whose outcomes are disclosed, which leave the block. */
function disclosed(stretches: Open["stretches"], slots: number, link: Link): { from: number; to: number }[] {
  return stretches.map(({ from, reach }, i) => {
    const end = stretchEnd(stretches, i, slots);
    return { from, to: reach > 0 && disclosesOutcomes(link) ? Math.min(end, from + disclosedSlots) : from };
  });
}

/** What stays of a block once its numbers are known: the same at both ends. */
function renumbered(
  { slots, pulses }: { readonly slots: Float64Array; readonly pulses: number },
  open: Open,
  shifts: readonly (number | null)[],
  link: Link,
): { slots: Float64Array; kept: number[] } {
  const kept: number[] = [];
  const numbers: number[] = [];
  const keep = (from: number, to: number, shift: number) => {
    for (let i = from; i < to; i++) {
      const slot = slots[i]! + shift;
      // A stretch's first pulses may fall behind the last one's, its last ones out of the block.
      if (slot < pulses && slot > (numbers[numbers.length - 1] ?? -1)) {
        kept.push(i);
        numbers.push(slot);
      }
    }
  };
  keep(0, open.stretches[0]?.from ?? slots.length, 0);
  disclosed(open.stretches, slots.length, link).forEach(({ to }, i) => {
    const shift = shifts[i];
    if (typeof shift === "number") keep(to, stretchEnd(open.stretches, i, slots.length), shift);
  });
  return { slots: Float64Array.from(numbers), kept };
}
