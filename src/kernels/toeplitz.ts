/**
 * Toeplitz hash as a middle product in GF(2)[X] (CONTRACT.md, "Toeplitz convention"):
 *
 *   y_i = ⊕_j s_{i−j+n−1} x_j,  0 ≤ i < ℓ   =   bits n − 1 … n + ℓ − 2 of s·x
 *
 * Short inputs by block products (toeplitz-blocks.ts), others by additive FFT (assembly/toeplitz.ts) with three buffers:
 * the bits of one operand at a time, and both operands' values at the points. Everything lies in scratch memory, which is
 * zeroised when the call ends, also by a throw.
 *
 * Universality of the full form, T_ij = s_{i−j+n−1} with s uniform on n + ℓ − 1 bits: for x ≠ 0 let k be the largest
 * index with x_k = 1. y_i = s_{i−k+n−1} ⊕ (bits of s with larger index), so row by row each y_i is a fresh uniform bit:
 * Pr[T·x = y] = 2^−ℓ for every y, hence Pr[T·x = T·x'] = 2^−ℓ for x ≠ x': exactly two-universal, δ = 0. Source: Y.
 * Mansour, N. Nisan, P. Tiwari, Theor. Comput. Sci. 107 (1993) 121–133; H. Krawczyk, CRYPTO '94, section 4.
 *
 * Universality of the form [I | T], T of ℓ × (n − ℓ) from n − 1 bits: y = x₁ ⊕ T·x₂. If x₂ ≠ x₂', T(x₂ ⊕ x₂') takes each
 * value with probability 2^−ℓ, so also x₁ ⊕ x₁'. If x₂ = x₂' then x₁ ≠ x₁' and the hashes never collide. Collisions have
 * probability at most 2^−ℓ: two-universal, though not strongly. Source: M. Hayashi, T. Tsurumaru, IEEE Trans. Inf. Theory
 * 62 (2016) 2213–2232, section III.
 */
import { BitString, byteLength, xorBits } from "../bits.js";
import { QkdError } from "../errors.js";
import { blockHash, multiplyBits } from "./toeplitz-blocks.js";
import { planToeplitz, type ToeplitzPlan } from "./toeplitz-plan.js";
import type { WasmInstance } from "./wasm.js";

/** Which hash: T from n + ℓ − 1 seed bits, or [I | T] from n − 1. */
export type ToeplitzForm = "full" | "identity";

/** Below this many bits in and out together, blocks are faster than a transform. */
const leastTransform = 12_000;

/** @throws QkdError KERNEL_SEED_LENGTH, KERNEL_OUTPUT_LENGTH, KERNEL_OUT_OF_MEMORY */
export function toeplitz(
  wasm: WasmInstance,
  input: BitString,
  seed: BitString,
  outputBits: number,
  form: ToeplitzForm = "full",
): BitString {
  checkToeplitz(input.length, seed.length, outputBits, form);
  if (outputBits === 0) return BitString.zeros(0);
  if (form === "identity") return identityForm(wasm, input, seed, outputBits);
  if (input.length + outputBits < leastTransform) return blockHash(wasm, input, seed, outputBits);
  return transformHash(wasm, input, seed, outputBits, planToeplitz(input.length, outputBits));
}

/** x₁ ⊕ T·x₂ with x₁ the first ℓ bits. */
function identityForm(wasm: WasmInstance, input: BitString, seed: BitString, outputBits: number): BitString {
  const [head, tail] = [input.slice(0, outputBits), input.slice(outputBits)];
  if (tail.length === 0) return head;
  const hash = hashRectangle(wasm, tail, seed, outputBits);
  const out = xorBits(head, hash);
  for (const bits of [head, tail, hash]) bits.zeroise();
  return out;
}

/**
 * T·x for a T of any shape, also with more rows than columns.
 * @param seed input.length + outputBits − 1 bits
 */
export function hashRectangle(wasm: WasmInstance, input: BitString, seed: BitString, outputBits: number): BitString {
  if (input.length + outputBits < leastTransform) return blockHash(wasm, input, seed, outputBits);
  return transformHash(wasm, input, seed, outputBits, planToeplitz(input.length, outputBits));
}

/** By additive FFT under a given plan. */
export function transformHash(
  wasm: WasmInstance,
  input: BitString,
  seed: BitString,
  outputBits: number,
  { m, w, inner }: ToeplitzPlan,
): BitString {
  const n = input.length;
  const { exports } = wasm;
  const shape = [inner?.r ?? 0, inner?.three ? 1 : 0, inner?.block ?? 0] as const;
  const bytes = (2 ** m * w) / 8;
  return wasm.scratch((alloc) => {
    const bits = alloc(bytes + 64);
    const a = alloc(exports.toeplitzPointBytes(m, w) + 64);
    const b = alloc(exports.toeplitzPointBytes(m, w) + 64);
    const scratch = alloc(exports.toeplitzScratch(m, w, ...shape));
    wasm.u8.set(input.bytes, bits);
    exports.toeplitzForward(bits, b, m, w, Math.ceil(n / w), scratch);
    wasm.u8.set(seed.bytes, bits);
    wasm.u8.fill(0, bits + seed.bytes.length, bits + bytes);
    exports.toeplitzForward(bits, a, m, w, Math.ceil(seed.length / w), scratch);
    exports.toeplitzPointwise(a, b, m, w, ...shape, scratch);
    exports.toeplitzInverse(a, bits, m, w, Math.floor((n - 1) / w), scratch);
    exports.extractBits(a, bits, n - 1, outputBits);
    const hash = BitString.from(wasm.u8.subarray(a, a + byteLength(outputBits)), outputBits);
    const polluted = m === 16 ? seed.length + w - 2 ** m * w : 0;
    if (polluted > 0) cleanStart(wasm, hash, input, seed, Math.min(polluted, n));
    return hash;
  });
}

/** Adds to the first bits of `hash` what has wrapped onto them: the upper half of the product of the top coefficients. */
function cleanStart(wasm: WasmInstance, hash: BitString, input: BitString, seed: BitString, top: number): void {
  const factors = [input.slice(input.length - top), seed.slice(seed.length - top)] as const;
  const product = multiplyBits(wasm, ...factors);
  const wrapped = product.slice(top - 1, top - 1 + Math.min(top, hash.length));
  for (let i = 0; i < wrapped.bytes.length; i++) hash.bytes[i]! ^= wrapped.bytes[i]!;
  for (const bits of [...factors, product, wrapped]) bits.zeroise();
}

/** Seed bits of a form. */
export function seedBits(n: number, outputBits: number, form: ToeplitzForm = "full"): number {
  return Math.max(0, form === "full" ? n + outputBits - 1 : n - 1);
}

/** @throws QkdError KERNEL_SEED_LENGTH, KERNEL_OUTPUT_LENGTH */
export function checkToeplitz(n: number, seedLength: number, outputBits: number, form: ToeplitzForm = "full"): void {
  if (!Number.isSafeInteger(outputBits) || outputBits < 0 || outputBits > n)
    throw new QkdError("KERNEL_OUTPUT_LENGTH", `A hash of ${n} bits cannot have ${outputBits} bits.`, {
      n,
      outputBits,
    });
  const expected = seedBits(n, outputBits, form);
  if (seedLength !== expected)
    throw new QkdError(
      "KERNEL_SEED_LENGTH",
      `A Toeplitz seed for ${n} bits in and ${outputBits} out has ${expected} bits, not ${seedLength}.`,
      { expected, got: seedLength },
    );
}
