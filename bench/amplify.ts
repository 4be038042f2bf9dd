/**
 * Toeplitz hash, in bits of input a second: the kernel in this thread, blocks at once on two workers, one block cut by
 * columns; beside them plain TypeScript, and gf2x and SciPy where the machine has them (adapters/).
 */
import { BitString } from "../bits.js";
import type { BenchRow } from "../cli/bench.js";
import { loadKernels } from "../kernels/index.js";
import { PoolExecutor } from "../workers/executor.js";
import { toeplitz } from "../workers/toeplitz.js";
import { Adapter } from "./adapter.js";
import { type BenchOptions, type Case, fill, generator, measure } from "./harness.js";

const logs = Array.from({ length: 11 }, (_, i) => 17 + i);
const shares = [0.1, 0.3, 0.5, 0.9];
/** At ℓ = n/2 only: what takes seconds a hash would leave the others no time. */
const baselines = { plain: 17, gf2x: 26, scipy: 23 };

export async function amplify({ seconds, seed: start }: BenchOptions): Promise<BenchRow[]> {
  const kernels = await loadKernels();
  const draw = generator(start);
  const pool = new PoolExecutor(2);
  const [gf2x, scipy] = [Adapter.gf2x(), Adapter.scipy()];
  const rows: BenchRow[] = [];
  try {
    for (const log of logs) {
      const n = 2 ** log;
      const input = BitString.from(fill(n / 8, draw));
      const whole = BitString.from(fill(n / 4, draw));
      const cases = shares.flatMap((share): Case[] => {
        const outputBits = Math.round(n * share);
        const seed = whole.slice(0, n + outputBits - 1);
        const common = { unit: "Mbit/s", work: n / 1e6, parameters: { n, outputBits } };
        const name = `amplify 2^${log} l=${share}n`;
        const onPool = (pieces?: number) => toeplitz(pool, input, seed, outputBits, pieces ? { pieces } : {});
        const shorter = whole.slice(0, n - 1);
        const modified = () => toeplitz(pool, input, shorter, outputBits, { form: "identity", pieces: 1 });
        const ours: Case[] = [
          { ...common, name: `${name} kernel`, run: () => kernels.toeplitz(input, seed, outputBits) },
          {
            ...common,
            name: `${name} two blocks on two workers`,
            work: (2 * n) / 1e6,
            workers: 2,
            run: () => Promise.all([onPool(1), onPool(1)]),
          },
          { ...common, name: `${name} one block on two workers`, workers: 2, run: () => onPool() },
          {
            ...common,
            name: `${name} [I | T], two blocks on two workers`,
            work: (2 * n) / 1e6,
            workers: 2,
            run: () => Promise.all([modified(), modified()]),
          },
        ];
        if (share !== 0.5) return ours;
        if (log <= baselines.plain)
          ours.push({ ...common, name: `${name} plain`, run: () => plain(input, seed, outputBits) });
        if (gf2x && log <= baselines.gf2x)
          ours.push({ ...common, name: `${name} gf2x (native)`, run: () => gf2x.time(n, outputBits) });
        if (scipy && log <= baselines.scipy)
          ours.push({ ...common, name: `${name} SciPy FFT`, run: () => scipy.time(n, outputBits) });
        return ours;
      });
      rows.push(...(await measure(cases, seconds / logs.length)));
    }
  } finally {
    gf2x?.close();
    scipy?.close();
    await pool.close();
  }
  return rows;
}

/** y = ⊕ over set bits j of x of the ℓ seed bits from n − 1 − j on; 32 shifted seeds make each window whole words. */
function plain(input: BitString, seed: BitString, outputBits: number): BitString {
  const n = input.length;
  const words = Math.ceil(outputBits / 32);
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
  return BitString.from(new Uint8Array(out.buffer, 0, Math.ceil(outputBits / 8)), outputBits);
}
