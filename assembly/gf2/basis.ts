// Basis conversion: Σ f_i y^i  →  Σ g_i X_i(y) with X_i = Π_{bit j of i} s_j(y), on 2^m coefficients in place.
//
// For k a power of two s_k(y) = y^(2^k) + y, so f's Taylor expansion f = Σ_j c_j(y)·s_k(y)^j needs XORs only; then the
//   c_j (2^k coefficients) and, since s_i∘s_k = s_{i+k}, the index j are converted in turn: k = 8, 4, 2, 1.
// One Taylor step: with d = 2^(m−1−k), y^(2^(m−1)) = s_k^d + y^d, so f₀ + y^(2^(m−1))·f₁ has the remainder f₀ + y^d·f₁.
// Layout: a coefficient is a unit of `unit` bytes; unit i at p + i·unit.
// Triangular: g_i depends on f_j, j ≥ i, only. So zero units at the end cost nothing (`live`: how many units may be
//   non-zero), and the inverse leaves out what lies before the first unit that is asked for (`need`).
// Cost: m/2 passes of XOR for the Taylor steps from 16 up, 32 XORs in registers for each block of 16 units.
// Source: S. Gao, T. Mateer (2010), section III; KERNELS.md A.2.
import { addRange, clearRange } from "./ranges";

function add(target: usize, source: usize, bytes: usize): void {
  addRange(target, source, bytes);
}

/** Taylor expansion at s_k of the first `live` of 2^m units. */
export function taylor(p: usize, m: u32, k: u32, unit: usize, live: usize): void {
  if (m <= k) return;
  const half: usize = <usize>1 << (m - 1);
  const d: usize = <usize>1 << (m - 1 - k);
  if (live <= half) {
    taylor(p, m - 1, k, unit, live);
    return;
  }
  const upper = p + half * unit;
  const more = live - half;
  if (more > half - d) add(upper, upper + (half - d) * unit, (more - (half - d)) * unit);
  add(p + d * unit, upper, min(more, half - d) * unit);
  taylor(p, m - 1, k, unit, half);
  taylor(upper, m - 1, k, unit, more);
}

/** Inverse of `taylor`; units before `need` may be left wrong. */
export function inverseTaylor(p: usize, m: u32, k: u32, unit: usize, need: usize): void {
  if (m <= k) return;
  const half: usize = <usize>1 << (m - 1);
  const d: usize = <usize>1 << (m - 1 - k);
  const upper = p + half * unit;
  if (need >= half) inverseTaylor(upper, m - 1, k, unit, need - half);
  else {
    const from = need > d ? need - d : 0;
    inverseTaylor(p, m - 1, k, unit, need);
    inverseTaylor(upper, m - 1, k, unit, 0);
    if (from < half - d) add(p + (from + d) * unit, upper + from * unit, (half - d - from) * unit);
  }
  if (need < half + d) add(upper, upper + (half - d) * unit, d * unit);
}

/** Converts the 2^m units at p, m ≤ 8. */
export function convert(p: usize, m: u32, unit: usize, live: usize): void {
  if (m <= 4) {
    convertBlock(p, m, unit);
    return;
  }
  taylor(p, m, 4, unit, live);
  convert(p, m - 4, unit << 4, (live + 15) >> 4);
  const blocks = (live + 15) >> 4;
  for (let b: usize = 0; b < blocks; b++) convertBlock(p + b * (unit << 4), 4, unit);
}

export function inverseConvert(p: usize, m: u32, unit: usize, need: usize): void {
  if (m <= 4) {
    inverseConvertBlock(p, m, unit);
    return;
  }
  const blocks: usize = <usize>1 << (m - 4);
  for (let b = need >> 4; b < blocks; b++) inverseConvertBlock(p + b * (unit << 4), 4, unit);
  inverseConvert(p, m - 4, unit << 4, need >> 4);
  inverseTaylor(p, m, 4, unit, need);
}

