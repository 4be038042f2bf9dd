// The stages of the transform over GF(256) and GF(2^16), forward and back.
//
// A butterfly on (u, v) with ω: u += ω·v, v += u; back: v += u, u += ω·v. Coefficients are rows of w bytes.
// Stages k−5, k−6, k−7 have ω in GF(256). Stage k−8 is pruned: ω₂₅₆ + ω_c = v₈ + ω_c gives low byte u + ω_c·v and high
//   byte v: from here 16 groups of 2^(k−8) points, low bytes first, high bytes `height` = 2^(k−8)·w bytes behind.
// Stages k−9 … 0 run group by group over GF(2^16), group after group in cache; block b + 1's constant differs from block
//   b's by v₁ + … + v_{z+1}, z = ctz(b + 1), and so do its tables, which are linear in the constant.
// Layout: after the stages, group g (bits b, g₂, g₁, g₀ of the index) at base + 2·g·height.
// Cost: 2 swizzles for 16 bytes and a GF(256) stage, 6 for 32 bytes and a GF(2^16) stage. Source: field.ts; Gao–Mateer IV.
import { byteTables, pairStepTables, stepTables, timesByte, timesV1, wordTables } from "./field";

/** Butterflies of `bytes` bytes (a multiple of 8) with ω_index, index < 256. */
export function byteButterflies(u: usize, v: usize, bytes: usize, index: u32): void {
  const table = byteTables + (<usize>index << 5);
  const low = v128.load(table), high = v128.load(table, 16);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const y = v128.load(v + i);
    const sum = v128.xor(v128.load(u + i), timesByte(y, low, high));
    v128.store(u + i, sum);
    v128.store(v + i, v128.xor(y, sum));
  }
  if (i < bytes) {
    const y = v128.load64_zero(v + i);
    const sum = v128.xor(v128.load64_zero(u + i), timesByte(y, low, high));
    v128.store64_lane(u + i, sum, 0);
    v128.store64_lane(v + i, v128.xor(y, sum), 0);
  }
}

export function inverseByteButterflies(u: usize, v: usize, bytes: usize, index: u32): void {
  const table = byteTables + (<usize>index << 5);
  const low = v128.load(table), high = v128.load(table, 16);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const x = v128.load(u + i);
    const y = v128.xor(v128.load(v + i), x);
    v128.store(v + i, y);
    v128.store(u + i, v128.xor(x, timesByte(y, low, high)));
  }
  if (i < bytes) {
    const x = v128.load64_zero(u + i);
    const y = v128.xor(v128.load64_zero(v + i), x);
    v128.store64_lane(v + i, y, 0);
    v128.store64_lane(u + i, v128.xor(x, timesByte(y, low, high)), 0);
  }
}

/** u += ω_index·v: a pruned butterfly, its own inverse. */
export function addTimesByte(u: usize, v: usize, bytes: usize, index: u32): void {
  const table = byteTables + (<usize>index << 5);
  const low = v128.load(table), high = v128.load(table, 16);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(u + i, v128.xor(v128.load(u + i), timesByte(v128.load(v + i), low, high)));
  if (i < bytes) v128.store64_lane(u + i, v128.xor(v128.load64_zero(u + i), timesByte(v128.load64_zero(v + i), low, high)), 0);
}

const chunk: usize = 1024;

/** Stages k−5 … k−8 on both halves that the front end leaves, 16 rows of `height` bytes each, a chunk of columns at once. */
export function byteStages(base: usize, height: usize): void {
  for (let b: usize = 0; b < 2; b++) {
    for (let o: usize = 0; o < height; o += chunk) {
      const p = base + b * 16 * height + o;
      const n = min(chunk, height - o);
      for (let r: usize = 0; r < 8; r++) byteButterflies(p + r * height, p + (r + 8) * height, n, 32 | (<u32>b << 2));
      for (let r: usize = 0; r < 8; r++) {
        const u = p + (((r & 4) << 1) + (r & 3)) * height;
        byteButterflies(u, u + 4 * height, n, 64 | (<u32>b << 3) | ((<u32>r >> 2) << 1));
      }
      for (let r: usize = 0; r < 8; r++) {
        const u = p + (((r & 6) << 1) + (r & 1)) * height;
        byteButterflies(u, u + 2 * height, n, 128 | (<u32>b << 4) | ((<u32>r >> 1) << 1));
      }
      for (let r: usize = 0; r < 8; r++) addTimesByte(p + 2 * r * height, p + (2 * r + 1) * height, n, (<u32>b << 5) | (<u32>r << 1));
    }
  }
}

