// Transposes: 8 × 8 bits across eight vectors, 16 × 16 bytes, and the two combined for 128 rows of 16 bytes.
// Cost: 72 operations for 8 vectors of bits, 64 shuffles for 16 vectors of bytes.

import { swapped, zipHigh, zipLow } from "../vectors";

/**
 * Byte B of vector i holds bits j; afterwards byte B of vector j holds bits i: eight vectors at `from`, `fromStep` bytes
 * apart, to `to`, `toStep` apart. Its own inverse.
 */
// @ts-ignore: decorator
@inline
export function transposeBits(to: usize, toStep: usize, from: usize, fromStep: usize): void {
  let t: v128;
  const m4 = i8x16.splat(0x0f), m2 = i8x16.splat(0x33), m1 = i8x16.splat(0x55);
  let r0 = v128.load(from), r4 = v128.load(from + 4 * fromStep);
  t = swapped(r0, r4, 4, m4); r4 = v128.xor(r4, t); r0 = v128.xor(r0, i64x2.shl(t, 4));
  let r2 = v128.load(from + 2 * fromStep), r6 = v128.load(from + 6 * fromStep);
  t = swapped(r2, r6, 4, m4); r6 = v128.xor(r6, t); r2 = v128.xor(r2, i64x2.shl(t, 4));
  t = swapped(r0, r2, 2, m2); r2 = v128.xor(r2, t); r0 = v128.xor(r0, i64x2.shl(t, 2));
  t = swapped(r4, r6, 2, m2); r6 = v128.xor(r6, t); r4 = v128.xor(r4, i64x2.shl(t, 2));
  let r1 = v128.load(from + fromStep), r5 = v128.load(from + 5 * fromStep);
  t = swapped(r1, r5, 4, m4); r5 = v128.xor(r5, t); r1 = v128.xor(r1, i64x2.shl(t, 4));
  let r3 = v128.load(from + 3 * fromStep), r7 = v128.load(from + 7 * fromStep);
  t = swapped(r3, r7, 4, m4); r7 = v128.xor(r7, t); r3 = v128.xor(r3, i64x2.shl(t, 4));
  t = swapped(r1, r3, 2, m2); r3 = v128.xor(r3, t); r1 = v128.xor(r1, i64x2.shl(t, 2));
  t = swapped(r5, r7, 2, m2); r7 = v128.xor(r7, t); r5 = v128.xor(r5, i64x2.shl(t, 2));
  t = swapped(r0, r1, 1, m1); v128.store(to + toStep, v128.xor(r1, t)); v128.store(to, v128.xor(r0, i64x2.shl(t, 1)));
  t = swapped(r2, r3, 1, m1); v128.store(to + 3 * toStep, v128.xor(r3, t)); v128.store(to + 2 * toStep, v128.xor(r2, i64x2.shl(t, 1)));
  t = swapped(r4, r5, 1, m1); v128.store(to + 5 * toStep, v128.xor(r5, t)); v128.store(to + 4 * toStep, v128.xor(r4, i64x2.shl(t, 1)));
  t = swapped(r6, r7, 1, m1); v128.store(to + 7 * toStep, v128.xor(r7, t)); v128.store(to + 6 * toStep, v128.xor(r6, i64x2.shl(t, 1)));
}

// @ts-ignore: decorator
@inline
function evenBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

