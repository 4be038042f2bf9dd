// GHASH (NIST SP 800-38D): Y ← (Y ⊕ M_i)·r over GF(2^128), x^128 = x^7 + x^2 + x + 1, the first bit of a block the
// constant term. No branch and no address depends on a bit of the message.
//
// A block alone: the sum of r·x^i over the ones of Y ⊕ M_i by masks, 128 masked sums.
// Many blocks: sixteen interleaved streams, each Y_s ← Y_s·r^16 ⊕ M_s, closed by GHASH over the sixteen. The streams lie
// transposed, byte b of all in vector b, so that a swizzle looks one nibble of all up in sixteen bytes: 32 nibbles times 16
// bytes of product a group. About eight times as fast.
//
// Layout of `wide`: 32 tables of 16 × 16 bytes, byte j of (nibble v at place i)·r^16 at 256i + 16j + v; of `work`: 16 row
// addresses, 16 blocks, 32 vectors of nibbles.

import { gatherColumns } from "./gf2/transpose";

const blockBytes: usize = 16;
const streams: u32 = 16;
const groupBytes: usize = 256;
const freshAt: usize = 64;
const nibblesAt: usize = freshAt + groupBytes;

/** `table`: r·x^i, i = 0 … 127, 16 bytes each. */
export function ghashTable(key: usize, table: usize): void {
  let high = bswap<u64>(load<u64>(key));
  let low = bswap<u64>(load<u64>(key, 8));
  for (let i: usize = 0; i < 128; i++) {
    store<u64>(table + (i << 4), high);
    store<u64>(table + (i << 4), low, 8);
    const carry: u64 = 0 - (low & 1);
    low = (low >> 1) | (high << 63);
    high = (high >> 1) ^ (carry & 0xe100000000000000);
  }
}

/** `wide` from `table`, which is that of r before and after. `work`: nibblesAt + 512 bytes. */
export function ghashWideTable(key: usize, table: usize, wide: usize, work: usize): void {
  const power = work + freshAt;
  v128.store(power, v128.load(key));
  memory.fill(wide, 0, 15 * blockBytes);
  ghashBlocks(table, power, wide, 15);
  ghashTable(power, table);
  rowsAt(work, power);
  for (let place: usize = 0; place < 32; place++) {
    for (let value: usize = 0; value < 16; value++) {
      let high: u64 = 0;
      let low: u64 = 0;
      for (let bit: usize = 0; bit < 4; bit++) {
        const row = table + (((place << 2) + bit) << 4);
        const mask: u64 = 0 - ((value >> (3 - bit)) & 1);
        high ^= load<u64>(row) & mask;
        low ^= load<u64>(row, 8) & mask;
      }
      store<u64>(power + (value << 4), bswap<u64>(high));
      store<u64>(power + (value << 4), bswap<u64>(low), 8);
    }
    gatherColumns(wide + place * groupBytes, blockBytes, work, 0);
  }
  ghashTable(key, table);
}

/** `state`: 16 bytes, as a block lies. */
export function ghashBlocks(table: usize, state: usize, data: usize, blocks: u32): void {
  let high = bswap<u64>(load<u64>(state));
  let low = bswap<u64>(load<u64>(state, 8));
  for (let b: u32 = 0; b < blocks; b++, data += 16) {
    high ^= bswap<u64>(load<u64>(data));
    low ^= bswap<u64>(load<u64>(data, 8));
    let even = i64x2.splat(0);
    let odd = i64x2.splat(0);
    for (let i: usize = 0; i < 64; i += 2) {
      const at = table + (i << 4);
      even = v128.xor(even, v128.and(v128.load(at), i64x2.splat((<i64>(high << i)) >> 63)));
      odd = v128.xor(odd, v128.and(v128.load(at, 16), i64x2.splat((<i64>(high << (i + 1))) >> 63)));
      even = v128.xor(even, v128.and(v128.load(at, 1024), i64x2.splat((<i64>(low << i)) >> 63)));
      odd = v128.xor(odd, v128.and(v128.load(at, 1040), i64x2.splat((<i64>(low << (i + 1))) >> 63)));
    }
    const sum = v128.xor(even, odd);
    high = i64x2.extract_lane(sum, 0);
    low = i64x2.extract_lane(sum, 1);
  }
  store<u64>(state, bswap<u64>(high));
  store<u64>(state, bswap<u64>(low), 8);
}

/** The same for `groups` > 0 times sixteen blocks; overwrites the first one. */
export function ghashGroups(table: usize, wide: usize, work: usize, state: usize, data: usize, groups: u32): void {
  const fresh = work + freshAt;
  const nibbles = work + nibblesAt;
  v128.store(data, v128.xor(v128.load(data), v128.load(state)));
  rowsAt(work, data);
  gatherColumns(fresh, blockBytes, work, 0);
  for (let group: u32 = 1; group < groups; group++) {
    for (let b: usize = 0; b < groupBytes; b += blockBytes) {
      const bytes = v128.load(fresh + b);
      v128.store(nibbles + 2 * b, i8x16.shr_u(bytes, 4));
      v128.store(nibbles + 2 * b, v128.and(bytes, i8x16.splat(15)), 16);
    }
    gatherColumns(fresh, blockBytes, work, <usize>group * groupBytes);
    for (let j: usize = 0; j < groupBytes; j += 64) {
      const to = fresh + j;
      let a = v128.load(to), b = v128.load(to, 16), c = v128.load(to, 32), d = v128.load(to, 48);
      let from = wide + j;
      for (let place = nibbles; place < nibbles + 512; place += 16, from += groupBytes) {
        const nibble = v128.load(place);
        a = v128.xor(a, i8x16.swizzle(v128.load(from), nibble));
        b = v128.xor(b, i8x16.swizzle(v128.load(from, 16), nibble));
        c = v128.xor(c, i8x16.swizzle(v128.load(from, 32), nibble));
        d = v128.xor(d, i8x16.swizzle(v128.load(from, 48), nibble));
      }
      v128.store(to, a);
      v128.store(to, b, 16);
      v128.store(to, c, 32);
      v128.store(to, d, 48);
    }
  }
  rowsAt(work, fresh);
  gatherColumns(nibbles, blockBytes, work, 0);
  memory.fill(state, 0, blockBytes);
  ghashBlocks(table, state, nibbles, streams);
}

/** Addresses of sixteen blocks in a row, as gatherColumns takes them. */
function rowsAt(rows: usize, first: usize): void {
  for (let i: usize = 0; i < streams; i++) store<u32>(rows + (i << 2), <u32>(first + (i << 4)));
}
