// Sifting of one block, 64 detections a step.
//
//   same = ¬(a ⊕ b)        a, b: basis of Alice's pulse, of Bob's detection
//   key  = same ∧ (a = key basis),   check = same ∧ ¬key
//
// Alice's pulses are nibbles, two a byte, the even pulse low: bit 0 bit, bit 1 basis, bits 2–3 intensity. Sixteen bytes
// are gathered by lane loads, the pulse's nibble is brought to the upper half of its byte, and i8x16.bitmask reads the
// four bits as four planes of 16 detections. Bits are compacted by parallel suffix (Warren, Hacker's Delight, 7-4
// "compress"), lane 0 under the key mask and lane 1 under the check mask. Outputs are written in whole words: they need
// room for one word more than their bits. Cost: about 2 lane loads' time a detection; design in KERNELS.md section D.

/** Bits collected so far below a word border, the mask's count of them, and where the next word goes. */
let keyWord: u64 = 0;
let keyFill: u64 = 0;
let keyAt: usize = 0;
let checkWord: u64 = 0;
let checkFill: u64 = 0;
let checkAt: usize = 0;

/**
 * Smallest and largest of `count` u32, `count` a multiple of 4: what of the record the host brings, and its check.
 * @param range 2 u32 out
 */
export function siftRange(slots: usize, count: u32, range: usize): void {
  let low = i32x4.splat(-1);
  let high = i32x4.splat(0);
  const end = slots + (usize(count) << 2);
  for (let p = slots; p < end; p += 16) {
    const four = v128.load(p);
    low = i32x4.min_u(low, four);
    high = i32x4.max_u(high, four);
  }
  const a = min(u32(i32x4.extract_lane(low, 0)), u32(i32x4.extract_lane(low, 1)));
  const b = min(u32(i32x4.extract_lane(low, 2)), u32(i32x4.extract_lane(low, 3)));
  const c = max(u32(i32x4.extract_lane(high, 0)), u32(i32x4.extract_lane(high, 1)));
  const d = max(u32(i32x4.extract_lane(high, 2)), u32(i32x4.extract_lane(high, 3)));
  store<u32>(range, min(a, b), 0);
  store<u32>(range, max(c, d), 4);
}

/** Where the bits under the two masks go, until siftEnd. */
export function siftBegin(key: usize, check: usize): void {
  keyWord = 0;
  keyFill = 0;
  keyAt = key;
  checkWord = 0;
  checkFill = 0;
  checkAt = check;
}

/** Writes the open words and forgets them. */
export function siftEnd(): void {
  store<u64>(keyAt, keyWord);
  store<u64>(checkAt, checkWord);
  keyWord = 0;
  checkWord = 0;
}

/**
 * The next `count` detections, between siftBegin and siftEnd; all but the last call with a multiple of 64.
 * @param preparation address of pulse 0's nibble, modulo 2^32: only pulses that slots name are read
 * @param slots u32 pulse index of each detection, padded to a multiple of 64
 * @param bases Bob's bases, bit packed, padded to whole words @param keyBasis 0 or 1
 * @param counts 8 u32, added to: key bits of intensities 0 … 3, check bits of intensities 0 … 3
 */
