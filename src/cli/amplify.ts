/** `qkd-distill amplify`: one Toeplitz hash of a file. */
import type { Command } from "commander";
import { BitString } from "../bits.js";
import { QkdError } from "../errors.js";
import { PoolExecutor } from "../workers/executor.js";
import { toeplitz } from "../workers/toeplitz.js";
import { readBytes, writeWhole } from "./files.js";
import { answerWith, numberOption } from "./output.js";

interface Flags {
  input: string;
  bits: number;
  seed: string;
  outputBits: number;
  out: string;
}

export function register(program: Command): void {
  const command = program
    .command("amplify")
    .description("one Toeplitz hash: y_i = ⊕_j s_{i−j+n−1} x_j, seed of n + l − 1 bits")
    .requiredOption("--input <file>", "packed bits")
    .requiredOption("--bits <n>", "bits of the input", numberOption("--bits", { min: 0, integer: true }))
    .requiredOption("--seed <file>", "packed bits, n + l − 1 of them")
    .requiredOption("--output-bits <l>", "bits of the hash", numberOption("--output-bits", { min: 0, integer: true }))
    .requiredOption("--out <file>", "where the hash goes, mode 0600");
  answerWith(command, async ({ input, bits, seed, outputBits, out }: Flags) => {
    const x = await bitsOf(input, bits);
    const s = await bitsOf(seed, Math.max(0, bits + outputBits - 1));
    const executor = new PoolExecutor(1);
    try {
      const began = performance.now();
      const hash = await toeplitz(executor, x, s, outputBits);
      const seconds = (performance.now() - began) / 1000;
      await writeWhole(out, hash.bytes);
      const json = { bits, outputBits, out, seconds, mbitPerSecond: bits / seconds / 1e6 };
      return { json, text: `${outputBits} bits in ${out}, ${seconds.toFixed(3)} s` };
    } finally {
      await executor.close();
    }
  });
}

async function bitsOf(file: string, bits: number): Promise<BitString> {
  const bytes = await readBytes(file);
  if (bytes.length * 8 < bits)
    throw new QkdError("USAGE_INVALID", `${file} holds ${bytes.length * 8} bits, ${bits} are needed.`, {
      file,
      needed: bits,
    });
  return BitString.from(bytes, bits);
}
