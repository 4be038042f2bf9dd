/** One private WASM instance in this thread; synchronous after loading (CONTRACT.md, "Library"). */
import type { BitString } from "../bits.js";
import type { LdpcCode } from "../codes/code.js";
import { decode, syndrome } from "./ldpc.js";
import type { DecodeOptions, DecodeResult } from "./ldpc-options.js";
import * as referenceLdpc from "./reference/ldpc.js";
import * as referenceSift from "./reference/sift.js";
import { toeplitz as referenceToeplitz } from "./reference/toeplitz.js";
import { type AliceSift, type AliceSiftInput, type BobSift, type BobSiftInput, siftAlice, siftBob } from "./sift.js";
import { toeplitz } from "./toeplitz.js";
import { WasmInstance } from "./wasm.js";

export type { AliceSift, AliceSiftInput, BobSift, BobSiftInput, DecodeOptions, DecodeResult };

export interface KernelFunctions {
  /** y_i = ⊕_j s_{i−j+n−1} x_j; the seed has n + ℓ − 1 bits. @throws QkdError KERNEL_* */
  toeplitz(input: BitString, seed: BitString, outputBits: number): BitString;
  /** H·word. @throws QkdError KERNEL_CODE_MISMATCH */
  syndrome(code: LdpcCode, word: BitString): BitString;
  /**
   * @param word Bob's noisy word @param syndrome H·(Alice's word)
   * @returns an estimate of Alice's word; `ok` only if H·word = syndrome. A failure is a result.
   */
  decode(code: LdpcCode, word: BitString, syndrome: BitString, options: DecodeOptions): DecodeResult;
  /** Alice's half of sifting: equal bases, bits by basis, counts by intensity. @throws QkdError KERNEL_SIFT_INPUT */
  siftAlice(input: AliceSiftInput): AliceSift;
  /** Bob's half, under the mask Alice sent. @throws QkdError KERNEL_SIFT_INPUT */
  siftBob(input: BobSiftInput): BobSift;
}

export interface Kernels extends KernelFunctions {
  /** The same in plain TypeScript. */
  readonly reference: KernelFunctions;
}

export async function loadKernels(): Promise<Kernels> {
  const wasm = new WasmInstance();
  return {
    toeplitz: (input, seed, outputBits) => toeplitz(wasm, input, seed, outputBits),
    syndrome: (code, word) => syndrome(wasm, code, word),
    decode: (code, word, target, options) => decode(wasm, code, word, target, options),
    siftAlice: (input) => siftAlice(wasm, input),
    siftBob: (input) => siftBob(wasm, input),
    reference: { toeplitz: referenceToeplitz, ...referenceLdpc, ...referenceSift },
  };
}
