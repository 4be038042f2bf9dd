// Cascade, order of a pass (KERNELS.md E, 3): identity, a table, or twice {shuffle 64-bit words, rotate each by its own
// amount, transpose 64 × 64 bits}, then shuffle words. The tables are public and made by the host:
// d_r[i] = s << 6 | rotation: place i takes word s; e_r[s] = i << 6 | rotation, the inverse; the last round has no rotation.

import { swapped, zipHigh, zipLow } from "../vectors";

@unmanaged
export class Order {
  /** 0 identity, 1 words shuffled and transposed, 2 table: e0[x] is x's place, d0 the inverse. */
  kind: u32;
  e0: usize;
  e1: usize;
  e2: usize;
  d0: usize;
  d1: usize;
  d2: usize;
}

@inline
function at(table: usize, i: u32): u32 {
  return load<u32>(table + (<usize>i << 2));
}

/** Place of frame bit x. */
@inline
export function toPass(order: Order, x: u32): u32 {
  if (order.kind == 0) return x;
  if (order.kind == 2) return at(order.e0, x);
  const a = at(order.e0, x >> 6);
  const wordA = ((a >> 6) & ~63) | ((x + a) & 63);
  const b = at(order.e1, wordA);
  const wordB = ((b >> 6) & ~63) | (((a >> 6) + b) & 63);
  return (at(order.e2, wordB) << 6) | ((b >> 6) & 63);
}

/** Frame bit at place y. */
@inline
export function fromPass(order: Order, y: u32): u32 {
  if (order.kind == 0) return y;
  if (order.kind == 2) return at(order.d0, y);
  const wordB = at(order.d2, y >> 6);
  const placeB = (wordB & ~63) | (y & 63);
  const b = at(order.d1, placeB);
  const wordA = b >> 6;
  const placeA = (wordA & ~63) | ((wordB - b) & 63);
  const a = at(order.d0, placeA);
  return (a & ~63) | ((wordA - a) & 63);
}

/** The frame's bits at `source` into the pass's order at `target`. `scratch`: 8·words bytes. */
export function arrange(order: Order, source: usize, target: usize, words: u32, scratch: usize): void {
  if (order.kind == 0) {
    memory.copy(target, source, <usize>words << 3);
  } else if (order.kind == 2) {
    for (let w: u32 = 0; w < words; w++) {
      let bits: u64 = 0;
      for (let b: u32 = 0; b < 64; b++) {
        const x = at(order.d0, (w << 6) | b);
        bits |= ((load<u64>(source + (<usize>(x >> 6) << 3)) >> (x & 63)) & 1) << b;
      }
      store<u64>(target + (<usize>w << 3), bits);
    }
  } else {
    for (let g: u32 = 0; g < words; g += 64) {
      gatherEights(source, order.d0 + (<usize>g << 2));
      collectBytes(scratch + (<usize>g << 3));
    }
    for (let g: u32 = 0; g < words; g += 64) {
      gatherEights(scratch, order.d1 + (<usize>g << 2));
      collectBytes(square);
      for (let i: u32 = 0; i < 64; i++)
        store<u64>(target + (<usize>at(order.e2, g + i) << 3), load<u64>(square + (<usize>i << 3)));
    }
    wipeSquares();
  }
}

// 64 × 64 bits are transposed in two steps: in each group of eight rows the eight 8 × 8 blocks by halving (Hacker's Delight
// 7-3), then bytes: byte b of group a to byte a of group b.

/** Groups of eight rows whose blocks are transposed; then the whole. */
const eights = memory.data(512, 16);
const square = memory.data(512, 16);

/** The last that was transposed is the frame's. */
export function wipeSquares(): void {
  memory.fill(eights, 0, 512);
  memory.fill(square, 0, 512);
}

/** 64 × 64 bits in place; `wipeSquares` after the last. */
export function transpose64(words: usize): void {
  for (let a: usize = 0; a < 512; a += 64) {
    const at = words + a;
    const x = v128.load(at), y = v128.load(at, 16), z = v128.load(at, 32), w = v128.load(at, 48);
    transposeBlocks(eights + a, low(x, y), high(x, y), low(z, w), high(z, w));
  }
  collectBytes(words);
}

