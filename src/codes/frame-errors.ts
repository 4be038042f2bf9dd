/**
 * Frame error rate of a code under a decoder, by counting: seeded error patterns on the all-zero word, which stands for
 * every word since code and channel are symmetric. Frame i of a code at an error rate is the same in every run.
 */
import { BitString } from "../bits.js";
import type { DecodeOptions, DecodeResult } from "../kernels/ldpc-options.js";
import { Generator } from "../simulate/generator.js";
import type { LdpcCode } from "./code.js";

export interface CurvePoint {
  readonly qber: number;
  readonly frames: number;
  /** Frames that did not come back as the right word. */
  readonly failures: number;
  /** Mean and standard deviation over those that did. */
  readonly iterations: number;
  readonly spread: number;
}

export type Decoder = (code: LdpcCode, word: BitString, syndrome: BitString, options: DecodeOptions) => DecodeResult;

export interface Trials {
  readonly qber: number;
  readonly frames: number;
  /** Ends early once so many have failed. */
  readonly failures?: number;
}

/** Of the measured curves: one attempt of the tight arithmetic. */
export const measured: Omit<DecodeOptions, "qber"> = { arithmetic: "tight", maxIterations: 60, effort: "once" };

export function frameErrors(code: LdpcCode, decode: Decoder, trials: Trials, options = measured): CurvePoint {
  const { qber, frames, failures: most = frames } = trials;
  const right = BitString.zeros(code.m);
  let [ran, failures, sum, squares] = [0, 0, 0, 0];
  for (; ran < frames && failures < most; ran++) {
    const result = decode(code, errorPattern(code, qber, ran), right, { ...options, qber });
    if (result.ok && result.word.bytes.every((byte) => byte === 0)) {
      sum += result.iterations;
      squares += result.iterations ** 2;
    } else failures++;
  }
  const iterations = sum / Math.max(1, ran - failures);
  const spread = Math.sqrt(Math.max(0, squares / Math.max(1, ran - failures) - iterations ** 2));
  return { qber, frames: ran, failures, iterations, spread };
}

/** Each bit is wrong with probability `qber`; gaps between errors are geometric. */
function errorPattern({ id, n }: LdpcCode, qber: number, frame: number): BitString {
  const draw = new Generator(frame, `errors ${id} ${qber}`);
  const word = BitString.zeros(n);
  const scale = 1 / Math.log1p(-qber);
  for (let at = Math.floor(Math.log(draw.uniform()) * scale); at < n; ) {
    word.bytes[at >>> 3]! |= 1 << (at & 7);
    at += 1 + Math.floor(Math.log(draw.uniform()) * scale);
  }
  return word;
}
