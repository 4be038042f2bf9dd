/** What an LDPC decoder is asked and answers, and the checks of what it is given; the same for kernel and twin. */
import { type BitString, byteLength } from "../bits.js";
import type { LdpcCode } from "../codes/code.js";
import { QkdError } from "../errors.js";

export const defaultIterations = 60;
export const defaultPatience = 12;

export interface DecodeOptions {
  /** Expected share of wrong bits, 0 … 0.5. */
  readonly qber: number;
  readonly maxIterations?: number;
  /** Quasi-cyclic path: iterations without progress after which an attempt is given up. */
  readonly patience?: number;
  /** Positions of which `word` says nothing. */
  readonly punctured?: Uint32Array;
  /** Positions whose right value is known. */
  readonly known?: { readonly positions: Uint32Array; readonly values: BitString };
  /** Where decoding fails on the quasi-cyclic path: this many positions that the decoder is least sure of. */
  readonly weakest?: number;
  /** Quasi-cyclic path: `tight` (A-min*, default) or `fast` (normalised min-sum). */
  readonly arithmetic?: "tight" | "fast";
  /**
   * What the quasi-cyclic path tries on a frame that its first attempt misses, besides `tight` after `fast`: on short
   * frames the other arithmetic as well (`int8`), then floating point too (`every-way`, default); or nothing (`once`):
   * floating point costs more than the disclosure that it saves.
   */
  readonly effort?: "every-way" | "int8" | "once";
  /** Quasi-cyclic path, `tight`: where decoding fails, keep the decoder's state for another call. */
  readonly keepState?: boolean;
  /**
   * State of an earlier call on the same word and syndrome: goes on from there, with more positions known. A state that is
   * kept again takes its memory.
   */
  readonly state?: Uint8Array<ArrayBuffer>;
}

export interface DecodeResult {
  readonly ok: boolean;
  readonly word: BitString;
  /** Of all attempts. */
  readonly iterations: number;
  /** Bits in which `word` and Bob's word differ. */
  readonly corrected: number;
  /** Checks that `word` as given fails: they tell the error rate before anything is decoded. */
  readonly failing: number;
  readonly weakest?: Uint32Array;
  /** As secret as the word: to be zeroised. Absent where going on from it is worse than a new start. */
  readonly state?: Uint8Array<ArrayBuffer>;
}

/** What a decoder found, before the error pattern is put on Bob's word. */
export interface Found extends Omit<DecodeResult, "word" | "failing"> {
  readonly pattern: BitString;
}

/** @throws QkdError KERNEL_CODE_MISMATCH, KERNEL_OPTION_INVALID */
export function checkDecode(code: LdpcCode, word: BitString, target: BitString, options: DecodeOptions): void {
  checkLength("word", word, code.n);
  checkLength("syndrome", target, code.m);
  const { qber, maxIterations = defaultIterations, punctured, known } = options;
  if (!(qber >= 0 && qber <= 0.5))
    throw new QkdError("KERNEL_OPTION_INVALID", `A QBER of ${qber} is not in 0 … 0.5.`, { qber });
  if (!Number.isSafeInteger(maxIterations) || maxIterations < 1 || maxIterations > 10_000)
    throw new QkdError("KERNEL_OPTION_INVALID", `${maxIterations} iterations are not in 1 … 10000.`, { maxIterations });
  for (const positions of [punctured, known?.positions]) if (positions) checkPositions(positions, code.n);
  if (known && known.values.length !== known.positions.length)
    throw new QkdError("KERNEL_CODE_MISMATCH", "There are not as many known values as positions.");
}

function checkPositions(positions: Uint32Array, n: number): void {
  const seen = new Uint8Array(byteLength(n));
  for (const position of positions) {
    const repeated = (seen[position >>> 3]! >>> (position & 7)) & 1;
    if (position >= n || repeated)
      throw new QkdError(
        "KERNEL_CODE_MISMATCH",
        `Position ${position} is ${position >= n ? "beyond the word" : "repeated"}.`,
        { position, n },
      );
    seen[position >>> 3]! |= 1 << (position & 7);
  }
}

export function checkLength(what: string, bits: BitString, length: number): void {
  if (bits.length !== length)
    throw new QkdError("KERNEL_CODE_MISMATCH", `The ${what} has ${bits.length} bits, the code needs ${length}.`, {
      what,
      got: bits.length,
      expected: length,
    });
}
