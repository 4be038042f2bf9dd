/**
 * Syndromes and syndrome decoding on an instance: quasi-cyclic codes with circulants in whole vectors on the SIMD path,
 * every other matrix on the general one. `ok` only where H·word = syndrome.
 */
import { BitString, countOnes } from "../bits.js";
import type { LdpcCode, QuasiCyclic } from "../codes/code.js";
import { decodeGeneral, sparseSyndrome } from "./ldpc-general.js";
import { decodeLayered, isVector, layerTable } from "./ldpc-layered.js";
import { checkDecode, checkLength, type DecodeOptions, type DecodeResult, type Found } from "./ldpc-options.js";
import type { WasmInstance } from "./wasm.js";

/** H·word. @throws QkdError KERNEL_CODE_MISMATCH */
export function syndrome(wasm: WasmInstance, code: LdpcCode, word: BitString): BitString {
  checkLength("word", word, code.n);
  const base = code.quasiCyclic;
  if (!isVector(base)) return sparseSyndrome(code, word);
  const table = layerTable(wasm, code, base);
  const bytes = base.lifting / 8;
  return wasm.scratch((alloc) => {
    const packed = alloc(word.bytes.length);
    const doubled = alloc(base.columns * (2 * bytes + 16) + 80);
    const out = alloc(base.rows * bytes + 60);
    wasm.u8.set(word.bytes, packed);
    wasm.exports.ldpcSyndrome(table, base.rows, base.columns, base.lifting, packed, doubled, out);
    return BitString.from(wasm.u8.subarray(out, out + base.rows * bytes), code.m);
  });
}

/** @throws QkdError KERNEL_CODE_MISMATCH, KERNEL_OPTION_INVALID */
export function decode(
  wasm: WasmInstance,
  code: LdpcCode,
  word: BitString,
  target: BitString,
  options: DecodeOptions,
): DecodeResult {
  checkDecode(code, word, target, options);
  const wanted = xorInto(syndrome(wasm, code, word), target);
  const base = code.quasiCyclic;
  const noPuncturing = !options.punctured || options.punctured.length === 0;
  const found =
    isVector(base) && noPuncturing
      ? decodeInTurn(wasm, code, base, word, wanted, options)
      : decodeGeneral(wasm, code, word, wanted, options);
  const failing = countOnes(wanted);
  wanted.zeroise();
  const { pattern, ...rest } = found;
  return { ...rest, word: xorInto(pattern, word), failing };
}

/** Frames up to this length are worth every way there is: more disclosure costs them most. */
const shortFrame = 32_768;

/** The SIMD decoder; what the fast arithmetic misses, by the tight one; short frames, by both and then in floating point. */
function decodeInTurn(
  wasm: WasmInstance,
  code: LdpcCode,
  base: QuasiCyclic,
  word: BitString,
  target: BitString,
  options: DecodeOptions,
): Found {
  const fast = options.arithmetic === "fast";
  const effort = code.n <= shortFrame ? (options.effort ?? "every-way") : "once";
  const most = { once: fast ? 2 : 1, int8: 2, "every-way": 3 }[effort];
  const ways = [
    () => decodeLayered(wasm, code, base, word, target, options),
    () => decodeLayered(wasm, code, base, word, target, { ...options, arithmetic: fast ? "tight" : "fast" }),
    () => decodeGeneral(wasm, code, word, target, options),
  ];
  let iterations = 0;
  let first: Found | undefined;
  for (const way of ways.slice(0, most)) {
    const found = way();
    iterations += found.iterations;
    if (found.ok) return { ...found, iterations };
    first ??= found;
  }
  return { ...first!, iterations };
}

function xorInto(a: BitString, b: BitString): BitString {
  const [to, from] = [a.bytes, b.bytes];
  const words = from.byteOffset % 4 === 0 && to.byteOffset % 4 === 0 ? to.length >>> 2 : 0;
  const wide = new Uint32Array(to.buffer, words ? to.byteOffset : 0, words);
  const other = new Uint32Array(from.buffer, words ? from.byteOffset : 0, words);
  for (let i = 0; i < words; i++) wide[i]! ^= other[i]!;
  for (let i = words * 4; i < to.length; i++) to[i]! ^= from[i]!;
  return a;
}
