/** LDPC syndromes of frames of 2^18 bits, at the rates of 1, 3 and 5 % errors. */
import { BitString } from "../bits.js";
import type { BenchRow } from "../cli/bench.js";
import { loadCode } from "../codes/index.js";
import { loadKernels } from "../kernels/index.js";
import { type BenchOptions, fill, generator, measure } from "./harness.js";

export async function syndrome({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const kernels = await loadKernels();
  const draw = generator(seed);
  const cases = ["qc-256x1024-m23", "qc-256x1024-m56", "qc-256x1024-m82"].flatMap((id) => {
    const code = loadCode(id);
    const word = BitString.from(fill(code.n / 8, draw));
    const common = { unit: "Mbit/s", work: code.n / 1e6, parameters: { code: id, n: code.n, m: code.m } };
    return [
      { name: `syndrome ${id} wasm`, ...common, run: () => kernels.syndrome(code, word) },
      { name: `syndrome ${id} plain`, ...common, run: () => kernels.reference.syndrome(code, word) },
    ];
  });
  return measure(cases, seconds);
}
