/** Privacy amplification on an executor: one block, one job. */
import { BitString } from "../bits.js";
import { checkToeplitz } from "../kernels/toeplitz.js";
import type { Executor } from "./executor.js";

/** @throws QkdError KERNEL_SEED_LENGTH, KERNEL_OUTPUT_LENGTH, KERNEL_OUT_OF_MEMORY, ENGINE_* */
export async function toeplitz(
  executor: Executor,
  input: BitString,
  seed: BitString,
  outputBits: number,
): Promise<BitString> {
  checkToeplitz(input, seed, outputBits);
  const copy = (bits: BitString) => {
    const bytes = executor.buffers.take(bits.bytes.length);
    bytes.set(bits.bytes);
    return bytes;
  };
  const [inputBytes, seedBytes] = [copy(input), copy(seed)];
  const { bytes } = await executor.run(
    "toeplitz",
    { input: inputBytes, inputBits: input.length, seed: seedBytes, seedBits: seed.length, outputBits },
    { transfer: [inputBytes.buffer, seedBytes.buffer] },
  );
  return BitString.adopt(bytes, outputBits);
}
