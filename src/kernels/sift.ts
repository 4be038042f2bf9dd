/**
 * Sifting of one block (FORMULAS.md 9): which detections had equal bases, their bits by basis, counts by intensity.
 *
 *   same = ¬(a ⊕ b),   key = same ∧ (a = key basis),   check = same ∧ ¬key
 *
 * A preparation holds a pulse in four bits, two pulses a byte, the even one low: bit 0 bit, bit 1 basis (1 = X),
 * bits 2–3 intensity. Slots are u32 pulse indices within that preparation, in any order. Kernel: assembly/sift.ts. On a
 * sparse link the record is the cost: in time order, only the stretch under the next detections is brought to the kernel,
 * and stays in the cache.
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

/** Detections a step, a multiple of 64. */
const step = 4096;
const leastWindow = 65536;

/** @throws QkdError KERNEL_SIFT_INPUT, KERNEL_OUT_OF_MEMORY */
export function siftAlice(wasm: WasmInstance, input: AliceSiftInput): AliceSift {
  checkLengths(input.slots.length, [input.bobBasis]);
  const { preparation, slots, bobBasis, keyBasis } = input;
  const count = slots.length;
  const words = Math.ceil(count / 64);
  if (count === 0) return { same: none(), key: none(), check: none(), nKey: [0, 0, 0, 0], nCheck: [0, 0, 0, 0] };
  return wasm.scratch((alloc) => {
    const [at, range, counts] = [alloc(step * 4), alloc(8), alloc(32)];
    const [bases, same] = [alloc(words * 8), alloc(words * 8)];
    const [key, check] = [alloc(words * 8 + 8), alloc(words * 8 + 8)];
    const record = recordWindow(wasm, alloc, preparation, count);
    wasm.u8.set(bobBasis.bytes, bases);
    wasm.exports.siftBegin(key, check);
    try {
      for (let from = 0; from < count; from += step) {
        const part = slots.subarray(from, from + step);
        const to = new Uint32Array(wasm.u8.buffer, at, step);
        to.set(part);
        const padded = Math.ceil(part.length / 64) * 64;
        to.fill(part[0]!, part.length, padded);
        wasm.exports.siftRange(at, padded, range);
        const [first, last] = new Uint32Array(wasm.u8.buffer, range, 2) as unknown as [number, number];
        checkLargest(last, preparation);
        const pulses = record(first >>> 1, (last >>> 1) + 1);
        wasm.exports.siftAlice(pulses, at, bases + from / 8, part.length, keyBasis, same + from / 8, counts);
      }
    } finally {
      wasm.exports.siftEnd();
    }
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
    wasm.exports.siftBegin(key, check);
    wasm.exports.siftBob(bits, bases, mask, count, keyBasis, counts);
    wasm.exports.siftEnd();
    const [inKey, inCheck] = new Uint32Array(wasm.u8.buffer, counts, 2) as unknown as [number, number];
    return { key: read(wasm, key, inKey), check: read(wasm, check, inCheck) };
  });
}

/**
 * Brings bytes [start, end) of the record into memory and says where byte 0 would be. A window of twice the mean stretch
 * is used over and over; detections so far out of order that this would copy much twice have the whole record brought.
 */
function recordWindow(
  wasm: WasmInstance,
  alloc: (bytes: number) => number,
  preparation: Uint8Array,
  count: number,
): (start: number, end: number) => number {
  const mean = Math.ceil((preparation.length * step) / count);
  const windowBytes = Math.min(preparation.length, Math.max(leastWindow, 2 * mean));
  const window = alloc(windowBytes);
  let whole: number | undefined;
  let copied = 0;
  return (start, end) => {
    copied += end - start;
    if (whole === undefined && (end - start > windowBytes || copied > 2 * preparation.length)) {
      whole = alloc(preparation.length);
      wasm.u8.set(preparation, whole);
    }
    if (whole !== undefined) return whole;
    wasm.u8.set(preparation.subarray(start, end), window);
    return window - start;
  };
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
