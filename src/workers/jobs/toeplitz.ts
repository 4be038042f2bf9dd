/** One Toeplitz hash. Buffers come by transfer and go home zeroised. */
import { BitString } from "../../bits.js";
import { toeplitz } from "../../kernels/toeplitz.js";
import type { Job } from "../job.js";

export interface ToeplitzInput {
  readonly input: Uint8Array<ArrayBuffer>;
  readonly inputBits: number;
  readonly seed: Uint8Array<ArrayBuffer>;
  readonly seedBits: number;
  readonly outputBits: number;
}

export interface ToeplitzOutput {
  readonly bytes: Uint8Array;
}

export const toeplitzJob: Job<ToeplitzInput, ToeplitzOutput> = ({ wasm }, job) => {
  try {
    const input = BitString.adopt(job.input, job.inputBits);
    const hash = toeplitz(wasm, input, BitString.adopt(job.seed, job.seedBits), job.outputBits);
    return {
      output: { bytes: hash.bytes },
      transfer: [hash.bytes.buffer as ArrayBuffer],
      recycle: [job.input.buffer, job.seed.buffer],
    };
  } finally {
    job.input.fill(0);
    job.seed.fill(0);
  }
};
