// Products at the representatives: a ← a·b mod (x^w − α), coefficients in GF(2^16), 128 representatives side by side.
//
// Direct: rows to bit lanes, Karatsuba over all w coefficients, fold c_j += α·c_{j+w}, back to rows.
// Long rows (w ≳ 64): a second additive FFT in z = x^block over GF(256), see inner.ts.
// Layout: rows of w bytes, low and high bytes apart (representatives.ts); `b` in the same layout as `a`.
// Cost: K(w) products of 128 pairs for 128 representatives (karatsuba.ts). Source: KERNELS.md A.7.
import { addProduct } from "./bitslice";
import { omegaOf } from "./field";
import { multiplyPolynomials, polynomialScratch } from "./karatsuba";
import { elementsToRows, rowsToElements, transposeBits } from "./transpose";

/** Scratch bytes of `multiplyRows`: row tables 1 KiB, α 256 B, work 2 KiB, then operands and product. */
export function rowsScratch(w: usize): usize {
  const wide = (w + 15) & ~15;
  return 1024 + 256 + 2048 + 1024 * wide + polynomialScratch(w);
}

export function multiplyRows(a: usize, b: usize, list: usize, count: usize, w: usize, scratch: usize): void {
  const wide = (w + 15) & ~15;
  const rows = scratch, alpha = rows + 1024, work = alpha + 256;
  const x = work + 2048, y = x + (wide << 8), product = y + (wide << 8), deeper = product + (wide << 9);
  for (let first: usize = 0; first < count; first += 128) {
    for (let lane: usize = 0; lane < 128; lane++) {
      // Lanes behind the last representative repeat it: the same values are stored again.
      const entry = list + 12 * min(first + lane, count - 1);
      const low = a + load<u32>(entry);
      store<u32>(rows + 4 * lane, <u32>low);
      store<u32>(rows + 4 * lane, <u32>low + load<u32>(entry, 4), 512);
      const value = omegaOf(load<u32>(entry, 8));
      store<u8>(work + lane, <u8>value);
      store<u8>(work + lane, <u8>(value >> 8), 128);
    }
    transposeBits(alpha, 16, work, 16);
    transposeBits(alpha + 128, 16, work + 128, 16);
    for (let j: usize = 0; j < w; j += 16) {
      rowsToElements(x + (j << 8), rows, j, work);
      rowsToElements(y + (j << 8), rows, b - a + j, work);
    }
    multiplyPolynomials(product, x, y, w, deeper);
    for (let j: usize = 0; j < w - 1; j++) addProduct(product + (j << 8), product + ((j + w) << 8), alpha, work);
    for (let j: usize = 0; j < w; j += 16) elementsToRows(rows, j, product + (j << 8), work, w - j < 16);
  }
}
