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

/** A block whose frames are dealt and collected one by one, so that workers need not wait for the last of them. */
export class DealtBlock {
  private readonly block: Uint32Array<ArrayBuffer>;
  private ended = false;

  /** @param word dealt from; absent: filled by `collect` */
  constructor(
    private readonly plan: FramePlan,
    word?: BitString,
  ) {
    this.block = new Uint32Array(Math.ceil(plan.bits / frameUnit) * unitWords);
    if (word) new Uint8Array(this.block.buffer).set(word.bytes);
  }

  /** Frame f as a packed code word. */
  deal(f: number): Uint8Array<ArrayBuffer> {
    const own = new Uint32Array(Math.ceil(this.plan.n / frameUnit) * unitWords);
    copyUnits(this.block, f * unitWords, this.plan.frames * unitWords, own, 0, unitWords);
    return new Uint8Array(own.buffer, 0, byteLength(this.plan.n));
  }

  /** @param word packed code word of frame f, in whole 32 bits; zeroised */
  collect(f: number, word: Uint8Array): void {
    const own = new Uint32Array(word.buffer, word.byteOffset, word.length / 4);
    // A frame that is done after the block was given up goes nowhere.
    if (!this.ended) copyUnits(own, 0, unitWords, this.block, f * unitWords, this.plan.frames * unitWords);
    own.fill(0);
  }

  /** The block, on the memory that was collected into. */
  get word(): BitString {
    return BitString.adopt(new Uint8Array(this.block.buffer), this.plan.bits);
  }

  zeroise(): void {
    this.ended = true;
    this.block.fill(0);
  }
}

/** Every `step` words a unit, to every `toStep` words of the target, until either ends. */
function copyUnits(from: Uint32Array, at: number, step: number, to: Uint32Array, toAt: number, toStep: number): void {
  for (; at < from.length && toAt < to.length; at += step, toAt += toStep) {
    to[toAt] = from[at]!;
    to[toAt + 1] = from[at + 1]!;
    to[toAt + 2] = from[at + 2]!;
    to[toAt + 3] = from[at + 3]!;
  }
}
