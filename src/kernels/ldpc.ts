/**
 * Syndromes and syndrome decoding on an instance: quasi-cyclic codes with circulants in whole vectors on the SIMD path,
 * every other matrix on the general one. `ok` only where H·word = syndrome.
 */
import { BitString, byteLength, countOnes } from "../bits.js";
import type { LdpcCode, QuasiCyclic } from "../codes/code.js";
import { QkdError } from "../errors.js";
import type { WasmInstance } from "./wasm.js";

export interface DecodeOptions {
  /** Expected share of wrong bits, 0 … 0.5. */
  readonly qber: number;
  readonly maxIterations?: number;
  /** Positions of which `word` says nothing. */
  readonly punctured?: Uint32Array;
  /** Positions whose right value is known. */
  readonly known?: { readonly positions: Uint32Array; readonly values: BitString };
  /** Where decoding fails on the quasi-cyclic path: this many positions that the decoder is least sure of. */
  readonly weakest?: number;
  /** Quasi-cyclic path: `tight` (A-min*, default) or `fast` (normalised min-sum). */
  readonly arithmetic?: "tight" | "fast";
  /**
   * Short frames that the SIMD decoder misses: `every-way` (default) decodes them again with the other arithmetic and
   * in floating point, `once` leaves that to further disclosure, which costs less than a second of one core.
   */
  readonly effort?: "every-way" | "once";
  /** Quasi-cyclic path, `tight`: where decoding fails, keep the decoder's state for another call. */
  readonly keepState?: boolean;
  /** State of an earlier call on the same word and syndrome: goes on from there, with more positions known. */
  readonly state?: Uint8Array;
}

export interface DecodeResult {
  readonly ok: boolean;
  readonly word: BitString;
  readonly iterations: number;
  /** Bits in which `word` and Bob's word differ. */
  readonly corrected: number;
  readonly weakest?: Uint32Array;
  /** As secret as the word: to be zeroised. Absent where going on from it is worse than a new start. */
  readonly state?: Uint8Array<ArrayBuffer>;
}

const defaultIterations = 60;
const padBytes = 64;
const block = 32;
/** Edge pointers of a row, as assembly/ldpc/layered.ts has them. */
const pointerBytes = 8192;

export function isVector(base: QuasiCyclic | undefined): base is QuasiCyclic {
  return base !== undefined && base.lifting % block === 0;
}

