/** Toeplitz hash of n bits to n/2: the WASM kernel beside plain TypeScript that XORs seed windows in 32-bit words. */
import { BitString } from "../bits.js";
import type { BenchRow } from "../cli/bench.js";
import { loadKernels } from "../kernels/index.js";
import { type BenchOptions, fill, generator, measure } from "./harness.js";

export async function amplify({ seconds, seed: start }: BenchOptions): Promise<BenchRow[]> {
  const kernels = await loadKernels();
  const draw = generator(start);
  const cases = [14, 16, 18, 20].flatMap((log) => {
    const n = 2 ** log;
    const input = BitString.from(fill(n / 8, draw));
    const seed = BitString.from(fill((3 * n) / 16, draw), n + n / 2 - 1);
    const fast = kernels.toeplitz(input, seed, n / 2);
    if (log === 14 && Buffer.compare(fast.bytes, plain(input, seed, n / 2).bytes) !== 0)
      throw new Error("the baseline computes another hash");
    const common = { unit: "Mbit/s", work: n / 1e6, parameters: { n, outputBits: n / 2 } };
    return [
      { name: `amplify 2^${log} wasm`, ...common, run: () => kernels.toeplitz(input, seed, n / 2) },
      { name: `amplify 2^${log} plain`, ...common, run: () => plain(input, seed, n / 2) },
    ];
  });
  return measure(cases, seconds);
}

/** y = ⊕ over set bits j of x of the ℓ seed bits from n − 1 − j on; 32 shifted seeds make each window whole words. */
function plain(input: BitString, seed: BitString, outputBits: number): BitString {
  const n = input.length;
  const words = outputBits / 32;
  const shifted = Array.from({ length: 32 }, (_, r) => {
    const { bytes } = seed.slice(r);
    const out = new Uint32Array(Math.ceil(bytes.length / 4) + 1);
    new Uint8Array(out.buffer).set(bytes);
    return out;
  });
  const out = new Uint32Array(words);
  for (let j = 0; j < n; j++) {
    if (!input.get(j)) continue;
    const at = n - 1 - j;
    const source = shifted[at & 31]!;
    const from = at >>> 5;
    for (let i = 0; i < words; i++) out[i]! ^= source[from + i]!;
  }
  return BitString.adopt(new Uint8Array(out.buffer), outputBits);
}
