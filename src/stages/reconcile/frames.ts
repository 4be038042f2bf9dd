/**
 * A block's bits as frames of a code and back: the j-th 128 bits of the block go to frame j mod frames, so that bursts and
 * drifts spread evenly. What a code word has beyond a frame's bits is its end: shortened, zero at both ends.
 */
import { BitString, byteLength } from "../../bits.js";
import { type FramePlan, frameUnit } from "../../codes/adapt.js";

const unitWords = frameUnit / 32;

/** Key bits of frame f. */
export function realBits(f: number, { bits, frames }: FramePlan): number {
  const units = Math.ceil(bits / frameUnit);
  const own = Math.floor((units - f + frames - 1) / frames);
  return own * frameUnit - (f === (units - 1) % frames ? units * frameUnit - bits : 0);
}

/** Packed code words. */
export function toFrames({ bytes }: BitString, { frames, n }: FramePlan): Uint8Array<ArrayBuffer>[] {
  const block = new Uint32Array(Math.ceil(bytes.length / 16) * unitWords);
  new Uint8Array(block.buffer).set(bytes);
  const words = Array.from({ length: frames }, (_, f) => {
    const own = new Uint32Array(Math.ceil(n / frameUnit) * unitWords);
    for (let at = f * unitWords, to = 0; at < block.length; at += frames * unitWords, to += unitWords)
      for (let k = 0; k < unitWords; k++) own[to + k] = block[at + k]!;
    return new Uint8Array(own.buffer, 0, byteLength(n));
  });
  block.fill(0);
  return words;
}

/** The block again. @param words one packed code word a frame, in whole 32 bits; zeroised */
export function fromFrames(words: readonly Uint8Array[], { bits, frames }: FramePlan): BitString {
  const block = new Uint32Array(Math.ceil(bits / frameUnit) * unitWords);
  words.forEach((word, f) => {
    const own = new Uint32Array(word.buffer, word.byteOffset, word.length / 4);
    for (let at = f * unitWords, from = 0; at < block.length; at += frames * unitWords, from += unitWords)
      for (let k = 0; k < unitWords; k++) block[at + k] = own[from + k]!;
    own.fill(0);
  });
  return BitString.adopt(new Uint8Array(block.buffer), bits);
}