function convertBlock(p: usize, m: u32, unit: usize): void {
  if (m == 4) {
    let o: usize = 0;
    if (sharesSets(unit)) {
      for (; o < unit; o += 64) {
        moveColumns(staging, 64, p + o, unit);
        for (let i: usize = 0; i < 64; i += 16) convert16<v128>(staging + i, 64);
        moveColumns(p + o, unit, staging, 64);
      }
      clearRange(staging, 1024);
      return;
    }
    for (; o + 16 <= unit; o += 16) convert16<v128>(p + o, unit);
    for (; o + 8 <= unit; o += 8) convert16<u64>(p + o, unit);
    for (; o + 2 <= unit; o += 2) convert16<u16>(p + o, unit);
    if (o < unit) convert16<u8>(p + o, unit);
    return;
  }
  if (m < 2) return;
  const k: u32 = m == 3 ? 2 : 1;
  taylor(p, m, k, unit, <usize>1 << m);
  for (let i: usize = 0; i < <usize>1 << (m - k); i++) convertBlock(p + (i << k) * unit, k, unit);
  convertBlock(p, m - k, unit << k);
}

function inverseConvertBlock(p: usize, m: u32, unit: usize): void {
  if (m == 4) {
    let o: usize = 0;
    if (sharesSets(unit)) {
      for (; o < unit; o += 64) {
        moveColumns(staging, 64, p + o, unit);
        for (let i: usize = 0; i < 64; i += 16) inverseConvert16<v128>(staging + i, 64);
        moveColumns(p + o, unit, staging, 64);
      }
      clearRange(staging, 1024);
      return;
    }
    for (; o + 16 <= unit; o += 16) inverseConvert16<v128>(p + o, unit);
    for (; o + 8 <= unit; o += 8) inverseConvert16<u64>(p + o, unit);
    for (; o + 2 <= unit; o += 2) inverseConvert16<u16>(p + o, unit);
    if (o < unit) inverseConvert16<u8>(p + o, unit);
    return;
  }
  if (m < 2) return;
  const k: u32 = m == 3 ? 2 : 1;
  inverseConvertBlock(p, m - k, unit << k);
  for (let i: usize = 0; i < <usize>1 << (m - k); i++) inverseConvertBlock(p + (i << k) * unit, k, unit);
  inverseTaylor(p, m, k, unit, 0);
}

const staging: usize = memory.data(1024, 64);

/** Sixteen units apart by a multiple of 1 KiB meet in few sets of a first-level cache: they are staged, 64 bytes of each. */
// @ts-ignore: decorator
@inline
function sharesSets(unit: usize): bool {
  return (unit & 1023) == 0;
}

function moveColumns(to: usize, toStep: usize, from: usize, fromStep: usize): void {
  for (let i: usize = 0; i < 16; i++, to += toStep, from += fromStep) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    v128.store(to, v128.load(from, 32), 32);
    v128.store(to, v128.load(from, 48), 48);
  }
}

// @ts-ignore: decorator
@inline
function plus<T>(a: T, b: T): T {
  if (isVector<T>()) return v128.xor(a, b);
  // @ts-ignore: integers
  return <T>(a ^ b);
}

