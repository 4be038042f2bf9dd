/** Cuts a block's secret bits into keys of equal size, one for each ID. Each bit is handed out once. */
import type { BitString } from "../bits.js";
import type { SecretKey } from "./types.js";

export function splitKey(
  bits: BitString,
  ids: readonly string[],
  metadata: Omit<SecretKey, "id" | "bytes" | "bits">,
): SecretKey[] {
  const size = Math.floor(bits.length / ids.length);
  return ids.map((id, i) => ({ id, bytes: bits.slice(i * size, (i + 1) * size).bytes, bits: size, ...metadata }));
}
