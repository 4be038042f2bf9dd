// Products of long rows: a ← a·b mod (x^w − α) by a second additive FFT, in z = x^block over GF(256).
//
// A row is a polynomial in z with ⌈w / block⌉ coefficients of `block` bytes. It is evaluated at P points, P·block ≥ 2w:
//   P = 2^(r+1) points V_{r+1}, or P = 3·2^r points V_{r+1} ∪ (v_{r+1} + V_r). Constants are in GF(256): low and high
//   bytes are transformed apart. Products at the points modulo z − ω_t by Karatsuba over `block` coefficients.
//   Three quarters: f mod s_{r+1} = f₀ + s_r·f₁ and f's values on v_{r+1} + V_r, where s_r = v₁ + …, give
//   h = f|coset + f₀ + v₁·f₁ and f = (f mod s_{r+1}) + s_{r+1}·h.
// 128 lanes are (row, point) pairs, so that a few rows at a time go through in the first-level cache.
// Layout: four areas (a low, a high, b low, b high) of `group` rows of `span` blocks; lane l is row l / P, point l mod P.
// Cost: P·K(block)/128 products a row and r + 1 stages of 2 swizzles for 16 bytes. Source: KERNELS.md A.7; Gao–Mateer IV;
//   J. van der Hoeven, "The truncated Fourier transform and applications", ISSAC 2004.
import { convert, inverseConvert } from "./basis";
import { addByteProduct } from "./bitslice";
import { omegaOf } from "./field";
import { multiplyPolynomials, polynomialScratch } from "./karatsuba";
import { addRange, clearRange, copyRange } from "./ranges";
import { addTimesByte, byteButterflies, foldRow, inverseByteButterflies } from "./transform";
import { elementsToRows, rowsToElements, transposeBits } from "./transpose";

function pointCount(r: u32, three: bool): usize {
  return <usize>(three ? 3 : 2) << r;
}
function spanBytes(r: u32, three: bool, block: usize): usize {
  return block << (three ? r + 2 : r + 1);
}
/** Rows whose points fill whole batches of 128 lanes. */
function groupRows(points: usize): usize {
  return max<usize>(1, 128 >> ctz(points));
}

export function innerScratch(r: u32, three: bool, block: usize): usize {
  const points = pointCount(r, three);
  const group = groupRows(points);
  const batches = (group * points) >> 7;
  return batches * 1280 + 2048 + group * 4 * spanBytes(r, three, block) + block * 1024 + polynomialScratch(block);
}

export function multiplyLongRows(a: usize, b: usize, list: usize, count: usize, w: usize, r: u32, three: bool, block: usize, scratch: usize): void {
  const points = pointCount(r, three), group = groupRows(points), batches = (group * points) >> 7;
  const span = spanBytes(r, three, block);
  const area = group * span;
  const tables = scratch, work = tables + batches * 1280, areas = work + 2048;
  const x = areas + 4 * area, y = x + (block << 8), product = y + (block << 8), deeper = product + (block << 9);
  for (let batch: usize = 0; batch < batches; batch++) {
    prepareLanes(tables + batch * 1280, areas, area, span, block, points, batch, work);
  }
  for (let first: usize = 0; first < count; first += group) {
    const rows = min(group, count - first);
    for (let i: usize = 0; i < rows; i++) {
      const entry = list + 12 * (first + i);
      const low = load<u32>(entry), high = low + load<u32>(entry, 4), to = areas + i * span;
      evaluate(to, a + low, w, r, three, block);
      evaluate(to + area, a + high, w, r, three, block);
      evaluate(to + 2 * area, b + low, w, r, three, block);
      evaluate(to + 3 * area, b + high, w, r, three, block);
    }
    for (let batch: usize = 0; batch < batches; batch++) {
      if (batch << 7 >= rows * points) break;
      const table = tables + batch * 1280;
      for (let j: usize = 0; j < block; j += 16) {
        rowsToElements(x + (j << 8), table, j, work);
        rowsToElements(y + (j << 8), table, 2 * area + j, work);
      }
      multiplyPolynomials(product, x, y, block, deeper);
      for (let j: usize = 0; j < block - 1; j++) addByteProduct(product + (j << 8), product + ((j + block) << 8), table + 1024, work);
      for (let j: usize = 0; j < block; j += 16) elementsToRows(table, j, product + (j << 8), work, false);
    }
    for (let i: usize = 0; i < rows; i++) {
      const entry = list + 12 * (first + i);
      const low = a + load<u32>(entry), from = areas + i * span;
      interpolate(from, r, three, block);
      interpolate(from + area, r, three, block);
      foldRow(low, load<u32>(entry, 4), from, area, from + w, w, load<u32>(entry, 8));
    }
  }
}