/** 16 units, one word of each: Taylor at s₂ (16, then both 8), at s₁ of the index (4), at s₁ inside (4 × 4). */
// @ts-ignore: decorator
@inline
function convert16<T>(p: usize, unit: usize): void {
  const q = p + (unit << 3);
  let c8 = load<T>(q), c9 = load<T>(q + unit), c10 = load<T>(q + 2 * unit), c11 = load<T>(q + 3 * unit);
  let c12 = load<T>(q + 4 * unit), c13 = load<T>(q + 5 * unit), c14 = load<T>(q + 6 * unit), c15 = load<T>(q + 7 * unit);
  c8 = plus<T>(c8, c14); c9 = plus<T>(c9, c15);
  let c2 = plus<T>(load<T>(p + 2 * unit), c8), c3 = plus<T>(load<T>(p + 3 * unit), c9);
  let c4 = plus<T>(load<T>(p + 4 * unit), c10), c5 = plus<T>(load<T>(p + 5 * unit), c11);
  let c6 = plus<T>(load<T>(p + 6 * unit), c12), c7 = plus<T>(load<T>(p + 7 * unit), c13);
  c4 = plus<T>(c4, c7);
  let c1 = plus<T>(load<T>(p + unit), c4);
  c2 = plus<T>(c2, c5); c3 = plus<T>(c3, c6);
  c12 = plus<T>(c12, c15);
  c9 = plus<T>(c9, c12); c10 = plus<T>(c10, c13); c11 = plus<T>(c11, c14);
  c8 = plus<T>(c8, c12); c9 = plus<T>(c9, c13); c10 = plus<T>(c10, c14); c11 = plus<T>(c11, c15);
  c4 = plus<T>(c4, c8); c5 = plus<T>(c5, c9); c6 = plus<T>(c6, c10); c7 = plus<T>(c7, c11);
  c2 = plus<T>(c2, c3); c1 = plus<T>(c1, c2);
  c6 = plus<T>(c6, c7); c5 = plus<T>(c5, c6);
  c10 = plus<T>(c10, c11); c9 = plus<T>(c9, c10);
  c14 = plus<T>(c14, c15); c13 = plus<T>(c13, c14);
  store<T>(p + unit, c1); store<T>(p + 2 * unit, c2); store<T>(p + 3 * unit, c3);
  store<T>(p + 4 * unit, c4); store<T>(p + 5 * unit, c5); store<T>(p + 6 * unit, c6); store<T>(p + 7 * unit, c7);
  store<T>(q, c8); store<T>(q + unit, c9); store<T>(q + 2 * unit, c10); store<T>(q + 3 * unit, c11);
  store<T>(q + 4 * unit, c12); store<T>(q + 5 * unit, c13); store<T>(q + 6 * unit, c14);
}

// @ts-ignore: decorator
@inline
function inverseConvert16<T>(p: usize, unit: usize): void {
  const q = p + (unit << 3);
  let c12 = load<T>(q + 4 * unit), c13 = load<T>(q + 5 * unit), c14 = load<T>(q + 6 * unit), c15 = load<T>(q + 7 * unit);
  let c8 = load<T>(q), c9 = load<T>(q + unit), c10 = load<T>(q + 2 * unit), c11 = load<T>(q + 3 * unit);
  c13 = plus<T>(c13, c14); c14 = plus<T>(c14, c15);
  c9 = plus<T>(c9, c10); c10 = plus<T>(c10, c11);
  let c4 = load<T>(p + 4 * unit), c5 = load<T>(p + 5 * unit), c6 = load<T>(p + 6 * unit), c7 = load<T>(p + 7 * unit);
  c5 = plus<T>(c5, c6); c6 = plus<T>(c6, c7);
  let c1 = load<T>(p + unit), c2 = load<T>(p + 2 * unit), c3 = load<T>(p + 3 * unit);
  c1 = plus<T>(c1, c2); c2 = plus<T>(c2, c3);
  c7 = plus<T>(c7, c11); c6 = plus<T>(c6, c10); c5 = plus<T>(c5, c9); c4 = plus<T>(c4, c8);
  c11 = plus<T>(c11, c15); c10 = plus<T>(c10, c14); c9 = plus<T>(c9, c13); c8 = plus<T>(c8, c12);
  c11 = plus<T>(c11, c14); c10 = plus<T>(c10, c13); c9 = plus<T>(c9, c12);
  c12 = plus<T>(c12, c15);
  c3 = plus<T>(c3, c6); c2 = plus<T>(c2, c5); c1 = plus<T>(c1, c4);
  c4 = plus<T>(c4, c7);
  c7 = plus<T>(c7, c13); c6 = plus<T>(c6, c12); c5 = plus<T>(c5, c11); c4 = plus<T>(c4, c10);
  c3 = plus<T>(c3, c9); c2 = plus<T>(c2, c8);
  c9 = plus<T>(c9, c15); c8 = plus<T>(c8, c14);
  store<T>(p + unit, c1); store<T>(p + 2 * unit, c2); store<T>(p + 3 * unit, c3);
  store<T>(p + 4 * unit, c4); store<T>(p + 5 * unit, c5); store<T>(p + 6 * unit, c6); store<T>(p + 7 * unit, c7);
  store<T>(q, c8); store<T>(q + unit, c9); store<T>(q + 2 * unit, c10); store<T>(q + 3 * unit, c11);
  store<T>(q + 4 * unit, c12); store<T>(q + 5 * unit, c13); store<T>(q + 6 * unit, c14);
}
