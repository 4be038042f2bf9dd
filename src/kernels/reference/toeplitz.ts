/** Toeplitz hash as it is defined, word by word: for every set bit of x, the seed window above it is added. Quadratic. */
import { BitString } from "../../bits.js";
import { checkToeplitz } from "../toeplitz.js";

export function toeplitz(input: BitString, seed: BitString, outputBits: number): BitString {
  checkToeplitz(input.length, seed.length, outputBits);
  const n = input.length;
  const out = BitString.zeros(outputBits);
  for (let j = 0; j < n; j++) {
    if (!input.get(j)) continue;
    const window = seed.slice(n - 1 - j, n - 1 - j + outputBits).bytes;
    for (let i = 0; i < window.length; i++) out.bytes[i]! ^= window[i]!;
  }
  return out;
}