export function inverseByteStages(base: usize, height: usize): void {
  for (let b: usize = 0; b < 2; b++) {
    for (let o: usize = 0; o < height; o += chunk) {
      const p = base + b * 16 * height + o;
      const n = min(chunk, height - o);
      for (let r: usize = 0; r < 8; r++) addTimesByte(p + 2 * r * height, p + (2 * r + 1) * height, n, (<u32>b << 5) | (<u32>r << 1));
      for (let r: usize = 0; r < 8; r++) {
        const u = p + (((r & 6) << 1) + (r & 1)) * height;
        inverseByteButterflies(u, u + 2 * height, n, 128 | (<u32>b << 4) | ((<u32>r >> 1) << 1));
      }
      for (let r: usize = 0; r < 8; r++) {
        const u = p + (((r & 4) << 1) + (r & 3)) * height;
        inverseByteButterflies(u, u + 4 * height, n, 64 | (<u32>b << 3) | ((<u32>r >> 2) << 1));
      }
      for (let r: usize = 0; r < 8; r++) inverseByteButterflies(p + r * height, p + (r + 8) * height, n, 32 | (<u32>b << 2));
    }
  }
}

/** Index bits k … k−8 of a group: bit 8 is the coset's, bits 7, 6, 4 and 0 are 0. */
// @ts-ignore: decorator
@inline
export function groupIndex(group: u32): u32 {
  return 256 | ((group >> 3) << 5) | ((group & 7) << 1);
}

/** Stages levels−1 … 0 of one group of 2^levels points. */
export function wordStages(base: usize, group: u32, levels: u32, w: usize): void {
  const height = w << levels;
  for (let i = <i32>levels - 1; i >= 0; i--) {
    const index = groupIndex(group) << (levels - i);
    if (w == 8 && i == 0 && levels > 1) narrowStage(false, base, height, 1 << (levels - 1), index);
    else wordStage(false, base, height, w << i, 1 << (levels - 1 - i), index);
  }
}

export function inverseWordStages(base: usize, group: u32, levels: u32, w: usize): void {
  const height = w << levels;
  for (let i: i32 = 0; i < <i32>levels; i++) {
    const index = groupIndex(group) << (levels - i);
    if (w == 8 && i == 0 && levels > 1) narrowStage(true, base, height, 1 << (levels - 1), index);
    else wordStage(true, base, height, w << i, 1 << (levels - 1 - i), index);
  }
}

/** `blocks` blocks of `half` bytes u and `half` bytes v; block b has the constant ω_{index + 2b}. */
// @ts-ignore: decorator
@inline
function wordStage(inverse: bool, base: usize, height: usize, half: usize, blocks: u32, index: u32): void {
  let l0 = i64x2.splat(0), l1 = l0, s0 = l0, s1 = l0, h0 = l0, h1 = l0;
  for (let j: u32 = 0; j < 16; j++) {
    if (!((index >> j) & 1)) continue;
    const t = wordTables + <usize>j * 96;
    l0 = v128.xor(l0, v128.load(t)); l1 = v128.xor(l1, v128.load(t, 16));
    s0 = v128.xor(s0, v128.load(t, 32)); s1 = v128.xor(s1, v128.load(t, 48));
    h0 = v128.xor(h0, v128.load(t, 64)); h1 = v128.xor(h1, v128.load(t, 80));
  }
  let u = base;
  for (let b: u32 = 0; b < blocks; b++) {
    const end = u + (half & ~15);
    for (; u < end; u += 16) {
      const v = u + half;
      const p = v128.load(u), q = v128.load(u + height);
      let x = v128.load(v), y = v128.load(v + height);
      if (inverse) {
        x = v128.xor(x, p);
        y = v128.xor(y, q);
      }
      const first = timesByte(x, l0, l1);
      const low = v128.xor(p, v128.xor(first, timesByte(y, h0, h1)));
      const high = v128.xor(q, v128.xor(first, timesByte(v128.xor(x, y), s0, s1)));
      v128.store(u, low);
      v128.store(u + height, high);
      v128.store(v, inverse ? x : v128.xor(x, low));
      v128.store(v + height, inverse ? y : v128.xor(y, high));
    }
    if (half & 8) {
      const v = u + half;
      const p = v128.load64_zero(u), q = v128.load64_zero(u + height);
      let x = v128.load64_zero(v), y = v128.load64_zero(v + height);
      if (inverse) {
        x = v128.xor(x, p);
        y = v128.xor(y, q);
      }
      const first = timesByte(x, l0, l1);
      const low = v128.xor(p, v128.xor(first, timesByte(y, h0, h1)));
      const high = v128.xor(q, v128.xor(first, timesByte(v128.xor(x, y), s0, s1)));
      v128.store64_lane(u, low, 0);
      v128.store64_lane(u + height, high, 0);
      v128.store64_lane(v, inverse ? x : v128.xor(x, low), 0);
      v128.store64_lane(v + height, inverse ? y : v128.xor(y, high), 0);
      u += 8;
    }
    u += half;
    const t = stepTables + <usize>ctz(b + 1) * 96;
    l0 = v128.xor(l0, v128.load(t)); l1 = v128.xor(l1, v128.load(t, 16));
    s0 = v128.xor(s0, v128.load(t, 32)); s1 = v128.xor(s1, v128.load(t, 48));
    h0 = v128.xor(h0, v128.load(t, 64)); h1 = v128.xor(h1, v128.load(t, 80));
  }
}

