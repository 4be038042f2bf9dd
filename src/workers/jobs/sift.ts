/** Compaction of one end's bits of a block into key and check bits, and those of either basis that a dead time takes out. */
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
  /** Taken out, of the key basis and of the check basis. */
  readonly lost: Uint8Array;
  readonly lostBits: number;
  readonly spare: Uint8Array;
  readonly spareBits: number;
}

export const siftJob: Job<SiftInput, SiftOutput> = ({ wasm }, { count, keyBasis, ...packed }) => {
  const bits = (bytes: Uint8Array) => BitString.adopt(bytes, count);
  const [bit, basis] = [bits(packed.bit), bits(packed.basis)];
  const { key, check } = siftBob(wasm, { bit, basis, same: bits(packed.kept), keyBasis });
  const { key: lost, check: spare } = siftBob(wasm, { bit, basis, same: bits(packed.spared), keyBasis });
  packed.bit.fill(0);
  return {
    output: {
      key: key.bytes,
      keyBits: key.length,
      check: check.bytes,
      checkBits: check.length,
      lost: lost.bytes,
      lostBits: lost.length,
      spare: spare.bytes,
      spareBits: spare.length,
    },
    transfer: [key, check, lost, spare].map(({ bytes }) => bytes.buffer as ArrayBuffer),
  };
};
