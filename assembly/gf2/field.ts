// The field GF(2^16) as a tower, and multiplication of bytes by constants through nibble tables.
//
// Tower: GF(2) ⊂ GF(4) ⊂ GF(16) ⊂ GF(256) ⊂ GF(2^16), each step V² = V + v_{h−1} with h the degree below. Bits of an
//   element: 0 | 1 | 2–3 | 4–7 | 8–15, one group a step: so GF(256) constants act on low and high byte apart.
// Cantor basis: v_0 = 1, v_i² + v_i = v_{i−1}; v_1, v_2, v_4, v_8 are the tower's generators. ω_c = Σ (bit i of c)·v_i.
//   With s_i the polynomial that vanishes on span(v_0 … v_{i−1}): s_i(v_j) = v_{j−i}, hence s_i(ω_c) = ω_{c >> i}.
// Layout: byteTables: 32 bytes for each ω_c, c < 256: ω_c·x for x < 16, then ω_c·16x.
//   wordTables: 96 bytes for each v_j, j < 16 (low, sum and high part of the constant, see `wordTable`); stepTables:
//   Σ_{1 ≤ j ≤ z+1} wordTables[j], what changes from one block's constant to the next; pairStepTables: the same for every
//   second block, Σ_{2 ≤ j ≤ z+2}.
// Constant time: tables hold public constants; data index them inside i8x16.swizzle only, never memory.
// Cost: 2 swizzles for 16 bytes by a GF(256) constant, 6 for 16 elements by one of GF(2^16).
// Source: D. Cantor, J. Combin. Theory A 50 (1989) 285–300; S. Gao, T. Mateer, IEEE Trans. Inf. Theory 56 (2010)
//   6265–6272, section II; KERNELS.md A.

const cantorBasis = memory.data<u16>([
  1, 2, 4, 10, 16, 40, 74, 172, 256, 640, 1194, 2754, 4262, 10484, 19088, 44232,
], 16);

export const byteTables: usize = memory.data(256 * 32, 16);
export const wordTables: usize = memory.data(16 * 96, 16);
export const stepTables: usize = memory.data(15 * 96, 16);
export const pairStepTables: usize = memory.data(14 * 96, 16);
let ready = false;

export function cantor(i: u32): u32 {
  return load<u16>(cantorBasis + (<usize>i << 1));
}

/** a·b in the subfield of `degree` bits. For tables: branches on its operands' degree only. */
export function fieldMultiply(a: u32, b: u32, degree: u32 = 16): u32 {
  if (degree == 1) return a & b;
  const half = degree >> 1;
  const mask: u32 = (1 << half) - 1;
  const low = fieldMultiply(a & mask, b & mask, half);
  const high = fieldMultiply(a >> half, b >> half, half);
  const cross = fieldMultiply((a ^ (a >> half)) & mask, (b ^ (b >> half)) & mask, half);
  return (low ^ fieldMultiply(high, cantor(half - 1), half)) | ((cross ^ low) << half);
}

/** ω_index */
export function omega(index: u32): u32 {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < 16; i++) sum ^= cantor(i) * ((index >> i) & 1);
  return sum;
}

function byteTable(at: usize, constant: u32): void {
  for (let x: u32 = 0; x < 16; x++) {
    store<u8>(at + x, <u8>fieldMultiply(constant, x, 8));
    store<u8>(at + x + 16, <u8>fieldMultiply(constant, x << 4, 8));
  }
}

/** (c₀ + c₁V)(x + yV) = (c₀x + c₁v₇·y) + ((c₀ + c₁)(x + y) + c₀x)·V: tables of c₀, c₀ + c₁ and c₁v₇, all linear in c. */
function wordTable(at: usize, constant: u32): void {
  const low = constant & 255;
  const high = constant >> 8;
  byteTable(at, low);
  byteTable(at + 32, low ^ high);
  byteTable(at + 64, fieldMultiply(high, cantor(7), 8));
}

/** to = Σ_{from ≤ j ≤ last} wordTables[j] */
function sumTables(to: usize, from: u32, last: u32): void {
  for (let j = from; j <= last; j++) {
    const table = wordTables + <usize>j * 96;
    for (let i: usize = 0; i < 96; i += 16) v128.store(to + i, v128.xor(v128.load(to + i), v128.load(table + i)));
  }
}

/** omegaTable: ω_c of c < 256, then ω_{256c}, 16 bits each. */
const omegaTable: usize = memory.data(1024, 16);

/** ω_index, index < 65536, from the table. */
// @ts-ignore: decorator
@inline
export function omegaOf(index: u32): u32 {
  return <u32>load<u16>(omegaTable + (<usize>(index & 255) << 1)) ^ <u32>load<u16>(omegaTable + 512 + (<usize>(index >> 8) << 1));
}

/** Fills the tables of constants, once an instance. */
export function prepareField(): void {
  if (ready) return;
  for (let c: u32 = 0; c < 256; c++) byteTable(byteTables + (<usize>c << 5), omega(c));
  for (let j: u32 = 0; j < 16; j++) wordTable(wordTables + <usize>j * 96, cantor(j));
  for (let z: u32 = 0; z < 15; z++) sumTables(stepTables + <usize>z * 96, 1, z + 1);
  for (let z: u32 = 0; z < 14; z++) sumTables(pairStepTables + <usize>z * 96, 2, z + 2);
  for (let c: u32 = 0; c < 256; c++) {
    store<u16>(omegaTable + (<usize>c << 1), <u16>omega(c));
    store<u16>(omegaTable + 512 + (<usize>c << 1), <u16>omega(c << 8));
  }
  ready = true;
}

// @ts-ignore: decorator
@inline
export function lowNibbles(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15));
}

// @ts-ignore: decorator
@inline
export function highNibbles(bytes: v128): v128 {
  return v128.and(i64x2.shr_u(bytes, 4), i8x16.splat(15));
}

/** 16 bytes times the GF(256) constant of the two nibble tables. */
// @ts-ignore: decorator
@inline
export function timesByte(bytes: v128, lowTable: v128, highTable: v128): v128 {
  return v128.xor(i8x16.swizzle(lowTable, lowNibbles(bytes)), i8x16.swizzle(highTable, highNibbles(bytes)));
}

/** 16 bytes times v₁: each pair of bits (x₀, x₁) becomes (x₁, x₀ + x₁). */
// @ts-ignore: decorator
@inline
export function timesV1(bytes: v128): v128 {
  const low = v128.and(i64x2.shr_u(bytes, 1), i8x16.splat(0x55));
  return v128.xor(low, v128.and(v128.xor(bytes, i64x2.shl(bytes, 1)), i8x16.splat(<i8>0xaa)));
}
