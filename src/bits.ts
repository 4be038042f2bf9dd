/**
 * Bit strings. Bit i is bit (i mod 8), least significant first, of byte floor(i / 8); unused bits of the last byte are
 * zero (CONTRACT.md, Conventions).
 */
import { QkdError } from "./errors.js";

export class BitString {
  private constructor(
    readonly bytes: Uint8Array,
    readonly length: number,
  ) {}

  /**
   * Copies `bytes` and clears the unused bits of the copy.
   * @param length bits; at most 8 × bytes.length, default all
   * @throws QkdError BITS_LENGTH_INVALID
   */
  static from(bytes: Uint8Array, length = bytes.length * 8): BitString {
    checkLength(bytes, length);
    // Not slice(): a Buffer's slice shares memory.
    return BitString.adopt(new Uint8Array(bytes.subarray(0, byteLength(length))), length);
  }

  /** Takes `bytes` over without a copy (the caller gives up the array) and clears unused bits in place. */
  static adopt(bytes: Uint8Array, length = bytes.length * 8): BitString {
    checkLength(bytes, length);
    const size = byteLength(length);
    const own = bytes.length === size ? bytes : bytes.subarray(0, size);
    if (length & 7) own[size - 1]! &= (1 << (length & 7)) - 1;
    return new BitString(own, length);
  }

  static zeros(length: number): BitString {
    if (!Number.isSafeInteger(length) || length < 0) throw invalidLength(length, 0);
    return new BitString(new Uint8Array(byteLength(length)), length);
  }

  get(index: number): 0 | 1 {
    return ((this.bytes[index >>> 3]! >>> (index & 7)) & 1) as 0 | 1;
  }

  /** Bits [start, end) as a new bit string. */
  slice(start: number, end = this.length): BitString {
    if (start < 0 || end > this.length || start > end) throw invalidLength(end - start, this.bytes.length);
    const length = end - start;
    const out = new Uint8Array(byteLength(length));
    copyBits(out, this.bytes, start);
    return BitString.adopt(out, length);
  }

  /** Overwrites with zeros; for bits that must not outlive their use. */
  zeroise(): void {
    this.bytes.fill(0);
  }
}

/** Number of bytes that hold `bits` bits. */
export function byteLength(bits: number): number {
  return Math.ceil(bits / 8);
}

/** Fills `out` with the bits of `source` from bit `start` on; bits behind the last one wanted may be anything. */
export function copyBits(out: Uint8Array, source: Uint8Array, start: number): void {
  const shift = start & 7;
  const from = start >>> 3;
  if (shift === 0 || out.length === 0) {
    out.set(source.subarray(from, from + out.length));
    return;
  }
  // Reading past an array's end, in a loop over bytes, costs ten times the loop.
  const inside = Math.min(out.length, source.length - from - 1);
  let at = 0;
  if (out.byteOffset % 4 === 0) {
    const skipped = (source.byteOffset + from) % 4;
    const wide = new Uint32Array(out.buffer, out.byteOffset, out.length >>> 2);
    const first = source.byteOffset + from - skipped;
    const words = new Uint32Array(source.buffer, first, (source.byteOffset + source.length - first) >>> 2);
    const by = 8 * skipped + shift;
    const whole = Math.min(wide.length, words.length - 1);
    for (let i = 0; i < whole; i++) wide[i] = (words[i]! >>> by) | (words[i + 1]! << (32 - by));
    at = 4 * Math.max(0, whole);
  }
  for (let i = at; i < inside; i++) out[i] = (source[from + i]! >>> shift) | (source[from + i + 1]! << (8 - shift));
  if (inside < out.length) out[inside] = source[from + inside]! >>> shift;
}

/** target ^= source, over as many bytes as the shorter has. */
export function xorBytes(target: Uint8Array, source: Uint8Array): void {
  const bytes = Math.min(target.length, source.length);
  const [wide, other] = asWords(bytes, target, source) as [Uint32Array, Uint32Array];
  for (let i = 0; i < wide.length; i++) wide[i]! ^= other[i]!;
  for (let i = wide.length * 4; i < bytes; i++) target[i]! ^= source[i]!;
}

/** The first bytes of arrays as 32-bit words: as many whole ones as there are, none where an array is not aligned. */
function asWords(bytes: number, ...arrays: readonly Uint8Array[]): Uint32Array[] {
  const words = arrays.every(({ byteOffset }) => byteOffset % 4 === 0) ? bytes >>> 2 : 0;
  return arrays.map(({ buffer, byteOffset }) => new Uint32Array(buffer, words ? byteOffset : 0, words));
}

/** Concatenates bit strings in order. */
export function concatBits(parts: readonly BitString[]): BitString {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(byteLength(length) + 1);
  let at = 0;
  for (const part of parts) {
    const shift = at & 7;
    let to = at >>> 3;
    if (shift === 0) out.set(part.bytes, to);
    else
      for (const byte of part.bytes) {
        out[to]! |= byte << shift;
        out[++to]! |= byte >>> (8 - shift);
      }
    at += part.length;
  }
  return BitString.adopt(out, length);
}

/** Bitwise a XOR b of equal lengths. */
export function xorBits(a: BitString, b: BitString): BitString {
  if (a.length !== b.length) throw invalidLength(b.length, a.bytes.length);
  const out = new Uint8Array(a.bytes);
  xorBytes(out, b.bytes);
  return BitString.adopt(out, a.length);
}

/** Number of ones. */
export function countOnes({ bytes }: BitString): number {
  const [wide] = asWords(bytes.length, bytes) as [Uint32Array];
  let ones = 0;
  for (let i = 0; i < wide.length; i++) ones += onesIn(wide[i]!);
  for (let i = wide.length * 4; i < bytes.length; i++) ones += onesIn(bytes[i]!);
  return ones;
}

/** Number of bits in which two packed words of one length differ. */
export function countDifferent(a: Uint8Array, b: Uint8Array): number {
  const [wide, other] = asWords(a.length, a, b) as [Uint32Array, Uint32Array];
  let ones = 0;
  for (let i = 0; i < wide.length; i++) ones += onesIn(wide[i]! ^ other[i]!);
  for (let i = wide.length * 4; i < a.length; i++) ones += onesIn(a[i]! ^ b[i]!);
  return ones;
}

/** Of a 32-bit word (Warren, Hacker's Delight, 5-1). */
function onesIn(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function checkLength(bytes: Uint8Array, length: number): void {
  if (!Number.isSafeInteger(length) || length < 0 || length > bytes.length * 8)
    throw invalidLength(length, bytes.length);
}

function invalidLength(length: number, bytes: number): QkdError {
  return new QkdError("BITS_LENGTH_INVALID", `A length of ${length} bits does not fit ${bytes} bytes.`, {
    length,
    bytes,
  });
}