// @ts-ignore: decorator
@inline
function oddBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/** Byte B of vector j (16 bytes apart at `from`) becomes byte 8B + j of the 128 bytes at `to`. */
// @ts-ignore: decorator
@inline
export function interleaveBytes(to: usize, from: usize): void {
  const r0 = v128.load(from), r4 = v128.load(from, 64), a0 = zipLow(r0, r4), a1 = zipHigh(r0, r4);
  const r2 = v128.load(from, 32), r6 = v128.load(from, 96), c0 = zipLow(r2, r6), c1 = zipHigh(r2, r6);
  const e0 = zipLow(a0, c0), e1 = zipHigh(a0, c0), e2 = zipLow(a1, c1), e3 = zipHigh(a1, c1);
  const r1 = v128.load(from, 16), r5 = v128.load(from, 80), b0 = zipLow(r1, r5), b1 = zipHigh(r1, r5);
  const r3 = v128.load(from, 48), r7 = v128.load(from, 112), d0 = zipLow(r3, r7), d1 = zipHigh(r3, r7);
  const o0 = zipLow(b0, d0), o1 = zipHigh(b0, d0), o2 = zipLow(b1, d1), o3 = zipHigh(b1, d1);
  v128.store(to, zipLow(e0, o0)); v128.store(to, zipHigh(e0, o0), 16);
  v128.store(to, zipLow(e1, o1), 32); v128.store(to, zipHigh(e1, o1), 48);
  v128.store(to, zipLow(e2, o2), 64); v128.store(to, zipHigh(e2, o2), 80);
  v128.store(to, zipLow(e3, o3), 96); v128.store(to, zipHigh(e3, o3), 112);
}

/** Inverse of `interleaveBytes`. */
// @ts-ignore: decorator
@inline
export function separateBytes(to: usize, from: usize): void {
  const q0 = v128.load(from), q1 = v128.load(from, 16), e0 = evenBytes(q0, q1), o0 = oddBytes(q0, q1);
  const q2 = v128.load(from, 32), q3 = v128.load(from, 48), e1 = evenBytes(q2, q3), o1 = oddBytes(q2, q3);
  const q4 = v128.load(from, 64), q5 = v128.load(from, 80), e2 = evenBytes(q4, q5), o2 = oddBytes(q4, q5);
  const q6 = v128.load(from, 96), q7 = v128.load(from, 112), e3 = evenBytes(q6, q7), o3 = oddBytes(q6, q7);
  const a0 = evenBytes(e0, e1), a1 = evenBytes(e2, e3), c0 = oddBytes(e0, e1), c1 = oddBytes(e2, e3);
  v128.store(to, evenBytes(a0, a1)); v128.store(to, oddBytes(a0, a1), 64);
  v128.store(to, evenBytes(c0, c1), 32); v128.store(to, oddBytes(c0, c1), 96);
  const b0 = evenBytes(o0, o1), b1 = evenBytes(o2, o3), d0 = oddBytes(o0, o1), d1 = oddBytes(o2, o3);
  v128.store(to, evenBytes(b0, b1), 16); v128.store(to, oddBytes(b0, b1), 80);
  v128.store(to, evenBytes(d0, d1), 48); v128.store(to, oddBytes(d0, d1), 112);
}

// One round of a 16 × 16 byte transpose: vectors i and i + 8 zipped to 2i and 2i + 1. Four rounds transpose.
// The first reads 16 rows by address, the last writes columns `step` apart.