/** H·word. @throws QkdError KERNEL_CODE_MISMATCH */
export function syndrome(wasm: WasmInstance, code: LdpcCode, word: BitString): BitString {
  checkLength("word", word, code.n);
  const base = code.quasiCyclic;
  if (!isVector(base)) return sparseSyndrome(code, word);
  const table = layerTable(wasm, code, base);
  const bytes = base.lifting / 8;
  return wasm.scratch((alloc) => {
    const packed = alloc(word.bytes.length);
    const doubled = alloc(base.columns * (2 * bytes + 8) + 16);
    const out = alloc(base.rows * bytes);
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
  wanted.zeroise();
  const { pattern, iterations, weakest, state } = found;
  const corrected = countOnes(pattern);
  const result = xorInto(pattern, word);
  return {
    // Both decoders return an iteration only when the signs satisfy every check, counted exactly.
    ok: iterations >= 0,
    word: result,
    iterations: iterations < 0 ? (options.maxIterations ?? defaultIterations) : iterations,
    corrected,
    ...(weakest ? { weakest } : {}),
    ...(state ? { state } : {}),
  };
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

function checkLength(what: string, bits: BitString, length: number): void {
  if (bits.length !== length)
    throw new QkdError("KERNEL_CODE_MISMATCH", `The ${what} has ${bits.length} bits, the code needs ${length}.`, {
      what,
      got: bits.length,
      expected: length,
    });
}

interface Pattern {
  readonly pattern: BitString;
  /** −1: not found. */
  readonly iterations: number;
  readonly weakest?: Uint32Array;
  readonly state?: Uint8Array<ArrayBuffer>;
}

function decodeLayered(
  wasm: WasmInstance,
  code: LdpcCode,
  base: QuasiCyclic,
  word: BitString,
  target: BitString,
  options: DecodeOptions,
): Pattern {
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
    const packed = alloc(Math.max(target.bytes.length, byteLength(code.n)));
    const pointers = alloc(pointerBytes + lifting + 64);
    const pins = alloc((known?.positions.length ?? 0) * 8);
    wasm.u8.set(target.bytes, packed);
    wasm.exports.ldpcSpread(packed, code.m, spread);
    if (resumed) wasm.u8.set(resumed, l);
    const view = new DataView(wasm.u8.buffer);
    known?.positions.forEach((position, i) => {
      const column = Math.floor(position / lifting);
      const wrong = known.values.get(i) !== word.get(position);
      view.setUint32(pins + i * 8, column * stride + (position - column * lifting), true);
      view.setInt32(pins + i * 8 + 4, wrong ? -127 : 127, true);
    });
    const [alphaFrom, alphaTo, ramp] = tight ? [0, 0, 0] : [64, 220, 12];
    const iterations = wasm.exports.ldpcDecode(
      table,
      rows,
      lifting,
      columns,
      l,
      r,
      messages,
      spread,
      pointers,
      tables,
      resumed ? 0 : prior,
      clip,
      options.maxIterations ?? defaultIterations,
      alphaFrom!,
      alphaTo!,
      ramp!,
      pins,
      known?.positions.length ?? 0,
    );
    const weakest =
      iterations < 0 && options.weakest ? leastSure(wasm.u8, l, base, options.weakest, known?.positions) : undefined;
    const signs = packed;
    wasm.exports.ldpcSigns(l, columns, lifting, signs);
    const pattern = BitString.from(wasm.u8.subarray(signs, signs + byteLength(code.n)), code.n);
    // More wrong bits than twice the expected: the beliefs have collapsed, more known bits would not right them.
    const keep = options.keepState && tight && iterations < 0 && countOnes(pattern) <= 2 * qber * code.n;
    return {
      ...(weakest ? { weakest } : {}),
      ...(keep ? { state: wasm.u8.slice(l, l + beliefs + messages) } : {}),
      pattern,
      iterations,
    };
  });
}

/** Frames up to this length are worth every way there is: more disclosure costs them most. */
const shortFrame = 32_768;

/** The SIMD decoder; what the fast arithmetic misses, by the tight one; short frames, then in floating point. */
function decodeInTurn(
  wasm: WasmInstance,
  code: LdpcCode,
  base: QuasiCyclic,
  word: BitString,
  target: BitString,
  options: DecodeOptions,
): Pattern {
  const first = decodeLayered(wasm, code, base, word, target, options);
  if (first.iterations >= 0) return first;
  const fast = options.arithmetic === "fast";
  const last = code.n > shortFrame || options.effort === "once";
  if (last && !fast) return first;
  const second = decodeLayered(wasm, code, base, word, target, { ...options, arithmetic: fast ? "tight" : "fast" });
  if (second.iterations >= 0) return second;
  if (last) return first;
  const third = decodeGeneral(wasm, code, word, target, options);
  return third.iterations >= 0 ? third : first;
}

/** Largest |L| that a known position has. */
const surest = 127;

/** Positions of smallest |L| that are not known already, ascending. */
function leastSure(
  memory: Uint8Array,
  l: number,
  { columns, lifting }: QuasiCyclic,
  count: number,
  known?: Uint32Array,
): Uint32Array {
  const beliefs = new Int8Array(memory.buffer, l, columns * (lifting + padBytes));
  const histogram = new Uint32Array(129);
  for (let c = 0; c < columns; c++)
    for (let at = c * (lifting + padBytes), end = at + lifting; at < end; at++) histogram[Math.abs(beliefs[at]!)]!++;
  let [below, bound] = [0, 0];
  while (bound < surest && below + histogram[bound]! < count) below += histogram[bound++]!;
  // What is known is pinned to the surest, so it is passed over where those have their turn.
  const skip = new Set(bound === surest ? known : []);
  // Spread over the last magnitude taken: its first positions would all lie in the columns of low degree.
  const step = bound === surest ? 1 : (count - below) / Math.max(1, histogram[bound]!);
  const chosen: number[] = [];
  for (let c = 0, owed = 0; c < columns; c++) {
    const start = c * (lifting + padBytes);
    for (let i = 0; i < lifting; i++) {
      const magnitude = Math.abs(beliefs[start + i]!);
      if (magnitude > bound) continue;
      if (magnitude === bound) {
        owed += step;
        if (owed < 1) continue;
        owed--;
      }
      const position = c * lifting + i;
      if (!skip.has(position)) chosen.push(position);
    }
  }
  return Uint32Array.from(chosen.slice(0, count));
}

/** Damping of each attempt: short irregular codes that swing under one settle under another. */
const dampings = [1, 0.6, 0.85, 0.4] as const;

function decodeGeneral(
  wasm: WasmInstance,
  code: LdpcCode,
  word: BitString,
  target: BitString,
  options: DecodeOptions,
): Pattern {
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
    let iterations = -1;
    for (const damping of dampings) {
      beliefs.fill(prior);
      for (const position of options.punctured ?? []) beliefs[position] = 0;
      options.known?.positions.forEach((position, i) => {
        beliefs[position] = options.known!.values.get(i) !== word.get(position) ? -50 : 50;
      });
      wasm.u8.fill(0, r, r + columns.length * 4);
      iterations = wasm.exports.ldpcDecodeGeneral(
        starts,
        at,
        m,
        l,
        r,
        checks,
        work,
        options.maxIterations ?? defaultIterations,
        damping,
      );
      if (iterations >= 0) break;
    }
    const pattern = BitString.zeros(n);
    for (let i = 0; i < n; i++) if (beliefs[i]! < 0) pattern.bytes[i >>> 3]! |= 1 << (i & 7);
    return { pattern, iterations };
  });
}

function sparseSyndrome(code: LdpcCode, word: BitString): BitString {
  const out = BitString.zeros(code.m);
  const { rowStart, columns } = code;
  for (let row = 0; row < code.m; row++) {
    let parity = 0;
    for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++) parity ^= word.get(columns[e]!);
    out.bytes[row >>> 3]! |= parity << (row & 7);
  }
  return out;
}

let anonymous = 0;
const layers = new WeakMap<LdpcCode, { readonly name: string; readonly data: Uint8Array }>();

function layerTable(wasm: WasmInstance, code: LdpcCode, base: QuasiCyclic): number {
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

function xorInto(a: BitString, b: BitString): BitString {
  const [to, from] = [a.bytes, b.bytes];
  const words = from.byteOffset % 4 === 0 && to.byteOffset % 4 === 0 ? to.length >>> 2 : 0;
  const wide = new Uint32Array(to.buffer, words ? to.byteOffset : 0, words);
  const other = new Uint32Array(from.buffer, words ? from.byteOffset : 0, words);
  for (let i = 0; i < words; i++) wide[i]! ^= other[i]!;
  for (let i = words * 4; i < to.length; i++) to[i]! ^= from[i]!;
  return a;
}

function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
