/** Positions of bits that both ends name alike, and the bits there. */
import { BitString } from "../bits.js";

/** Pre-agreed order of `length` positions, each once, spread evenly over them all: the next `count` from `from` on. */
export function agreedPlaces(length: number, from: number, count: number): Uint32Array {
  let step = Math.max(1, Math.floor(length * 0.618));
  while (gcd(step, length) !== 1) step++;
  // Exact: the product stays below 2^53.
  return Uint32Array.from(
    { length: Math.max(0, Math.min(count, length - from)) },
    (_, j) => ((from + j) * step) % length,
  );
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The packed bits at these places. */
export function bitsAt(word: Uint8Array, places: Uint32Array): BitString {
  const out = BitString.zeros(places.length);
  places.forEach((place, i) => {
    out.bytes[i >>> 3]! |= ((word[place >>> 3]! >>> (place & 7)) & 1) << (i & 7);
  });
  return out;
}
