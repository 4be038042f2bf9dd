/**
 * Toeplitz hash from one Karatsuba product in plain TypeScript: shares nothing with the kernels, and reaches sizes where
 * the quadratic twin is too slow. Words of 32 bits, shift and add up to 16 words. Cost: 9 000 word operations · (bits/512)^1.58.
 */
import { BitString } from "../../bits.js";

const baseWords = 16;

export function toeplitzByKaratsuba(input: BitString, seed: BitString, outputBits: number): BitString {
  if (outputBits === 0) return BitString.zeros(0);
  let words = 1;
  while (words * 32 < Math.max(input.length, seed.length)) words *= 2;
  const product = new Uint32Array(2 * words);
  multiply(product, toWords(seed, words), toWords(input, words), new Uint32Array(4 * words));
  return BitString.from(new Uint8Array(product.buffer)).slice(input.length - 1, input.length - 1 + outputBits);
}

function toWords(bits: BitString, words: number): Uint32Array {
  const out = new Uint32Array(words);
  for (let i = 0; i < bits.bytes.length; i++) out[i >>> 2]! |= bits.bytes[i]! << (8 * (i & 3));
  return out;
}

/** out = a·b, a.length words each, a power of two; work: 4 · a.length words. */
function multiply(out: Uint32Array, a: Uint32Array, b: Uint32Array, work: Uint32Array): void {
  const size = a.length;
  if (size <= baseWords) {
    multiplyShort(out, a, b);
    return;
  }
  const half = size >>> 1;
  const [a0, a1, b0, b1] = [a.subarray(0, half), a.subarray(half), b.subarray(0, half), b.subarray(half)];
  const [sumA, sumB, middle] = [work.subarray(0, half), work.subarray(half, size), work.subarray(size, 2 * size)];
  const deeper = work.subarray(2 * size);
  for (let i = 0; i < half; i++) {
    sumA[i] = a0[i]! ^ a1[i]!;
    sumB[i] = b0[i]! ^ b1[i]!;
  }
  multiply(middle, sumA, sumB, deeper);
  multiply(out.subarray(0, size), a0, b0, deeper);
  multiply(out.subarray(size), a1, b1, deeper);
  for (let i = 0; i < size; i++) middle[i]! ^= out[i]! ^ out[size + i]!;
  for (let i = 0; i < size; i++) out[half + i]! ^= middle[i]!;
}

/** Shift and add: the copy of a shifted by k bits goes on every word of b whose bit k is set. */
function multiplyShort(out: Uint32Array, a: Uint32Array, b: Uint32Array): void {
  out.fill(0);
  const shifted = new Uint32Array(a.length + 1);
  shifted.set(a);
  for (let k = 0; k < 32; k++) {
    for (let j = 0; j < b.length; j++) {
      const mask = -((b[j]! >>> k) & 1);
      for (let i = 0; i <= a.length; i++) out[i + j]! ^= shifted[i]! & mask;
    }
    for (let i = a.length; i > 0; i--) shifted[i] = (shifted[i]! << 1) | (shifted[i - 1]! >>> 31);
    shifted[0]! <<= 1;
  }
}
