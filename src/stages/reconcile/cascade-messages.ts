/** Cascade's messages; their contents in cascade-wire.ts, who sends which when in cascade.ts. Not loaded by workers. */
import { z } from "zod";
import { mostLanes } from "./cascade-frames.js";

const bytes = (max: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= max, "bytes within bounds");
const count = z.number().int().nonnegative();
export const openSchema = z.strictObject({
  bits: count,
  seed: bytes(16).refine((seed) => seed.length === 16),
  lanes: z.number().int().min(1).max(mostLanes),
  few: z.boolean(),
});
/**
 * `operations`: one a frame of the wave. `requests`: of each frame in order, `list` and `ask` a count and as many requests
 * (32-bit, little-endian), `go` one bit a leaf, in whole bytes.
 */
export const askSchema = z.strictObject({ operations: bytes(256), requests: bytes(2 ** 27) });
/** `bits`: each frame's answer in whole bytes. */
export const answerSchema = z.strictObject({
  bits: bytes(2 ** 26),
  tagKey: bytes(8).refine((key) => key.length === 8),
});
export type Ask = z.infer<typeof askSchema>;
export type Answer = z.infer<typeof answerSchema>;
export const closeSchema = z.strictObject({ leaked: count, failed: count });
