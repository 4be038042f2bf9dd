/**
 * Sifting of one block (FORMULAS.md 9): which detections had equal bases, their bits by basis, counts by intensity.
 *
 *   same = ¬(a ⊕ b),   key = same ∧ (a = key basis),   check = same ∧ ¬key
 *
 * A preparation holds a pulse in four bits, two pulses a byte, the even one low: bit 0 bit, bit 1 basis (1 = X),
 * bits 2–3 intensity. Slots are u32 pulse indices within that preparation, in any order. Kernel: assembly/sift.ts.
 */
import { BitString, byteLength } from "../bits.js";
import { QkdError } from "../errors.js";
import type { WasmInstance } from "./wasm.js";

export interface AliceSiftInput {
  /** Nibbles. */
  readonly preparation: Uint8Array;
  /** Pulse of each detection. */
  readonly slots: Uint32Array;
  /** Bob's basis of each detection. */
  readonly bobBasis: BitString;
  readonly keyBasis: 0 | 1;
}

export interface AliceSift {
  /** A bit a detection: equal bases. What Bob is sent. */
  readonly same: BitString;
  readonly key: BitString;
  readonly check: BitString;
  /** Bits by intensity 0 … 3. */
  readonly nKey: number[];
  readonly nCheck: number[];
}

export interface BobSiftInput {
  readonly bit: BitString;
  readonly basis: BitString;
  readonly same: BitString;
  readonly keyBasis: 0 | 1;
}

export interface BobSift {
  readonly key: BitString;
  readonly check: BitString;
}

/** @throws QkdError KERNEL_SIFT_INPUT, KERNEL_OUT_OF_MEMORY */
export function siftAlice(wasm: WasmInstance, input: AliceSiftInput): AliceSift {
  checkLengths(input.slots.length, [input.bobBasis]);
  const { preparation, slots, bobBasis, keyBasis } = input;
  const count = slots.length;
  const words = Math.ceil(count / 64);
  if (count === 0) return { same: none(), key: none(), check: none(), nKey: [0, 0, 0, 0], nCheck: [0, 0, 0, 0] };
  return wasm.scratch((alloc) => {
    const nibbles = alloc(preparation.length);
    const at = alloc(words * 256);
    const bases = alloc(words * 8);
    const same = alloc(words * 8);
    const key = alloc(words * 8 + 8);
    const check = alloc(words * 8 + 8);
    const counts = alloc(32);
    // Scratch memory is zero: slots that pad the last word are pulse 0, and masked.
    wasm.u8.set(new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength), at);
    checkLargest(wasm.exports.siftLargest(at, words * 64) >>> 0, preparation);
    wasm.u8.set(preparation, nibbles);
    wasm.u8.set(bobBasis.bytes, bases);
    wasm.exports.siftAlice(nibbles, at, bases, count, keyBasis, same, key, check, counts);
    const n = [...new Uint32Array(wasm.u8.buffer, counts, 8)];
    const [nKey, nCheck] = [n.slice(0, 4), n.slice(4)];
    return {
      same: read(wasm, same, count),
      key: read(wasm, key, sum(nKey)),
      check: read(wasm, check, sum(nCheck)),
      nKey,
      nCheck,
    };
  });
}

/** @throws QkdError KERNEL_SIFT_INPUT, KERNEL_OUT_OF_MEMORY */
export function siftBob(wasm: WasmInstance, input: BobSiftInput): BobSift {
  const { bit, basis, same, keyBasis } = input;
  const count = same.length;
  checkLengths(count, [bit, basis]);
  if (count === 0) return { key: none(), check: none() };
  const words = Math.ceil(count / 64);
  return wasm.scratch((alloc) => {
    const [bits, bases, mask] = [alloc(words * 8), alloc(words * 8), alloc(words * 8)];
    const [key, check] = [alloc(words * 8 + 8), alloc(words * 8 + 8)];
    const counts = alloc(8);
    wasm.u8.set(bit.bytes, bits);
    wasm.u8.set(basis.bytes, bases);
    wasm.u8.set(same.bytes, mask);
    wasm.exports.siftBob(bits, bases, mask, count, keyBasis, key, check, counts);
    const [inKey, inCheck] = new Uint32Array(wasm.u8.buffer, counts, 2) as unknown as [number, number];
    return { key: read(wasm, key, inKey), check: read(wasm, check, inCheck) };
  });
}

/** @throws QkdError KERNEL_SIFT_INPUT */
export function checkLengths(count: number, strings: readonly BitString[]): void {
  for (const { length } of strings)
    if (length !== count)
      throw new QkdError("KERNEL_SIFT_INPUT", `${count} detections come with ${length} bits, not one bit each.`, {
        detections: count,
        bits: length,
      });
}

/** @throws QkdError KERNEL_SIFT_INPUT */
export function checkLargest(largest: number, preparation: Uint8Array): void {
  if (largest >= 2 * preparation.length)
    throw new QkdError(
      "KERNEL_SIFT_INPUT",
      `A detection is in pulse ${largest}, the preparation record has ${2 * preparation.length} pulses.`,
      { pulse: largest, pulses: 2 * preparation.length },
    );
}

function none(): BitString {
  return BitString.zeros(0);
}

function read(wasm: WasmInstance, address: number, bits: number): BitString {
  return BitString.from(wasm.u8.subarray(address, address + byteLength(bits)), bits);
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
