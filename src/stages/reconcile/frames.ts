/** A block's bits as frames of a code and back: bit i goes to frame i mod frames, so that bursts and drifts spread evenly. */
import { type BitString, byteLength } from "../../bits.js";
import { type FramePlan, placeOf } from "../../codes/adapt.js";

/** Packed code words, zeros on shortened positions. */
export function toFrames(word: BitString, plan: FramePlan): Uint8Array[] {
  return Array.from({ length: plan.frames }, (_, f) => {
    const real = plan.realBits(f);
    const out = new Uint8Array(byteLength(plan.n));
    for (let i = 0, at = f; i < real; i++, at += plan.frames) {
      const place = placeOf(i, real, plan.n);
      out[place >>> 3]! |= word.get(at) << (place & 7);
    }
    return out;
  });
}

/** Writes a frame's key bits to their places in the block. */
export function fromFrame(out: BitString, frame: Uint8Array, f: number, plan: FramePlan): void {
  const real = plan.realBits(f);
  for (let i = 0, at = f; i < real; i++, at += plan.frames) {
    const place = placeOf(i, real, plan.n);
    const bit = (frame[place >>> 3]! >>> (place & 7)) & 1;
    if (bit) out.bytes[at >>> 3]! |= 1 << (at & 7);
    else out.bytes[at >>> 3]! &= ~(1 << (at & 7));
  }
}

/** Positions of a frame that hold no key bit: zero at both ends. */
export function shortened(f: number, plan: FramePlan): Uint32Array {
  const real = plan.realBits(f);
  const out = new Uint32Array(plan.n - real);
  let [at, next] = [0, 0];
  for (let i = 0; i < real; i++) {
    const place = placeOf(i, real, plan.n);
    while (next < place) out[at++] = next++;
    next++;
  }
  while (next < plan.n) out[at++] = next++;
  return out;
}

/** Pre-agreed order of a frame's key bits, each once: what one-way accounting reveals, spread over the frame. */
export function agreedPlaces(f: number, plan: FramePlan, from: number, count: number): Uint32Array {
  const real = plan.realBits(f);
  let step = Math.max(1, Math.floor(real * 0.618));
  while (gcd(step, real) !== 1) step++;
  const size = Math.max(0, Math.min(count, real - from));
  return Uint32Array.from({ length: size }, (_, j) =>
    placeOf(Number((BigInt(from + j) * BigInt(step)) % BigInt(real)), real, plan.n),
  );
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
