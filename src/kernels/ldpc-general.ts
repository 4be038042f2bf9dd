/** Every other matrix: sparse syndromes, and sum-product in floating point (assembly/ldpc/general.ts). */
import { BitString, countOnes } from "../bits.js";
import type { LdpcCode } from "../codes/code.js";
import { type DecodeOptions, defaultIterations, type Found } from "./ldpc-options.js";
import type { WasmInstance } from "./wasm.js";

/** Damping of each attempt: short irregular codes that swing under one settle under another. */
const dampings = [1, 0.6, 0.85, 0.4] as const;

export function decodeGeneral(
  wasm: WasmInstance,
  code: LdpcCode,
  word: BitString,
  target: BitString,
  options: DecodeOptions,
): Found {
  const { n, m, rowStart, columns } = code;
  const qber = Math.min(0.499, Math.max(1e-4, options.qber));
  const prior = Math.log((1 - qber) / qber);
  const widest = rowStart.reduce((most, start, r) => Math.max(most, (rowStart[r + 1] ?? start) - start), 0);
  return wasm.scratch((alloc) => {
    const starts = alloc((m + 1) * 4);
    const at = alloc(columns.length * 4);
    const l = alloc(n * 4);
    const r = alloc(columns.length * 4);
    const checks = alloc(m);
    const work = alloc(widest * 12 + 64);
    new Uint32Array(wasm.u8.buffer, starts, m + 1).set(rowStart);
    new Uint32Array(wasm.u8.buffer, at, columns.length).set(columns);
    for (let row = 0; row < m; row++) wasm.u8[checks + row] = target.get(row);
    const beliefs = new Float32Array(wasm.u8.buffer, l, n);
    let spent = 0;
    let ok = false;
    const most = options.maxIterations ?? defaultIterations;
    for (const damping of dampings) {
      beliefs.fill(prior);
      for (const position of options.punctured ?? []) beliefs[position] = 0;
      options.known?.positions.forEach((position, i) => {
        beliefs[position] = options.known!.values.get(i) !== word.get(position) ? -50 : 50;
      });
      wasm.u8.fill(0, r, r + columns.length * 4);
      const iterations = wasm.exports.ldpcDecodeGeneral(starts, at, m, l, r, checks, work, most, damping);
      ok = iterations >= 0;
      spent += ok ? iterations : most;
      if (ok) break;
    }
    const pattern = BitString.zeros(n);
    for (let i = 0; i < n; i++) if (beliefs[i]! < 0) pattern.bytes[i >>> 3]! |= 1 << (i & 7);
    return { ok, pattern, corrected: countOnes(pattern), iterations: spent };
  });
}

export function sparseSyndrome(code: LdpcCode, word: BitString): BitString {
  const out = BitString.zeros(code.m);
  const { rowStart, columns } = code;
  for (let row = 0; row < code.m; row++) {
    let parity = 0;
    for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) parity ^= word.get(columns[e]!);
    out.bytes[row >>> 3]! |= parity << (row & 7);
  }
  return out;
}