export function siftAlice(
  preparation: usize,
  slots: usize,
  bases: usize,
  count: u32,
  keyBasis: u32,
  same: usize,
  counts: usize,
): void {
  const flip: u64 = keyBasis ? 0 : ~(0 as u64);
  let k0: u32 = 0;
  let k1: u32 = 0;
  let k2: u32 = 0;
  let k3: u32 = 0;
  let c0: u32 = 0;
  let c1: u32 = 0;
  let c2: u32 = 0;
  let c3: u32 = 0;
  for (let i: u32 = 0; i < count; i += 64) {
    let bit: u64 = 0;
    let basis: u64 = 0;
    let low: u64 = 0;
    let high: u64 = 0;
    for (let shift: u64 = 0; shift < 64; shift += 16) {
      const nibbles = gather16(preparation, slots);
      slots += 64;
      high |= u64(i8x16.bitmask(nibbles)) << shift;
      low |= u64(i8x16.bitmask(i64x2.shl(nibbles, 1))) << shift;
      basis |= u64(i8x16.bitmask(i64x2.shl(nibbles, 2))) << shift;
      bit |= u64(i8x16.bitmask(i64x2.shl(nibbles, 3))) << shift;
    }
    const equal = ~(basis ^ load<u64>(bases)) & valid(count - i);
    bases += 8;
    store<u64>(same, equal);
    same += 8;
    const inKey = equal & (basis ^ flip);
    const inCheck = equal ^ inKey;
    const none = ~(low | high);
    const both = low & high;
    low ^= both;
    high ^= both;
    k0 += u32(popcnt(inKey & none));
    k1 += u32(popcnt(inKey & low));
    k2 += u32(popcnt(inKey & high));
    k3 += u32(popcnt(inKey & both));
    c0 += u32(popcnt(inCheck & none));
    c1 += u32(popcnt(inCheck & low));
    c2 += u32(popcnt(inCheck & high));
    c3 += u32(popcnt(inCheck & both));
    compact(bit, inKey, inCheck);
  }
  store<u32>(counts, load<u32>(counts, 0) + k0, 0);
  store<u32>(counts, load<u32>(counts, 4) + k1, 4);
  store<u32>(counts, load<u32>(counts, 8) + k2, 8);
  store<u32>(counts, load<u32>(counts, 12) + k3, 12);
  store<u32>(counts, load<u32>(counts, 16) + c0, 16);
  store<u32>(counts, load<u32>(counts, 20) + c1, 20);
  store<u32>(counts, load<u32>(counts, 24) + c2, 24);
  store<u32>(counts, load<u32>(counts, 28) + c3, 28);
}

/**
 * Bob's half, between siftBegin and siftEnd: his bits and bases under the mask Alice sent.
 * @param counts 2 u32 out: bits of the key, of the check
 */
export function siftBob(
  bits: usize,
  bases: usize,
  same: usize,
  count: u32,
  keyBasis: u32,
  counts: usize,
): void {
  const flip: u64 = keyBasis ? 0 : ~(0 as u64);
  let kept: u32 = 0;
  let checked: u32 = 0;
  for (let i: u32 = 0; i < count; i += 64) {
    const equal = load<u64>(same) & valid(count - i);
    const inKey = equal & (load<u64>(bases) ^ flip);
    kept += u32(popcnt(inKey));
    checked += u32(popcnt(equal ^ inKey));
    compact(load<u64>(bits), inKey, equal ^ inKey);
    same += 8;
    bases += 8;
    bits += 8;
  }
  store<u32>(counts, kept, 0);
  store<u32>(counts, checked, 4);
}

