// Products in GF(2)[X], constant-time in the operands: Karatsuba over blocks of 1024 bits, schoolbook below.
// Layout: little-endian bit strings. Cost: 3^log2(bits / 1024) base products of ~30 000 v128 operations each.
// No branch and no address depends on a bit of an operand: bits become masks.

const baseBytes: usize = 128;
// Eight copies of a base operand, shifted by 0 … 7 bits, 144 bytes each.
const copyBytes: usize = 144;

/** Scratch bytes that `multiply` needs for operands of `bytes` bytes. */
export function multiplyScratch(bytes: usize): usize {
  return 4 * bytes + 8 * copyBytes + 64;
}

/** out[0, 2·bytes) = a · b; bytes a power of two times 128; out apart from a and b. */
export function multiply(out: usize, a: usize, b: usize, bytes: usize, scratch: usize): void {
  if (bytes == baseBytes) {
    multiplyBase(out, a, b, scratch);
    return;
  }
  const half = bytes >> 1;
  const sumA = scratch;
  const sumB = scratch + half;
  const middle = scratch + bytes;
  const deeper = scratch + 2 * bytes;
  multiply(out, a, b, half, deeper);
  multiply(out + bytes, a + half, b + half, half, deeper);
  for (let i: usize = 0; i < half; i += 16) {
    v128.store(sumA + i, v128.xor(v128.load(a + i), v128.load(a + half + i)));
    v128.store(sumB + i, v128.xor(v128.load(b + i), v128.load(b + half + i)));
  }
  multiply(middle, sumA, sumB, half, deeper);
  for (let i: usize = 0; i < bytes; i += 16) {
    const both = v128.xor(v128.load(out + i), v128.load(out + bytes + i));
    v128.store(middle + i, v128.xor(v128.load(middle + i), both));
  }
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(out + half + i, v128.xor(v128.load(out + half + i), v128.load(middle + i)));
  }
}

function multiplyBase(out: usize, a: usize, b: usize, copies: usize): void {
  for (let i: usize = 0; i < 2 * baseBytes; i += 16) v128.store(out + i, i64x2.splat(0));
  shiftedCopies(copies, a);
  for (let k: usize = 0; k < baseBytes; k++) addByte(out + k, copies, load<u8>(b + k));
}

function shiftedCopies(copies: usize, a: usize): void {
  for (let i: usize = 0; i < baseBytes; i += 16) v128.store(copies + i, v128.load(a + i));
  v128.store(copies + baseBytes, i64x2.splat(0));
  for (let r: usize = 1; r < 8; r++) {
    const to = copies + r * copyBytes;
    let carry: u64 = 0;
    for (let i: usize = 0; i < baseBytes; i += 8) {
      const word = load<u64>(a + i);
      store<u64>(to + i, (word << r) | carry);
      carry = word >> (64 - r);
    }
    store<u64>(to + baseBytes, carry);
    store<u64>(to + baseBytes, 0, 8);
  }
}

// @ts-ignore: decorator
@inline
function maskOf(byte: u32, bit: u32): v128 {
  return i8x16.splat(<i8>(0 - ((byte >> bit) & 1)));
}

// @ts-ignore: decorator
@inline
function addAt(sum: v128, copies: usize, at: usize, m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, m6: v128, m7: v128): v128 {
  const p = copies + at;
  sum = v128.xor(sum, v128.and(v128.load(p, 0 * copyBytes), m0));
  sum = v128.xor(sum, v128.and(v128.load(p, 1 * copyBytes), m1));
  sum = v128.xor(sum, v128.and(v128.load(p, 2 * copyBytes), m2));
  sum = v128.xor(sum, v128.and(v128.load(p, 3 * copyBytes), m3));
  sum = v128.xor(sum, v128.and(v128.load(p, 4 * copyBytes), m4));
  sum = v128.xor(sum, v128.and(v128.load(p, 5 * copyBytes), m5));
  sum = v128.xor(sum, v128.and(v128.load(p, 6 * copyBytes), m6));
  return v128.xor(sum, v128.and(v128.load(p, 7 * copyBytes), m7));
}

function addByte(out: usize, copies: usize, byte: u32): void {
  const m0 = maskOf(byte, 0), m1 = maskOf(byte, 1), m2 = maskOf(byte, 2), m3 = maskOf(byte, 3);
  const m4 = maskOf(byte, 4), m5 = maskOf(byte, 5), m6 = maskOf(byte, 6), m7 = maskOf(byte, 7);
  for (let i: usize = 0; i < baseBytes; i += 16) {
    v128.store(out + i, addAt(v128.load(out + i), copies, i, m0, m1, m2, m3, m4, m5, m6, m7));
  }
  const top = addAt(i64x2.splat(0), copies, baseBytes, m0, m1, m2, m3, m4, m5, m6, m7);
  store<u8>(out + baseBytes, load<u8>(out + baseBytes) ^ <u8>i8x16.extract_lane_u(top, 0));
}
