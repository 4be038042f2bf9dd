/** Messages of LDPC reconciliation; who sends which when stands in ldpc.ts. */
import { z } from "zod";
import { wireBytes, wireCount, wireText } from "../../channel/schemas.js";
import { QkdError } from "../../errors.js";

export const framesPerMessage = 8;
const mostFrames = 1 << 20;

export const syndromesSchema = z.strictObject({
  code: wireText,
  frames: z.array(wireBytes).max(framesPerMessage),
});
export const flagsSchema = z.strictObject({
  /** A bit a frame that was open: still not decoded. */
  open: wireBytes,
  /** Base rows to split: their checks are wanted of every frame still open. */
  rows: wireCount,
  /** Pattern-public, where no rows are: per frame still open the positions wanted. */
  positions: z.array(z.strictObject({ count: wireCount, places: wireBytes })).max(mostFrames),
});
export const moreSchema = z.strictObject({ values: z.array(wireBytes).max(mostFrames) });
export const wholeSchema = z.strictObject({ word: wireBytes });

export type AskedPositions = z.infer<typeof flagsSchema>["positions"][number];

export function misbehaves(why: string): QkdError {
  return new QkdError("RECONCILE_PEER_MISBEHAVES", `Reconciliation: ${why}.`);
}
