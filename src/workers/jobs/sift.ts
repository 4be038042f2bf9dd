/** Compaction of one end's bits of a block into key, check and spare bits. */
import { BitString } from "../../bits.js";
import { siftBob } from "../../kernels/sift.js";
import type { Job } from "../job.js";

export interface SiftInput {
  readonly count: number;
  /** Packed: this end's bits and bases, slots kept, slots with equal bases that a dead time takes out. */
  readonly bit: Uint8Array;
  readonly basis: Uint8Array;
  readonly kept: Uint8Array;
  readonly spared: Uint8Array;
  readonly keyBasis: 0 | 1;
}

export interface SiftOutput {
  readonly key: Uint8Array;
  readonly keyBits: number;
  readonly check: Uint8Array;
  readonly checkBits: number;
  readonly spare: Uint8Array;
  readonly spareBits: number;
}

export const siftJob: Job<SiftInput, SiftOutput> = ({ wasm }, { count, keyBasis, ...packed }) => {
  const bits = (bytes: Uint8Array) => BitString.adopt(bytes, count);
  const bit = bits(packed.bit);
  const { key, check } = siftBob(wasm, { bit, basis: bits(packed.basis), same: bits(packed.kept), keyBasis });
  const oneBasis = BitString.zeros(count);
  const { key: spare } = siftBob(wasm, { bit, basis: oneBasis, same: bits(packed.spared), keyBasis: 0 });
  packed.bit.fill(0);
  return {
    output: {
      key: key.bytes,
      keyBits: key.length,
      check: check.bytes,
      checkBits: check.length,
      spare: spare.bytes,
      spareBits: spare.length,
    },
    transfer: [key, check, spare].map(({ bytes }) => bytes.buffer as ArrayBuffer),
  };
};
