// Cascade, order of a pass (KERNELS.md E, 3): identity, a table, or twice {shuffle 64-bit words, rotate each by its own
// amount, transpose 64 × 64 bits}, then shuffle words. The tables are public and made by the host:
// d_r[i] = s << 6 | rotation: place i takes word s; e_r[s] = i << 6 | rotation, the inverse; the last round has no rotation.

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

/** Words at `source` (2^sourceShift bytes apart) into the pass's order (2^targetShift apart). `scratch`: 8·words + 512 bytes. */
export function arrange(
  order: Order,
  source: usize,
  sourceShift: u32,
  target: usize,
  targetShift: u32,
  words: u32,
  scratch: usize,
): void {
  if (order.kind == 0) {
    for (let w: usize = 0; w < words; w++) store<u64>(target + (w << targetShift), load<u64>(source + (w << sourceShift)));
    return;
  }
  if (order.kind == 2) {
    for (let w: u32 = 0; w < words; w++) {
      let bits: u64 = 0;
      for (let b: u32 = 0; b < 64; b++) {
        const x = at(order.d0, (w << 6) | b);
        bits |= ((load<u64>(source + (<usize>(x >> 6) << sourceShift)) >> (x & 63)) & 1) << b;
      }
      store<u64>(target + (<usize>w << targetShift), bits);
    }
    return;
  }
  const block = scratch + (<usize>words << 3);
  for (let g: u32 = 0; g < words; g += 64) {
    const rows = scratch + (<usize>g << 3);
    for (let i: u32 = 0; i < 64; i++) {
      const d = at(order.d0, g + i);
      store<u64>(rows + (i << 3), rotl<u64>(load<u64>(source + (<usize>(d >> 6) << sourceShift)), d & 63));
    }
    transpose64(rows);
  }
  for (let g: u32 = 0; g < words; g += 64) {
    for (let i: u32 = 0; i < 64; i++) {
      const d = at(order.d1, g + i);
      store<u64>(block + (i << 3), rotl<u64>(load<u64>(scratch + (<usize>(d >> 6) << 3)), d & 63));
    }
    transpose64(block);
    for (let i: u32 = 0; i < 64; i++)
      store<u64>(target + (<usize>at(order.e2, g + i) << targetShift), load<u64>(block + (i << 3)));
  }
}

/** 64 × 64 bits in place, by halving blocks (Hacker's Delight 7-3), two rows a vector. */
export function transpose64(rows: usize): void {
  exchange(rows, 32, 0x00000000ffffffff);
  exchange(rows, 16, 0x0000ffff0000ffff);
  exchange(rows, 8, 0x00ff00ff00ff00ff);
  exchange(rows, 4, 0x0f0f0f0f0f0f0f0f);
  exchange(rows, 2, 0x3333333333333333);
  const mask = i64x2.splat(0x5555555555555555);
  for (let k: usize = 0; k < 512; k += 32) {
    const u = v128.load(rows + k);
    const v = v128.load(rows + k, 16);
    let even = i8x16.shuffle(u, v, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    let odd = i8x16.shuffle(u, v, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const swap = v128.and(v128.xor(i64x2.shr_u(even, 1), odd), mask);
    even = v128.xor(even, i64x2.shl(swap, 1));
    odd = v128.xor(odd, swap);
    v128.store(rows + k, i8x16.shuffle(even, odd, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    v128.store(rows + k, i8x16.shuffle(even, odd, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 16);
  }
}

@inline
function exchange(rows: usize, distance: usize, low: u64): void {
  const mask = i64x2.splat(<i64>low);
  for (let k: usize = 0; k < 64; k += 2 * distance)
    for (let i: usize = 0; i < distance; i += 2) {
      const a = rows + ((k + i) << 3);
      const b = a + (distance << 3);
      const x = v128.load(a);
      const y = v128.load(b);
      const swap = v128.and(v128.xor(i64x2.shr_u(x, <i32>distance), y), mask);
      v128.store(a, v128.xor(x, i64x2.shl(swap, <i32>distance)));
      v128.store(b, v128.xor(y, swap));
    }
}
