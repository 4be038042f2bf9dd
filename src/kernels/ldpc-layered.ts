/**
 * The SIMD path: quasi-cyclic codes with circulants in whole vectors, row-layered in int8 (assembly/ldpc/layered.ts,
 * KERNELS.md B).
 */
import { BitString, byteLength } from "../bits.js";
import type { LdpcCode, QuasiCyclic } from "../codes/code.js";
import { type DecodeOptions, defaultIterations, defaultPatience, type Found } from "./ldpc-options.js";
import type { WasmInstance } from "./wasm.js";

const padBytes = 64;
const block = 32;
/** Least and greatest factor of min-sum in 256ths: of those tried, they take the fewest iterations at 0.5 … 11 %. */
const minSumFactors = [88, 245] as const;
/** Edge pointers of a row. */
const pointerBytes = 8192;

export function isVector(base: QuasiCyclic | undefined): base is QuasiCyclic {
  return base !== undefined && base.lifting % block === 0;
}

export function decodeLayered(
  wasm: WasmInstance,
  code: LdpcCode,
  base: QuasiCyclic,
  word: BitString,
  target: BitString,
  options: DecodeOptions,
): Found {
  const { rows, columns, lifting } = base;
  const table = layerTable(wasm, code, base);
  const stride = lifting + padBytes;
  const messages = base.entryColumn.length * lifting;
  const tight = (options.arithmetic ?? "tight") === "tight";
  const qber = Math.min(0.25, Math.max(1e-3, options.qber));
  const tables = correctionTables(wasm, qber < ditherBelow);
  const llr = 4 * Math.log((1 - qber) / qber);
  // One less than this and frames fail in a row (9.2 … 10.4 % with a prior of 9: f 1.18 instead of 1.09); one more costs 1 %.
  const rounding = llr > 9.5 ? 0.15 : -0.35;
  const prior = Math.min(
    30,
    Math.max(2, tight ? Math.ceil(llr - rounding) : Math.round(4.7 + 1.6 * Math.log(1 / qber))),
  );
  const clip = qber < 0.035 ? 31 : 40;
  const { known } = options;
  const beliefs = align(columns * stride + 64);
  const resumed = options.state?.length === beliefs + messages ? options.state : undefined;
  return wasm.scratch((alloc) => {
    // L and R side by side: together they are the decoder's state.
    const l = alloc(beliefs + messages);
    const r = l + beliefs;
    const spread = alloc(rows * lifting);
    const packed = alloc(target.bytes.length);
    const pointers = alloc(pointerBytes);
    // The signs, the word doubled and its syndrome.
    const sweep = alloc(byteLength(code.n) * 3 + columns * 16 + target.bytes.length + 176);
    const chosen = alloc((options.weakest ?? 0) * 4);
    const pins = alloc((known?.positions.length ?? 0) * 8);
    wasm.u8.set(target.bytes, packed);
    if (resumed) wasm.u8.set(resumed, l);
    const view = new DataView(wasm.u8.buffer);
    known?.positions.forEach((position, i) => {
      const column = Math.floor(position / lifting);
      const wrong = known.values.get(i) !== word.get(position);
      view.setUint32(pins + i * 8, column * stride + (position - column * lifting), true);
      view.setInt32(pins + i * 8 + 4, wrong ? -127 : 127, true);
    });
    const [alphaFrom, alphaTo] = tight ? [0, 0] : minSumFactors;
    const spent = wasm.exports.ldpcDecode(
      table,
      rows,
      lifting,
      columns,
      l,
      r,
      packed,
      spread,
      pointers,
      tables,
      sweep,
      resumed ? 0 : prior,
      clip,
      options.maxIterations ?? defaultIterations,
      options.patience ?? defaultPatience,
      alphaFrom!,
      alphaTo!,
      pins,
      known?.positions.length ?? 0,
    );
    const ok = spent > 0;
    const weakest =
      !ok && options.weakest ? leastSure(wasm, l, base, chosen, options.weakest, known?.positions) : undefined;
    const corrected = wasm.exports.ldpcSigns(l, columns, lifting, sweep);
    const pattern = BitString.from(wasm.u8.subarray(sweep, sweep + byteLength(code.n)), code.n);
    // More wrong bits than twice the expected: the beliefs have collapsed, more known bits would not right them.
    const keep = options.keepState && tight && !ok && corrected <= 2 * qber * code.n;
    return {
      ...(weakest ? { weakest } : {}),
      ...(keep ? { state: stateOf(wasm.u8.subarray(l, l + beliefs + messages), resumed) } : {}),
      ok,
      pattern,
      corrected,
      iterations: Math.abs(spent),
    };
  });
}

