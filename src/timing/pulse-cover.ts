/**
 * How far Alice's record reaches, told block by block where it still grows: a block ends with the shorter of the two.
 *
 *   Bob → Alice  slots.asked    the block's pulses
 *   Alice → Bob  slots.covered  as many of them as her record holds once it was waited for; fewer: it has ended
 */
import { z } from "zod";
import { wireCount } from "../channel/schemas.js";
import type { BlockChannel } from "../channel/types.js";
import type { PreparationRecord } from "../dumps/preparation.js";
import { QkdError } from "../errors.js";
import { lowerBound } from "./events.js";
import type { PulseBlock } from "./pulse-blocks.js";

const askedSchema = z.strictObject({ first: wireCount, pulses: wireCount });
const coveredSchema = z.strictObject({ pulses: wireCount });

/** @param fits where the link description puts the block */
export async function coverAsAlice(
  channel: BlockChannel,
  record: PreparationRecord,
  fits: (first: number, pulses: number) => void,
): Promise<{ pulses: number; last: boolean }> {
  const asked = await channel.receive("slots.asked", askedSchema);
  fits(asked.first, asked.pulses);
  await record.reaches(asked.first + asked.pulses);
  const pulses = Math.max(0, Math.min(asked.pulses, record.pulses - asked.first));
  await channel.send("slots.covered", { pulses });
  return { pulses, last: pulses < asked.pulses };
}

export async function coverAsBob(channel: BlockChannel, block: PulseBlock): Promise<PulseBlock> {
  await channel.send("slots.asked", { first: block.firstPulse, pulses: block.pulses });
  const { pulses } = await channel.receive("slots.covered", coveredSchema);
  if (pulses > block.pulses)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice has more pulses in a block than it holds.");
  if (pulses === block.pulses) return block;
  const kept = lowerBound(block.slots, pulses);
  const [slots, clicks, vetoed] = [block.slots, block.clicks, block.vetoed].map((list) => list.subarray(0, kept));
  return {
    ...block,
    pulses,
    slots: slots as Float64Array,
    clicks: clicks as Uint8Array,
    vetoed: vetoed as Uint8Array,
    stretches: block.stretches.filter(({ from }) => from < kept),
  };
}
