/** Cuts a block's secret bits into keys of equal size, one for each ID, and pads for the pool. Each bit goes out once. */
import type { BitString } from "../bits.js";
import type { BlockKeys, SecretKey } from "./types.js";

/** @param slot where the pool takes what `keyBits` leave; absent: it takes nothing */
export function splitKey(
  bits: BitString,
  keyBits: number,
  ids: readonly string[],
  metadata: Omit<SecretKey, "id" | "bytes" | "bits">,
  slot?: number,
): BlockKeys {
  const size = Math.floor(keyBits / ids.length);
  const keys = ids.map((id, i) => ({ id, bytes: bits.slice(i * size, (i + 1) * size).bytes, bits: size, ...metadata }));
  return { keys, ...(slot === undefined ? {} : { deposit: { slot, bytes: bits.slice(keyBits).bytes } }) };
}