/** In the memory of the earlier state where there is one. */
function stateOf(memory: Uint8Array, earlier?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const state = earlier ?? new Uint8Array(memory.length);
  state.set(memory);
  return state;
}

/** At most `count` positions of smallest |L|, none that is known. Where all others are as sure as those: the first ones. */
function leastSure(wasm: WasmInstance, l: number, base: QuasiCyclic, out: number, count: number, known?: Uint32Array) {
  const found = wasm.exports.ldpcWeakest(l, base.columns, base.lifting, count, out);
  const places = Array.from(new Uint32Array(wasm.u8.buffer, out, found));
  const taken = new Set(found < count ? [...places, ...(known ?? [])] : []);
  for (let place = 0; places.length < count && place < base.columns * base.lifting; place++)
    if (!taken.has(place)) places.push(place);
  return Uint32Array.from(places.sort((a, b) => a - b));
}

let anonymous = 0;
const layers = new WeakMap<LdpcCode, { readonly name: string; readonly data: Uint8Array }>();

export function layerTable(wasm: WasmInstance, code: LdpcCode, base: QuasiCyclic): number {
  let known = layers.get(code);
  if (!known) {
    known = { name: `ldpc ${code.id ?? "code"} ${++anonymous}`, data: layersOf(base) };
    layers.set(code, known);
  }
  const { name, data } = known;
  return wasm.table(name, data.byteLength, (view) => view.set(data));
}

/** Rows of the base matrix as assembly/ldpc/layered.ts reads them. */
function layersOf(base: QuasiCyclic): Uint8Array {
  const words: number[] = [];
  for (let row = 0; row < base.rows; row++) {
    const edges = Array.from(
      { length: base.rowStart[row + 1]! - base.rowStart[row]! },
      (_, i) => base.rowStart[row]! + i,
    );
    words.push(edges.length);
    for (const e of edges) words.push(base.entryColumn[e]! * (base.lifting + padBytes), base.entryShift[e]!);
    const events = edges
      .map((e, i) => ({ at: Math.ceil((base.lifting - base.entryShift[e]!) / block) * block, edge: i }))
      .filter(({ at }) => at < base.lifting)
      .sort((a, b) => a.at - b.at);
    words.push(events.length, ...events.flatMap(({ at, edge }) => [at, edge]));
  }
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** Order of the rounding thresholds over a row's edges: any few neighbours have their mean. */
const dithers = [0, 4, 2, 6, 1, 5, 3, 7] as const;
/** Narrower checks do not need it, and do better without: f 1.086 instead of 1.091 at 8 %. */
const ditherBelow = 0.015;

function correctionTables(wasm: WasmInstance, dithered: boolean): number {
  return wasm.table(`ldpc tables ${dithered}`, 192 + dithers.length * 16, (view) => {
    for (let i = 0; i < 16; i++) {
      const exact = 4 * Math.log1p(Math.exp(-i / 4));
      view[i] = Math.round(exact);
      dithers.forEach((k, edge) => {
        view[192 + edge * 16 + i] = Math.floor(exact + (dithered ? (k + 0.5) / dithers.length : 0.5));
      });
    }
    view.fill(255, 64, 64 + block);
  });
}

function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
