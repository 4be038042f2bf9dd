/**
 * Estimate: with the check basis revealed, both ends decide whether the block can give key at all, before a key-basis
 * bit is spent. The error rate for reconciliation comes from the check basis and from error counts of earlier blocks
 * that were paid for (FORMULAS.md 5, "QBER reports"); alarms are each end's own.
 *
 *   Bob → Alice  estimate.bob    alarms he raises
 *   Alice → Bob  estimate.alice  the joint decision: go on with this error rate, or why not
 *   and where they do not go on, the dead block is opened, with what a dead time took out of it, so that its error rate
 *   can be told:
 *   Alice → Bob  estimate.opened, in pieces   Bob → Alice  estimate.counted
 */
import { z } from "zod";
import { type BitString, countOnes, xorBits } from "../bits.js";
import { receiveBytes, sendBytes } from "../channel/pieces.js";
import { wireBits, wireCount } from "../channel/schemas.js";
import { QkdError } from "../errors.js";
import { secretKeyLength } from "../security/index.js";
import { countBits } from "../security/ledger.js";
import { proofInput } from "../security/proof.js";
import type { BlockReason, StageContext } from "./context.js";
import type { SiftedBlock } from "./sift.js";

export type Estimate =
  | {
      readonly go: true;
      readonly qber: number;
      /** From the check basis alone, whose errors need not be the key's. */
      readonly rough: boolean;
    }
  | {
      readonly go: false;
      readonly reason: BlockReason;
      readonly errors: number;
      /** Bob: Alice's bits of the dead block. */
      readonly opened?: { readonly key: BitString; readonly lost: BitString };
    };

/** It goes into reports as it is. */
const reasonSchema = z.string().regex(/^[A-Z_]{1,64}$/);
const bobSchema = z.strictObject({ reason: reasonSchema.nullable() });
const aliceSchema = z.strictObject({
  reason: reasonSchema.nullable(),
  qber: z.number().min(0).max(0.5),
  tracked: z.boolean(),
});
const countedSchema = z.strictObject({ errors: wireCount });

/** Rates below this are not believed: a code must exist for it. */
const smallestQber = 0.002;

/** @param keyQber error rate of the key basis in earlier blocks, if known at Alice */
export async function estimateAsAlice(
  context: StageContext,
  block: SiftedBlock,
  alarms: readonly BlockReason[],
  keyQber: number | undefined,
): Promise<Estimate> {
  const own = stopReason(context, block, alarms);
  const bob = await context.channel.receive("estimate.bob", bobSchema);
  const reason = own ?? (bob.reason as BlockReason | null) ?? undefined;
  const qber = believed(keyQber ?? testQber(block));
  const tracked = keyQber !== undefined;
  await context.channel.send("estimate.alice", { reason: reason ?? null, qber, tracked });
  if (!reason) return { go: true, qber, rough: !tracked };
  context.ledger.aside(block.key.length + block.lost.length);
  await sendBytes(context.channel, "estimate.opened", { key: block.key.bytes, lost: block.lost.bytes });
  const { errors } = await context.channel.receive("estimate.counted", countedSchema);
  if (errors > block.key.length)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob counts more errors than there are bits.", { errors });
  return { go: false, reason, errors };
}

export async function estimateAsBob(
  context: StageContext,
  block: SiftedBlock,
  alarms: readonly BlockReason[],
): Promise<Estimate> {
  const own = stopReason(context, block, alarms);
  await context.channel.send("estimate.bob", { reason: own ?? null });
  const { reason, qber, tracked } = await context.channel.receive("estimate.alice", aliceSchema);
  if (reason === null) {
    if (own) throw new QkdError("CHANNEL_MESSAGE_INVALID", `Alice goes on with a block that Bob stopped (${own}).`);
    return { go: true, qber, rough: !tracked };
  }
  const opened = await receiveBytes(context.channel, "estimate.opened", {
    key: block.key.bytes.length,
    lost: block.lost.bytes.length,
  });
  const [key, lost] = [wireBits(opened.key, block.key.length), wireBits(opened.lost, block.lost.length)];
  const errors = countOnes(xorBits(key, block.key));
  context.ledger.aside(countBits(block.key.length));
  await context.channel.send("estimate.counted", { errors });
  return { go: false, reason: reason as BlockReason, errors, opened: { key, lost } };
}

export function testQber(block: SiftedBlock): number {
  const [n, m] = [total(block.nTest), total(block.mTest)];
  return n === 0 ? 0 : m / n;
}

function believed(qber: number): number {
  return Math.min(0.5, Math.max(smallestQber, qber));
}

function stopReason(
  context: StageContext,
  block: SiftedBlock,
  alarms: readonly BlockReason[],
): BlockReason | undefined {
  if (block.key.length + total(block.nTest) === 0) return "NO_DETECTIONS";
  if (testQber(block) > context.link.qberLimit) return "QBER_ABOVE_LIMIT";
  if (alarms.length > 0) return alarms[0];
  return bestLength(context, block) === 0 ? "KEY_TOO_SHORT" : undefined;
}

/** Secret bits if reconciliation were free: what the block can give at most. */
function bestLength({ link, ledger }: StageContext, block: SiftedBlock): number {
  return secretKeyLength(proofInput(link, block, ledger.total, 0)).ell ?? 0;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, n) => sum + n, 0);
}