/** Column j of the 16 rows whose addresses stand at `rows` (+ offset) goes to `to` + j·step. */
// @ts-ignore: decorator
@inline
export function gatherColumns(to: usize, step: usize, rows: usize, offset: usize): void {
  const x0 = row(rows, 0, offset), x8 = row(rows, 8, offset), a0 = zipLow(x0, x8), a1 = zipHigh(x0, x8);
  const x4 = row(rows, 4, offset), xc = row(rows, 12, offset), a8 = zipLow(x4, xc), a9 = zipHigh(x4, xc);
  const b0 = zipLow(a0, a8), b1 = zipHigh(a0, a8), b2 = zipLow(a1, a9), b3 = zipHigh(a1, a9);
  const x2 = row(rows, 2, offset), xa = row(rows, 10, offset), a4 = zipLow(x2, xa), a5 = zipHigh(x2, xa);
  const x6 = row(rows, 6, offset), xe = row(rows, 14, offset), ac = zipLow(x6, xe), ad = zipHigh(x6, xe);
  const b8 = zipLow(a4, ac), b9 = zipHigh(a4, ac), ba = zipLow(a5, ad), bb = zipHigh(a5, ad);
  const c0 = zipLow(b0, b8), c1 = zipHigh(b0, b8), c2 = zipLow(b1, b9), c3 = zipHigh(b1, b9);
  const c4 = zipLow(b2, ba), c5 = zipHigh(b2, ba), c6 = zipLow(b3, bb), c7 = zipHigh(b3, bb);
  const x1 = row(rows, 1, offset), x9 = row(rows, 9, offset), a2 = zipLow(x1, x9), a3 = zipHigh(x1, x9);
  const x5 = row(rows, 5, offset), xd = row(rows, 13, offset), aa = zipLow(x5, xd), ab = zipHigh(x5, xd);
  const b4 = zipLow(a2, aa), b5 = zipHigh(a2, aa), b6 = zipLow(a3, ab), b7 = zipHigh(a3, ab);
  const x3 = row(rows, 3, offset), xb = row(rows, 11, offset), a6 = zipLow(x3, xb), a7 = zipHigh(x3, xb);
  const x7 = row(rows, 7, offset), xf = row(rows, 15, offset), ae = zipLow(x7, xf), af = zipHigh(x7, xf);
  const bc = zipLow(a6, ae), bd = zipHigh(a6, ae), be = zipLow(a7, af), bf = zipHigh(a7, af);
  const c8 = zipLow(b4, bc), c9 = zipHigh(b4, bc), ca = zipLow(b5, bd), cb = zipHigh(b5, bd);
  const cc = zipLow(b6, be), cd = zipHigh(b6, be), ce = zipLow(b7, bf), cf = zipHigh(b7, bf);
  v128.store(to, zipLow(c0, c8)); v128.store(to + step, zipHigh(c0, c8));
  v128.store(to + 2 * step, zipLow(c1, c9)); v128.store(to + 3 * step, zipHigh(c1, c9));
  v128.store(to + 4 * step, zipLow(c2, ca)); v128.store(to + 5 * step, zipHigh(c2, ca));
  v128.store(to + 6 * step, zipLow(c3, cb)); v128.store(to + 7 * step, zipHigh(c3, cb));
  v128.store(to + 8 * step, zipLow(c4, cc)); v128.store(to + 9 * step, zipHigh(c4, cc));
  v128.store(to + 10 * step, zipLow(c5, cd)); v128.store(to + 11 * step, zipHigh(c5, cd));
  v128.store(to + 12 * step, zipLow(c6, ce)); v128.store(to + 13 * step, zipHigh(c6, ce));
  v128.store(to + 14 * step, zipLow(c7, cf)); v128.store(to + 15 * step, zipHigh(c7, cf));
}

// @ts-ignore: decorator
@inline
function row(rows: usize, i: usize, offset: usize): v128 {
  return v128.load(<usize>load<u32>(rows + 4 * i) + offset);
}