/** Sixteen pulses' nibbles in the upper halves of sixteen bytes; the lower halves hold anything. */
// @ts-ignore: decorator
@inline
function gather16(preparation: usize, slots: usize): v128 {
  let even = i8x16.splat(0);
  even = v128.load8_lane(preparation + (load<u32>(slots, 0) >>> 1), even, 0);
  even = v128.load8_lane(preparation + (load<u32>(slots, 4) >>> 1), even, 1);
  even = v128.load8_lane(preparation + (load<u32>(slots, 8) >>> 1), even, 2);
  even = v128.load8_lane(preparation + (load<u32>(slots, 12) >>> 1), even, 3);
  even = v128.load8_lane(preparation + (load<u32>(slots, 16) >>> 1), even, 4);
  even = v128.load8_lane(preparation + (load<u32>(slots, 20) >>> 1), even, 5);
  even = v128.load8_lane(preparation + (load<u32>(slots, 24) >>> 1), even, 6);
  even = v128.load8_lane(preparation + (load<u32>(slots, 28) >>> 1), even, 7);
  even = v128.load8_lane(preparation + (load<u32>(slots, 32) >>> 1), even, 8);
  even = v128.load8_lane(preparation + (load<u32>(slots, 36) >>> 1), even, 9);
  even = v128.load8_lane(preparation + (load<u32>(slots, 40) >>> 1), even, 10);
  even = v128.load8_lane(preparation + (load<u32>(slots, 44) >>> 1), even, 11);
  even = v128.load8_lane(preparation + (load<u32>(slots, 48) >>> 1), even, 12);
  even = v128.load8_lane(preparation + (load<u32>(slots, 52) >>> 1), even, 13);
  even = v128.load8_lane(preparation + (load<u32>(slots, 56) >>> 1), even, 14);
  even = v128.load8_lane(preparation + (load<u32>(slots, 60) >>> 1), even, 15);
  // A slot's lowest bit as the sign of 32 bits stays a sign through both saturating narrowings.
  const odd = i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(i32x4.shl(v128.load(slots, 0), 31), i32x4.shl(v128.load(slots, 16), 31)),
    i16x8.narrow_i32x4_s(i32x4.shl(v128.load(slots, 32), 31), i32x4.shl(v128.load(slots, 48), 31)),
  );
  return v128.bitselect(even, i64x2.shl(even, 4), i8x16.shr_s(odd, 7));
}

// @ts-ignore: decorator
@inline
function valid(left: u32): u64 {
  return left >= 64 ? ~(0 as u64) : ((1 as u64) << left) - 1;
}

/** Appends the bits of `bit` under each mask, without branches: the open word is stored every time. */
// @ts-ignore: decorator
@inline
function compact(bit: u64, inKey: u64, inCheck: u64): void {
  const packed = compress(bit, inKey, inCheck);
  const k = u64(i64x2.extract_lane(packed, 0));
  const c = u64(i64x2.extract_lane(packed, 1));
  const keyEnd = keyFill + popcnt(inKey);
  const keyFull = keyWord | (k << keyFill);
  store<u64>(keyAt, keyFull);
  // (k >> 1) >> (63 − fill): a shift by 64 would be a shift by 0
  keyWord = keyEnd & 64 ? (k >> 1) >> (63 - keyFill) : keyFull;
  keyAt += usize(keyEnd >> 6) << 3;
  keyFill = keyEnd & 63;
  const checkEnd = checkFill + popcnt(inCheck);
  const checkFull = checkWord | (c << checkFill);
  store<u64>(checkAt, checkFull);
  checkWord = checkEnd & 64 ? (c >> 1) >> (63 - checkFill) : checkFull;
  checkAt += usize(checkEnd >> 6) << 3;
  checkFill = checkEnd & 63;
}

/** Bits of `bit` under two masks, each moved together at the low end of its lane. */
// @ts-ignore: decorator
@inline
function compress(bit: u64, inKey: u64, inCheck: u64): v128 {
  let mask = i64x2.replace_lane(i64x2.splat(inKey), 1, inCheck);
  let x = v128.and(i64x2.splat(bit), mask);
  let holes = i64x2.shl(v128.not(mask), 1);
  for (let step: i32 = 1; step < 64; step <<= 1) {
    let prefix = v128.xor(holes, i64x2.shl(holes, 1));
    prefix = v128.xor(prefix, i64x2.shl(prefix, 2));
    prefix = v128.xor(prefix, i64x2.shl(prefix, 4));
    prefix = v128.xor(prefix, i64x2.shl(prefix, 8));
    prefix = v128.xor(prefix, i64x2.shl(prefix, 16));
    prefix = v128.xor(prefix, i64x2.shl(prefix, 32));
    const move = v128.and(prefix, mask);
    mask = v128.or(v128.xor(mask, move), i64x2.shr_u(move, step));
    const moved = v128.and(x, move);
    x = v128.or(v128.xor(x, moved), i64x2.shr_u(moved, step));
    holes = v128.andnot(holes, prefix);
  }
  return x;
}
