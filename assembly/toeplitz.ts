// The Toeplitz hash as an exact middle product in GF(2)[X], by an incomplete Frobenius additive FFT over GF(2^16).
//
// y_i = ⊕_j s_{i−j+n−1} x_j is bit n − 1 + i of s·x. With y = X^w bits are coefficients of y^i·x^j at i·w + j, and the
//   product is taken modulo a polynomial in y of 2^m terms (m = 16, 14, 12): the transform's points are its zeros, the
//   coefficients polynomials in x modulo x^w = y. What wraps falls on bits that are not asked for (src/kernels/toeplitz.ts).
// Steps: basis.ts (monomials to X_i, index bits 8 and up), the split into cosets (m = 16), front.ts (four stages on bits),
//   basis.ts again (index bits 0–7, now on bytes; both commute for k ≥ 12), transform.ts, pointwise.ts or inner.ts; back.
// Layout: `bits` 2^m·w/8 bytes, `points` pointBytes(m, w); nothing else grows with n but two rows tables.
// Constant time: no branch and no address depends on bits of key or seed; data index constant tables inside
//   i8x16.swizzle only.
// Source: KERNELS.md A; W.-K. Chen, M.-S. Chen, P.-C. Kuo, C.-M. Cheng, B.-Y. Yang, "Frobenius additive fast Fourier
//   transform", ISSAC 2018; J. van der Hoeven, R. Larrieu, "The Frobenius FFT", ISSAC 2017.
import { convert, inverseConvert, inverseTaylor, taylor } from "./gf2/basis";
import { prepareField } from "./gf2/field";
import { bitsToBytes, bytesToBits } from "./gf2/front";
import { innerScratch, multiplyLongRows } from "./gf2/inner";
import { multiplyRows, rowsScratch } from "./gf2/pointwise";
import { addRange } from "./gf2/ranges";
import { cosetCount, cosetDegree, listRepresentatives, pointBytes, representativeCount } from "./gf2/representatives";
import { byteStages, inverseByteStages, inverseWordStages, wordStages } from "./gf2/transform";

export function toeplitzPointBytes(m: u32, w: usize): usize {
  return pointBytes(m, w);
}

/** Scratch bytes of the functions below. `block` 0: rows are multiplied directly. */
export function toeplitzScratch(m: u32, w: usize, r: u32, three: bool, block: usize): usize {
  const rows = block ? innerScratch(r, three, block) : rowsScratch(w);
  return max<usize>(12 * representativeCount(m) + rows, 256 + 64 * w) + 64;
}

/** Points of the first `live` units of `bits`, which are used up. */
export function toeplitzForward(bits: usize, points: usize, m: u32, w: usize, live: usize, scratch: usize): void {
  prepareField();
  const unit = w >> 3;
  taylor(bits, m, 8, unit, live);
  convert(bits, m - 8, unit << 8, (live + 255) >> 8);
  if (m < 16) {
    forwardCoset(bits, points, m, w, scratch);
    return;
  }
  for (let i: u32 = 15; i >= 12; i--) add(bits + (unit << i), bits, unit << i);
  for (let block: usize = 0; block < 16; block++) convert(bits + block * (unit << 8), 8, unit, 256);
  for (let i: u32 = 11; i >= 8; i--) add(bits + (unit << i), bits, unit << i);
  for (let k: u32 = 15; k >= 8; k--) {
    forwardCoset(bits + (unit << k), points, k, w, scratch);
    points += unit << k;
  }
  const padded = scratch + 256;
  memory.copy(padded, bits, unit << 8);
  memory.fill(padded + (unit << 8), 0, unit << 8);
  forwardCoset(padded, points, 9, w, scratch);
}

/** a ← a·b at the points. */
export function toeplitzPointwise(a: usize, b: usize, m: u32, w: usize, r: u32, three: bool, block: usize, scratch: usize): void {
  const count = representativeCount(m);
  listRepresentatives(scratch, m, w);
  const work = scratch + 12 * count;
  if (block) multiplyLongRows(a, b, scratch, count, w, r, three, block, work);
  else multiplyRows(a, b, scratch, count, w, work);
}

/** Units `need` and up of the polynomial with these points; the points are used up. */
export function toeplitzInverse(points: usize, bits: usize, m: u32, w: usize, need: usize, scratch: usize): void {
  const unit = w >> 3;
  if (m < 16) inverseCoset(points, bits, m, w, scratch);
  else {
    for (let k: u32 = 15; k >= 8; k--) {
      inverseCoset(points, bits + (unit << k), k, w, scratch);
      points += unit << k;
    }
    const padded = scratch + 256;
    inverseCoset(points, padded, 9, w, scratch);
    memory.copy(bits, padded, unit << 8);
    for (let i: u32 = 8; i <= 11; i++) add(bits + (unit << i), bits, unit << i);
    for (let block: usize = 0; block < 16; block++) inverseConvert(bits + block * (unit << 8), 8, unit, 0);
    for (let i: u32 = 12; i <= 15; i++) add(bits + (unit << i), bits, unit << i);
  }
  inverseConvert(bits, m - 8, unit << 8, need >> 8);
  inverseTaylor(bits, m, 8, unit, need);
}

function add(target: usize, source: usize, bytes: usize): void {
  addRange(target, source, bytes);
}

function forwardCoset(bits: usize, points: usize, k: u32, w: usize, work: usize): void {
  bitsToBytes(bits, points, (w << (k - 4)) >> 3, work);
  if (k >= 12) for (let block: usize = 0; block < <usize>2 << (k - 12); block++) convert(points + block * (w << 8), 8, w, 256);
  const levels = k - 8;
  byteStages(points, w << levels);
  for (let group: usize = 0; group < 16; group++) wordStages(points + group * (w << (levels + 1)), <u32>group, levels, w);
}

function inverseCoset(points: usize, bits: usize, k: u32, w: usize, work: usize): void {
  const levels = k - 8;
  for (let group: usize = 0; group < 16; group++) inverseWordStages(points + group * (w << (levels + 1)), <u32>group, levels, w);
  inverseByteStages(points, w << levels);
  if (k >= 12) for (let block: usize = 0; block < <usize>2 << (k - 12); block++) inverseConvert(points + block * (w << 8), 8, w, 0);
  bytesToBits(points, bits, (w << (k - 4)) >> 3, work);
}

/** target[0, ⌈length/64⌉ words) = bits [bit, bit + length) of source; one byte behind the last word is read. */
export function extractBits(target: usize, source: usize, bit: usize, length: usize): void {
  const shift = <u64>(bit & 7);
  let p = source + (bit >> 3);
  const end = target + ((length + 63) >> 6 << 3);
  for (; target < end; target += 8, p += 8) {
    store<u64>(target, (load<u64>(p) >> shift) | (<u64>load<u8>(p, 8) << 1 << (63 - shift)));
  }
}