/** Vector j at `from` + j·step becomes column j of the 16 rows; `narrow`: only columns 0 … 7 are stored. */
// @ts-ignore: decorator
@inline
export function scatterColumns(rows: usize, offset: usize, from: usize, step: usize, narrow: bool): void {
  const x0 = v128.load(from), x8 = v128.load(from + 8 * step), a0 = zipLow(x0, x8), a1 = zipHigh(x0, x8);
  const x4 = v128.load(from + 4 * step), xc = v128.load(from + 12 * step), a8 = zipLow(x4, xc), a9 = zipHigh(x4, xc);
  const b0 = zipLow(a0, a8), b1 = zipHigh(a0, a8), b2 = zipLow(a1, a9), b3 = zipHigh(a1, a9);
  const x2 = v128.load(from + 2 * step), xa = v128.load(from + 10 * step), a4 = zipLow(x2, xa), a5 = zipHigh(x2, xa);
  const x6 = v128.load(from + 6 * step), xe = v128.load(from + 14 * step), ac = zipLow(x6, xe), ad = zipHigh(x6, xe);
  const b8 = zipLow(a4, ac), b9 = zipHigh(a4, ac), ba = zipLow(a5, ad), bb = zipHigh(a5, ad);
  const c0 = zipLow(b0, b8), c1 = zipHigh(b0, b8), c2 = zipLow(b1, b9), c3 = zipHigh(b1, b9);
  const c4 = zipLow(b2, ba), c5 = zipHigh(b2, ba), c6 = zipLow(b3, bb), c7 = zipHigh(b3, bb);
  const x1 = v128.load(from + step), x9 = v128.load(from + 9 * step), a2 = zipLow(x1, x9), a3 = zipHigh(x1, x9);
  const x5 = v128.load(from + 5 * step), xd = v128.load(from + 13 * step), aa = zipLow(x5, xd), ab = zipHigh(x5, xd);
  const b4 = zipLow(a2, aa), b5 = zipHigh(a2, aa), b6 = zipLow(a3, ab), b7 = zipHigh(a3, ab);
  const x3 = v128.load(from + 3 * step), xb = v128.load(from + 11 * step), a6 = zipLow(x3, xb), a7 = zipHigh(x3, xb);
  const x7 = v128.load(from + 7 * step), xf = v128.load(from + 15 * step), ae = zipLow(x7, xf), af = zipHigh(x7, xf);
  const bc = zipLow(a6, ae), bd = zipHigh(a6, ae), be = zipLow(a7, af), bf = zipHigh(a7, af);
  const c8 = zipLow(b4, bc), c9 = zipHigh(b4, bc), ca = zipLow(b5, bd), cb = zipHigh(b5, bd);
  const cc = zipLow(b6, be), cd = zipHigh(b6, be), ce = zipLow(b7, bf), cf = zipHigh(b7, bf);
  put(rows, 0, offset, zipLow(c0, c8), narrow); put(rows, 1, offset, zipHigh(c0, c8), narrow);
  put(rows, 2, offset, zipLow(c1, c9), narrow); put(rows, 3, offset, zipHigh(c1, c9), narrow);
  put(rows, 4, offset, zipLow(c2, ca), narrow); put(rows, 5, offset, zipHigh(c2, ca), narrow);
  put(rows, 6, offset, zipLow(c3, cb), narrow); put(rows, 7, offset, zipHigh(c3, cb), narrow);
  put(rows, 8, offset, zipLow(c4, cc), narrow); put(rows, 9, offset, zipHigh(c4, cc), narrow);
  put(rows, 10, offset, zipLow(c5, cd), narrow); put(rows, 11, offset, zipHigh(c5, cd), narrow);
  put(rows, 12, offset, zipLow(c6, ce), narrow); put(rows, 13, offset, zipHigh(c6, ce), narrow);
  put(rows, 14, offset, zipLow(c7, cf), narrow); put(rows, 15, offset, zipHigh(c7, cf), narrow);
}

// @ts-ignore: decorator
@inline
function put(rows: usize, i: usize, offset: usize, value: v128, narrow: bool): void {
  const to = <usize>load<u32>(rows + 4 * i) + offset;
  if (narrow) v128.store64_lane(to, value, 0);
  else v128.store(to, value);
}

/** 16 columns of 128 rows to 16 elements of 16 planes (bitslice.ts), low and high bytes from two tables of 128 addresses. */
export function rowsToElements(elements: usize, rows: usize, offset: usize, work: usize): void {
  for (let part: usize = 0; part < 2; part++) {
    for (let s: usize = 0; s < 8; s++) gatherColumns(work + (s << 4), 128, rows + (part << 9) + (s << 6), offset);
    for (let j: usize = 0; j < 16; j++) transposeBits(elements + (j << 8) + (part << 7), 16, work + (j << 7), 16);
  }
}

export function elementsToRows(rows: usize, offset: usize, elements: usize, work: usize, narrow: bool): void {
  for (let part: usize = 0; part < 2; part++) {
    for (let j: usize = 0; j < 16; j++) transposeBits(work + (j << 7), 16, elements + (j << 8) + (part << 7), 16);
    for (let s: usize = 0; s < 8; s++) {
      const table = rows + (part << 9) + (s << 6);
      if (narrow) scatterColumns(table, offset, work + (s << 4), 128, true);
      else scatterColumns(table, offset, work + (s << 4), 128, false);
    }
  }
}
