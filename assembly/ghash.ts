// GHASH (NIST SP 800-38D): Y ← (Y ⊕ M_i)·r over GF(2^128), x^128 = x^7 + x^2 + x + 1, the first bit of a block the
// constant term. The product is the sum of r·x^i over the ones of Y ⊕ M_i by masks: no branch and no address depends on
// a bit of the message. 128 masked sums a block.

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
