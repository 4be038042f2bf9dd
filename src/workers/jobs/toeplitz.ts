/** One Toeplitz hash of any shape (a block, or a column piece of one). Buffers come by transfer and go home zeroised. */
import { BitString } from "../../bits.js";
import { hashRectangle, type ToeplitzForm, toeplitz } from "../../kernels/toeplitz.js";
import type { Job } from "../job.js";

export interface ToeplitzInput {
  readonly input: Uint8Array<ArrayBuffer>;
  readonly inputBits: number;
  readonly seed: Uint8Array<ArrayBuffer>;
  readonly seedBits: number;
  readonly outputBits: number;
  /** `piece`: some columns of T, perhaps fewer than rows; lengths were checked for the whole block. */
  readonly form: ToeplitzForm | "piece";
}

export interface ToeplitzOutput {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export const toeplitzJob: Job<ToeplitzInput, ToeplitzOutput> = ({ wasm }, job) => {
  try {
    const input = BitString.adopt(job.input, job.inputBits);
    const seed = BitString.adopt(job.seed, job.seedBits);
    const hash =
      job.form === "piece"
        ? hashRectangle(wasm, input, seed, job.outputBits)
        : toeplitz(wasm, input, seed, job.outputBits, job.form);
    const bytes = hash.bytes as Uint8Array<ArrayBuffer>;
    return { output: { bytes }, transfer: [bytes.buffer], recycle: [job.input.buffer, job.seed.buffer] };
  } finally {
    job.input.fill(0);
    job.seed.fill(0);
  }
};