/** The same of 64 words that `table` names, each rotated by its amount. */
@inline
function gatherEights(source: usize, table: usize): void {
  for (let a: usize = 0; a < 512; a += 64) {
    const entry = table + (a >> 1);
    transposeBlocks(
      eights + a,
      two(rotated(source, load<u32>(entry)), rotated(source, load<u32>(entry, 8))),
      two(rotated(source, load<u32>(entry, 4)), rotated(source, load<u32>(entry, 12))),
      two(rotated(source, load<u32>(entry, 16)), rotated(source, load<u32>(entry, 24))),
      two(rotated(source, load<u32>(entry, 20)), rotated(source, load<u32>(entry, 28))),
    );
  }
}

@inline
function rotated(source: usize, entry: u32): u64 {
  return rotl<u64>(load<u64>(source + (<usize>(entry >> 6) << 3)), entry & 63);
}

@inline
function two(first: u64, second: u64): v128 {
  return i64x2.replace_lane(i64x2.splat(<i64>first), 1, <i64>second);
}

@inline
function low(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}

@inline
function high(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

/** Rows 0 and 2, 1 and 3, 4 and 6, 5 and 7. */
@inline
function transposeBlocks(out: usize, even: v128, odd: v128, even4: v128, odd4: v128): void {
  const by4 = i64x2.splat(0x0f0f0f0f0f0f0f0f);
  let swap = swapped(even, even4, 4, by4);
  even = v128.xor(even, i64x2.shl(swap, 4));
  even4 = v128.xor(even4, swap);
  swap = swapped(odd, odd4, 4, by4);
  odd = v128.xor(odd, i64x2.shl(swap, 4));
  odd4 = v128.xor(odd4, swap);
  const by1 = i64x2.splat(0x5555555555555555);
  swap = swapped(even, odd, 1, by1);
  even = v128.xor(even, i64x2.shl(swap, 1));
  odd = v128.xor(odd, swap);
  swap = swapped(even4, odd4, 1, by1);
  even4 = v128.xor(even4, i64x2.shl(swap, 1));
  odd4 = v128.xor(odd4, swap);
  const by2 = i64x2.splat(0x3333333333333333);
  let first = low(even, odd);
  let second = high(even, odd);
  swap = swapped(first, second, 2, by2);
  v128.store(out, v128.xor(first, i64x2.shl(swap, 2)));
  v128.store(out, v128.xor(second, swap), 16);
  first = low(even4, odd4);
  second = high(even4, odd4);
  swap = swapped(first, second, 2, by2);
  v128.store(out, v128.xor(first, i64x2.shl(swap, 2)), 32);
  v128.store(out, v128.xor(second, swap), 48);
}

/** Byte b of group a's row r to byte a of row 8·b + r. */
function collectBytes(to: usize): void {
  for (let pair: usize = 0; pair < 64; pair += 16) {
    const at = eights + pair;
    const g0 = v128.load(at), g1 = v128.load(at, 64), g2 = v128.load(at, 128), g3 = v128.load(at, 192);
    const g4 = v128.load(at, 256), g5 = v128.load(at, 320), g6 = v128.load(at, 384), g7 = v128.load(at, 448);
    collectRow(to + pair, zipLow(g0, g4), zipLow(g1, g5), zipLow(g2, g6), zipLow(g3, g7));
    collectRow(to + pair + 8, zipHigh(g0, g4), zipHigh(g1, g5), zipHigh(g2, g6), zipHigh(g3, g7));
  }
}

@inline
function collectRow(to: usize, by04: v128, by15: v128, by26: v128, by37: v128): void {
  let evens = zipLow(by04, by26);
  let odds = zipLow(by15, by37);
  let both = zipLow(evens, odds);
  v128.store64_lane(to, both, 0);
  v128.store64_lane(to, both, 1, 64);
  both = zipHigh(evens, odds);
  v128.store64_lane(to, both, 0, 128);
  v128.store64_lane(to, both, 1, 192);
  evens = zipHigh(by04, by26);
  odds = zipHigh(by15, by37);
  both = zipLow(evens, odds);
  v128.store64_lane(to, both, 0, 256);
  v128.store64_lane(to, both, 1, 320);
  both = zipHigh(evens, odds);
  v128.store64_lane(to, both, 0, 384);
  v128.store64_lane(to, both, 1, 448);
}
