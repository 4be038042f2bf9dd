/**
 * Syndrome decoding as the textbooks have it: flooding sum-product in float64 (Kschischang, Frey, Loeliger, IEEE Trans.
 * Inf. Theory 47, 498 (2001)), the tanh rule with its products forward and backward over a row, damped on a second and
 * third attempt.
 */
import { BitString, countOnes, xorBits } from "../../bits.js";
import type { LdpcCode } from "../../codes/code.js";
import { checkDecode, type DecodeOptions, type DecodeResult } from "../ldpc-options.js";

export function syndrome(code: LdpcCode, word: BitString): BitString {
  const out = BitString.zeros(code.m);
  for (let row = 0; row < code.m; row++) {
    let parity = 0;
    for (const column of code.columns.subarray(code.rowStart[row], code.rowStart[row + 1])) parity ^= word.get(column);
    if (parity) out.bytes[row >>> 3]! |= 1 << (row & 7);
  }
  return out;
}

export function decode(code: LdpcCode, word: BitString, target: BitString, options: DecodeOptions): DecodeResult {
  checkDecode(code, word, target, options);
  const iterations = options.maxIterations ?? 60;
  const failing = countOnes(xorBits(syndrome(code, word), target));
  for (const damping of [1, 0.7, 0.5]) {
    const found = flood(code, word, target, options, iterations, damping);
    if (found) return { ...found, failing };
  }
  return { ok: false, word, iterations, corrected: 0, failing };
}

function flood(
  code: LdpcCode,
  word: BitString,
  target: BitString,
  options: DecodeOptions,
  iterations: number,
  damping: number,
): Omit<DecodeResult, "failing"> | undefined {
  const { n, m, rowStart, columns } = code;
  const qber = Math.min(0.499, Math.max(1e-4, options.qber));
  const prior = Float64Array.from({ length: n }, (_, i) => (word.get(i) ? -1 : 1) * Math.log((1 - qber) / qber));
  for (const position of options.punctured ?? []) prior[position] = 0;
  options.known?.positions.forEach((position, i) => {
    prior[position] = options.known!.values.get(i) ? -100 : 100;
  });
  const toCheck = Float64Array.from(columns, (column) => prior[column]!);
  const toBit = new Float64Array(columns.length);
  /** Of a row's tanh, the product over the edges before this one. */
  const ahead = new Float64Array(columns.length);
  for (let iteration = 1; iteration <= iterations; iteration++) {
    for (let row = 0; row < m; row++) {
      const [from, to] = [rowStart[row]!, rowStart[row + 1]!];
      let before = target.get(row) ? -1 : 1;
      for (let e = from; e < to; e++) {
        ahead[e] = before;
        before *= Math.tanh(toCheck[e]! / 2);
      }
      let after = 1;
      for (let e = to - 1; e >= from; e--) {
        const product = ahead[e]! * after;
        const fresh = 2 * Math.atanh(Math.max(-1 + 1e-15, Math.min(1 - 1e-15, product)));
        after *= Math.tanh(toCheck[e]! / 2);
        toBit[e] = damping * fresh + (1 - damping) * toBit[e]!;
      }
    }
    const belief = prior.slice();
    columns.forEach((column, e) => {
      belief[column]! += toBit[e]!;
    });
    columns.forEach((column, e) => {
      toCheck[e] = belief[column]! - toBit[e]!;
    });
    const guess = BitString.zeros(n);
    belief.forEach((value, i) => {
      if (value < 0) guess.bytes[i >>> 3]! |= 1 << (i & 7);
    });
    if (syndrome(code, guess).bytes.every((byte, i) => byte === target.bytes[i])) {
      let corrected = 0;
      for (let i = 0; i < n; i++) corrected += guess.get(i) ^ word.get(i);
      return { ok: true, word: guess, iterations: iteration, corrected };
    }
  }
  return undefined;
}
