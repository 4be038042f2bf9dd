/**
 * Verification of a reconciled key (FORMULAS.md 6): a polynomial hash over GF(2^128) under a fresh uniform key r, a block
 * with the bit length appended — GHASH of the key (NIST SP 800-38D):
 *
 *   H_r(M) = Σ M_i r^(B+2−i)   over the B blocks of the key and the length block
 *
 * Two different keys of at most B blocks pass with probability ≤ (B + 1)·2^-128.
 */
import { timingSafeEqual } from "node:crypto";
import type { BitString } from "../bits.js";
import { Ghash } from "../kernels/ghash.js";

/** Bits of a verification tag: always 128. Shorter ones fail ε_cor = 1e-15 at 10^8 bits (FORMULAS.md 11, 13). */
export const verificationTagBits = 128;
const blockBytes = 16;

/** @param key r: 16 fresh uniform bytes, drawn after reconciliation is final, sent with the tag, used once */
export function verificationTag(key: Uint8Array, word: BitString): Uint8Array {
  if (key.length !== blockBytes) throw new RangeError("a verification key has 16 bytes");
  const length = new Uint8Array(blockBytes);
  new DataView(length.buffer).setBigUint64(8, BigInt(word.length));
  return new Ghash(key).update(word.bytes, length).digest();
}

/** In constant time; false for tags of other lengths. The outcome is public. */
export function tagsEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Blocks B of the bound, the length block counted: two different keys pass with probability ≤ B·2^-tagBits. */
export function verificationBlocks(bits: number, tagBits = verificationTagBits): number {
  return Math.ceil(bits / tagBits) + 1;
}
