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
    const { block, plan } = this;
    const own = new Uint32Array(Math.ceil(plan.n / frameUnit) * unitWords);
    const step = plan.frames * unitWords;
    for (let at = f * unitWords, to = 0; at < block.length; at += step, to += unitWords) {
      own[to] = block[at]!;
      own[to + 1] = block[at + 1]!;
      own[to + 2] = block[at + 2]!;
      own[to + 3] = block[at + 3]!;
    }
    return new Uint8Array(own.buffer, 0, byteLength(plan.n));
  }

  /** @param word packed code word of frame f, in whole 32 bits; zeroised */
  collect(f: number, word: Uint8Array): void {
    const { block, plan } = this;
    const own = new Uint32Array(word.buffer, word.byteOffset, word.length / 4);
    const step = plan.frames * unitWords;
    for (let at = f * unitWords, from = 0; at < block.length; at += step, from += unitWords) {
      block[at] = own[from]!;
      block[at + 1] = own[from + 1]!;
      block[at + 2] = own[from + 2]!;
      block[at + 3] = own[from + 3]!;
    }
    own.fill(0);
  }

  /** The block, on the memory that was collected into. */
  get word(): BitString {
    return BitString.adopt(new Uint8Array(this.block.buffer), this.plan.bits);
  }

  zeroise(): void {
    this.block.fill(0);
  }
}
