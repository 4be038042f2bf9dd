/** Noisy pairs of keys from a seed. */
import { BitString } from "../../src/bits.js";

export function noisyPair(bits: number, qber: number, seed: number) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const [a, b] = [BitString.zeros(bits), BitString.zeros(bits)];
  let errors = 0;
  for (let i = 0; i < bits; i++) {
    const bit = uniform() < 0.5 ? 1 : 0;
    const wrong = uniform() < qber ? 1 : 0;
    errors += wrong;
    a.bytes[i >>> 3]! |= bit << (i & 7);
    b.bytes[i >>> 3]! |= (bit ^ wrong) << (i & 7);
  }
  return { a, b, errors };
}

export const entropy = (q: number) => (q <= 0 || q >= 1 ? 0 : -q * Math.log2(q) - (1 - q) * Math.log2(1 - q));
