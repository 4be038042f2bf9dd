/**
 * A block's bits as frames of a code and back: byte j of the block goes to frame j mod frames, so that bursts and drifts
 * spread evenly. What a code word has beyond a frame's bits is its end: shortened, zero at both ends.
 */
import { type BitString, byteLength } from "../../bits.js";
import type { FramePlan } from "../../codes/adapt.js";

/** Key bits of frame f. */
export function realBits(f: number, { bits, frames }: FramePlan): number {
  const bytes = byteLength(bits);
  const own = Math.floor((bytes - f + frames - 1) / frames);
  return own * 8 - (f === (bytes - 1) % frames ? bytes * 8 - bits : 0);
}

/** Packed code words. */
export function toFrames({ bytes }: BitString, { frames, n }: FramePlan): Uint8Array<ArrayBuffer>[] {
  const length = bytes.length;
  return Array.from({ length: frames }, (_, f) => {
    const out = new Uint8Array(byteLength(n));
    for (let at = f, to = 0; at < length; at += frames) out[to++] = bytes[at]!;
    return out;
  });
}

/** Writes a frame's key bits to their places in the block. */
export function fromFrame({ bytes }: BitString, frame: Uint8Array, f: number, { frames }: FramePlan): void {
  const length = bytes.length;
  for (let at = f, from = 0; at < length; at += frames) bytes[at] = frame[from++]!;
}

/** Pre-agreed order of a frame's key bits, each once: what one-way accounting reveals, spread over the frame. */
export function agreedPlaces(real: number, from: number, count: number): Uint32Array {
  let step = Math.max(1, Math.floor(real * 0.618));
  while (gcd(step, real) !== 1) step++;
  // Exact: both factors are below 2^26.
  return Uint32Array.from({ length: Math.max(0, Math.min(count, real - from)) }, (_, j) => ((from + j) * step) % real);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