// @ts-ignore: decorator
@inline
function lowHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}

// @ts-ignore: decorator
@inline
function highHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

/** Stage 0 for rows of 8 bytes: a block's u and v fill one vector, and two blocks, whose constants differ by v₁, go together. */
// @ts-ignore: decorator
@inline
function narrowStage(inverse: bool, base: usize, height: usize, blocks: u32, index: u32): void {
  let l0 = i64x2.splat(0), l1 = l0, s0 = l0, s1 = l0, h0 = l0, h1 = l0;
  for (let j: u32 = 0; j < 16; j++) {
    if (!((index >> j) & 1)) continue;
    const t = wordTables + <usize>j * 96;
    l0 = v128.xor(l0, v128.load(t)); l1 = v128.xor(l1, v128.load(t, 16));
    s0 = v128.xor(s0, v128.load(t, 32)); s1 = v128.xor(s1, v128.load(t, 48));
    h0 = v128.xor(h0, v128.load(t, 64)); h1 = v128.xor(h1, v128.load(t, 80));
  }
  let p = base;
  for (let b: u32 = 0; b < blocks; b += 2, p += 32) {
    const first = v128.load(p), second = v128.load(p, 16);
    const q = p + height;
    const firstHigh = v128.load(q), secondHigh = v128.load(q, 16);
    let u = lowHalves(first, second), x = highHalves(first, second);
    let uHigh = lowHalves(firstHigh, secondHigh), y = highHalves(firstHigh, secondHigh);
    if (inverse) {
      x = v128.xor(x, u);
      y = v128.xor(y, uHigh);
    }
    const odd = i64x2(0, -1);
    const product = timesByte(x, l0, l1);
    u = v128.xor(u, v128.xor(v128.xor(product, timesByte(y, h0, h1)), v128.and(timesV1(x), odd)));
    uHigh = v128.xor(uHigh, v128.xor(v128.xor(product, timesByte(v128.xor(x, y), s0, s1)), v128.and(timesV1(y), odd)));
    if (!inverse) {
      x = v128.xor(x, u);
      y = v128.xor(y, uHigh);
    }
    v128.store(p, lowHalves(u, x));
    v128.store(p, highHalves(u, x), 16);
    v128.store(q, lowHalves(uHigh, y));
    v128.store(q, highHalves(uHigh, y), 16);
    const t = pairStepTables + <usize>ctz((b >> 1) + 1) * 96;
    l0 = v128.xor(l0, v128.load(t)); l1 = v128.xor(l1, v128.load(t, 16));
    s0 = v128.xor(s0, v128.load(t, 32)); s1 = v128.xor(s1, v128.load(t, 48));
    h0 = v128.xor(h0, v128.load(t, 64)); h1 = v128.xor(h1, v128.load(t, 80));
  }
}

/** target = source + α·overflow for one row: low bytes, and `height` behind them high bytes; w a multiple of 16. */
export function foldRow(target: usize, height: usize, source: usize, sourceHeight: usize, overflow: usize, w: usize, index: u32): void {
  let l0 = i64x2.splat(0), l1 = l0, s0 = l0, s1 = l0, h0 = l0, h1 = l0;
  for (let j: u32 = 0; j < 16; j++) {
    if (!((index >> j) & 1)) continue;
    const t = wordTables + <usize>j * 96;
    l0 = v128.xor(l0, v128.load(t)); l1 = v128.xor(l1, v128.load(t, 16));
    s0 = v128.xor(s0, v128.load(t, 32)); s1 = v128.xor(s1, v128.load(t, 48));
    h0 = v128.xor(h0, v128.load(t, 64)); h1 = v128.xor(h1, v128.load(t, 80));
  }
  for (let i: usize = 0; i < w; i += 16) {
    const x = v128.load(overflow + i), y = v128.load(overflow + sourceHeight + i);
    const first = timesByte(x, l0, l1);
    const low = v128.xor(first, timesByte(y, h0, h1));
    const high = v128.xor(first, timesByte(v128.xor(x, y), s0, s1));
    v128.store(target + i, v128.xor(v128.load(source + i), low));
    v128.store(target + height + i, v128.xor(v128.load(source + sourceHeight + i), high));
  }
}
