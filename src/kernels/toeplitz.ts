/**
 * Toeplitz hash as a middle product in GF(2)[X] (CONTRACT.md, "Toeplitz convention"):
 *
 *   y_i = ⊕_j s_{i−j+n−1} x_j,  0 ≤ i < ℓ   =   bits n − 1 … n + ℓ − 2 of s·x
 *
 * With s shifted so that bit n − 1 falls on a block border, blocks of B bits and P_d = Σ_{p+q=d} s_p·x_q,
 * y's block t is low(P_{m+t}) ⊕ high(P_{m+t−1}). Products by Karatsuba (assembly/gf2/multiply.ts); B is chosen by cost.
 */
import { BitString, byteLength } from "../bits.js";
import { QkdError } from "../errors.js";
import type { WasmInstance } from "./wasm.js";

const baseBits = 1024;

/** @throws QkdError KERNEL_SEED_LENGTH, KERNEL_OUTPUT_LENGTH, KERNEL_OUT_OF_MEMORY */
export function toeplitz(wasm: WasmInstance, input: BitString, seed: BitString, outputBits: number): BitString {
  checkToeplitz(input, seed, outputBits);
  if (outputBits === 0) return BitString.zeros(0);
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

/** @throws QkdError KERNEL_SEED_LENGTH, KERNEL_OUTPUT_LENGTH */
export function checkToeplitz(input: BitString, seed: BitString, outputBits: number): void {
  const n = input.length;
  if (!Number.isSafeInteger(outputBits) || outputBits < 0 || outputBits > n)
    throw new QkdError("KERNEL_OUTPUT_LENGTH", `A hash of ${n} bits cannot have ${outputBits} bits.`, {
      n,
      outputBits,
    });
  const expected = Math.max(0, n + outputBits - 1);
  if (seed.length !== expected)
    throw new QkdError(
      "KERNEL_SEED_LENGTH",
      `A Toeplitz seed for ${n} bits in and ${outputBits} out has ${expected} bits, not ${seed.length}.`,
      { expected, got: seed.length },
    );
}

/** The power of two with the fewest base products. */
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
