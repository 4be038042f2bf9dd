/**
 * From sifted keys to secret ones in this process: both ends reconcile, verify and amplify, BBM92's finite key length,
 * blocks side by side. Beside it, as a row that is never measured, the fastest link published: 115.8 Mbit/s over 10 km
 * (Li et al., High-rate quantum key distribution exceeding 110 Mb/s, Nature Photonics 2023, arXiv:2307.02364).
 */
import { BitString, xorBits } from "../bits.js";
import type { BenchRow } from "../cli/bench.js";
import type { Engine } from "../engine.js";
import { systemRandom } from "../random.js";
import { secretKeyLength } from "../security/index.js";
import { amplifySeedBits } from "../stages/amplify.js";
import { verificationTagBits } from "../stages/verify.js";
import { type Case, fill } from "./harness.js";

const bits = 2 ** 23;
const blocks = 4;
const qber = 0.01;

export function distilled(engine: Engine, workers: number, draw: () => number): Case {
  const pairs = Array.from({ length: blocks }, () => {
    const alice = BitString.from(fill(bits / 8, draw));
    const errors = BitString.zeros(bits);
    for (let i = 0; i < bits; i++) if (draw() < qber * 2 ** 32) errors.bytes[i >>> 3]! |= 1 << (i & 7);
    return { alice, bob: xorBits(alice, errors) };
  });
  const parameters: Record<string, unknown> = { bits, blocks, qber, method: "cascade", accounting: "pattern-public" };
  const lengthFor = (leak: number) => {
    const checked = { n: bits, k: bits / 16, m: Math.round((bits / 16) * qber), leak, tag_bits: verificationTagBits };
    const input = { ...checked, eps_sec: 1e-9, eps_cor: 1e-15, pattern_public: true };
    return secretKeyLength({ proof: "tomamichel2012-bbm92", input }).ell ?? 0;
  };
  const distil = async ({ alice, bob }: { alice: BitString; bob: BitString }) => {
    const pair = await engine.reconcile({ alice, bob, qber, method: "cascade" });
    if (!pair.reconciled) throw new Error("a difference was left");
    const length = lengthFor(pair.leakedBits - verificationTagBits);
    const seedBits = amplifySeedBits(bits);
    const seed = BitString.adopt(systemRandom(Math.ceil(seedBits / 8)), seedBits);
    const keys = await Promise.all(
      [pair.alice, pair.bob].map((word) => engine.toeplitz(word, seed, length, { form: "identity" })),
    );
    if (Buffer.compare(keys[0]!.bytes, keys[1]!.bytes) !== 0) throw new Error("two keys");
    return length;
  };
  return {
    name: "sifted to secret, both ends, 1 %",
    unit: "Mbit/s of secret key",
    // Cascade's f varies in the third digit; the length of a typical leak stands for all.
    work: (blocks * lengthFor(Math.round(bits * 0.0838))) / 1e6,
    workers,
    parameters,
    warmUp: 4,
    async run() {
      const lengths = await Promise.all(pairs.map(distil));
      Object.assign(parameters, { secretBits: lengths.reduce((sum, length) => sum + length, 0) });
    },
  };
}

export const published: BenchRow = {
  name: "published over 10 km (arXiv:2307.02364), not measured",
  unit: "Mbit/s of secret key",
  median: 115.8,
  p10: 115.8,
  p90: 115.8,
  rounds: 0,
  workers: 0,
  parameters: { fixed: true, qber: null },
};
