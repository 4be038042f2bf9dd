/**
 * Toeplitz hash of short inputs, and plain products, from block products (assembly/gf2/multiply.ts).
 *
 * With s shifted so that bit n − 1 falls on a block border, blocks of B bits and P_d = Σ_{p+q=d} s_p·x_q, y's block t is
 * low(P_{c+t}) ⊕ high(P_{c+t−1}), c the block of bit n − 1. B is the power of two with the fewest base products.
 */
import { BitString, byteLength } from "../bits.js";
import type { WasmInstance } from "./wasm.js";

const baseBits = 1024;

/** @param seed input.length + outputBits − 1 bits */
export function blockHash(wasm: WasmInstance, input: BitString, seed: BitString, outputBits: number): BitString {
  const n = input.length;
  const block = blockBits(n, outputBits);
  const bytes = block / 8;
  const shift = (block - ((n - 1) % block)) % block;
  const first = (n - 1 + shift) / block;
  const columns = Math.ceil(n / block);
  const rows = Math.ceil(outputBits / block);
  const seedBlocks = first + rows;
  return wasm.scratch((alloc) => {
    const x = alloc(columns * bytes);
    const s = alloc((seedBlocks + 1) * bytes);
    const y = alloc(rows * bytes);
    const [sum, product] = [alloc(2 * bytes), alloc(2 * bytes)];
    const scratch = alloc(wasm.exports.multiplyScratch(bytes));
    wasm.u8.set(input.bytes, x);
    placeShifted(wasm.u8, s, seed.bytes, shift);
    for (let diagonal = Math.max(0, first - 1); diagonal < first + rows; diagonal++) {
      wasm.u8.fill(0, sum, sum + 2 * bytes);
      for (let q = Math.max(0, diagonal - seedBlocks + 1); q < columns && q <= diagonal; q++) {
        wasm.exports.multiply(product, s + (diagonal - q) * bytes, x + q * bytes, bytes, scratch);
        wasm.exports.xorInto(sum, product, 2 * bytes);
      }
      const row = diagonal - first;
      if (row >= 0) wasm.exports.xorInto(y + row * bytes, sum, bytes);
      if (row + 1 < rows) wasm.exports.xorInto(y + (row + 1) * bytes, sum + bytes, bytes);
    }
    return BitString.from(wasm.u8.subarray(y, y + byteLength(outputBits)), outputBits);
  });
}

/** The product of two polynomials over GF(2), bit i the coefficient of X^i; for a few thousand bits. */
export function multiplyBits(wasm: WasmInstance, a: BitString, b: BitString): BitString {
  let bytes = baseBits / 8;
  while (bytes * 8 < Math.max(a.length, b.length)) bytes *= 2;
  return wasm.scratch((alloc) => {
    const [x, y, product] = [alloc(bytes), alloc(bytes), alloc(2 * bytes)];
    const scratch = alloc(wasm.exports.multiplyScratch(bytes));
    wasm.u8.set(a.bytes, x);
    wasm.u8.set(b.bytes, y);
    wasm.exports.multiply(product, x, y, bytes, scratch);
    return BitString.from(wasm.u8.subarray(product, product + 2 * bytes));
  });
}

function blockBits(n: number, outputBits: number): number {
  let best = { bits: baseBits, cost: Number.POSITIVE_INFINITY };
  for (let bits = baseBits, product = 1; bits <= 2 * Math.max(n, baseBits); bits *= 2, product *= 3) {
    const cost = (Math.ceil(outputBits / bits) + 1) * Math.ceil(n / bits) * product;
    if (cost < best.cost) best = { bits, cost };
  }
  return best.bits;
}

function placeShifted(memory: Uint8Array, at: number, bytes: Uint8Array, shift: number): void {
  const start = at + (shift >>> 3);
  const bit = shift & 7;
  if (bit === 0) {
    memory.set(bytes, start);
    return;
  }
  let carry = 0;
  for (let i = 0; i < bytes.length; i++) {
    const value = (bytes[i]! << bit) | carry;
    memory[start + i] = value;
    carry = value >>> 8;
  }
  memory[start + bytes.length] = carry;
}