/** Row addresses (low, high) of a batch's lanes, and the planes of their ω_t behind them. */
function prepareLanes(table: usize, areas: usize, area: usize, span: usize, block: usize, points: usize, batch: usize, work: usize): void {
  for (let lane: usize = 0; lane < 128; lane++) {
    const all = (batch << 7) + lane;
    const point = all % points;
    const low = areas + (all / points) * span + point * block;
    store<u32>(table + 4 * lane, <u32>low);
    store<u32>(table + 4 * lane, <u32>(low + area), 512);
    store<u8>(work + lane, <u8>omegaOf(<u32>point));
  }
  transposeBits(table + 1024, 16, work, 16);
}

/** Values of the row at the points. */
function evaluate(p: usize, row: usize, w: usize, r: u32, three: bool, block: usize): void {
  const degree = three ? r + 1 : r;
  const size = block << degree;
  copyRange(p, row, w);
  clearRange(p + w, size - w);
  convert(p, degree, block, (w + block - 1) / block);
  if (three) {
    const half = block << r, coset = p + size;
    copyRange(coset, p, half);
    addTimesByte(coset, p + half, half, 2);
    cosetStages(coset, r, block, r + 1);
  } else copyRange(p + size, p, size);
  for (let i = three ? <i32>r : <i32>r - 1; i >= 0; i--) {
    const half = block << i;
    const blocks: usize = <usize>1 << (r - i);
    addRange(p + half, p, half);
    for (let b: usize = 1; b < blocks; b++) {
      const u = p + b * 2 * half;
      byteButterflies(u, u + half, half, <u32>b << 1);
    }
  }
}

/** Stages levels−1 … 0 on the coset v_degree + V_levels. */
function cosetStages(p: usize, levels: u32, block: usize, degree: u32): void {
  for (let i = <i32>levels - 1; i >= 0; i--) {
    const half = block << i;
    for (let b: usize = 0; b < <usize>1 << (levels - 1 - i); b++) {
      const u = p + b * 2 * half;
      byteButterflies(u, u + half, half, (1 << (degree - i)) | (<u32>b << 1));
    }
  }
}

/** Coefficients from the values at the points. */
function interpolate(p: usize, r: u32, three: bool, block: usize): void {
  for (let i: u32 = 0; i <= r; i++) {
    const half = block << i;
    const blocks: usize = <usize>1 << (r - i);
    addRange(p + half, p, half);
    for (let b: usize = 1; b < blocks; b++) {
      const u = p + b * 2 * half;
      inverseByteButterflies(u, u + half, half, <u32>b << 1);
    }
  }
  if (!three) {
    inverseConvert(p, r + 1, block, 0);
    return;
  }
  const half = block << r, coset = p + 2 * half;
  for (let i: u32 = 0; i < r; i++) {
    const step = block << i;
    for (let b: usize = 0; b < <usize>1 << (r - 1 - i); b++) {
      const u = coset + b * 2 * step;
      inverseByteButterflies(u, u + step, step, (1 << (r + 1 - i)) | (<u32>b << 1));
    }
  }
  addRange(coset, p, half);
  addTimesByte(coset, p + half, half, 2);
  clearRange(coset + half, half);
  inverseConvert(p, r + 2, block, 0);
}
