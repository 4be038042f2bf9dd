// Products of polynomials in x over GF(2^16), 128 pairs side by side (bitslice.ts).
//
// Layout: coefficient j at 256·j bytes. Karatsuba with halves of ⌈m/2⌉ and ⌊m/2⌋, three coefficients by six products.
// Cost K(m) = 2K(⌈m/2⌉) + K(⌊m/2⌋) products, K(1) = 1, K(3) = 6, and ~8m additions a level. Source: A. Karatsuba,
//   Y. Ofman 1962; KERNELS.md A.7.
import { addElements, multiplyElements } from "./bitslice";

/** Scratch bytes for `multiplyPolynomials` of m coefficients. */
export function polynomialScratch(m: usize): usize {
  return 256 * (4 * m + 24);
}

/** out[0 … 2m−2] = a·b, m coefficients each. */
export function multiplyPolynomials(out: usize, a: usize, b: usize, m: usize, scratch: usize): void {
  if (m == 1) {
    multiplyElements(out, a, b, scratch);
    return;
  }
  if (m == 3) {
    multiplyThree(out, a, b, scratch);
    return;
  }
  const g = m >> 1, h = m - g;
  const sumA = scratch, sumB = scratch + (h << 8), middle = scratch + (h << 9), deeper = middle + ((2 * h - 1) << 8);
  addHalves(sumA, a, h, g);
  addHalves(sumB, b, h, g);
  multiplyPolynomials(middle, sumA, sumB, h, deeper);
  multiplyPolynomials(out, a, b, h, deeper);
  const high = out + (h << 9);
  multiplyPolynomials(high, a + (h << 8), b + (h << 8), g, deeper);
  addElements(middle, middle, out, 2 * h - 1);
  addElements(middle, middle, high, 2 * g - 1);
  addElements(out + (h << 8), out + (h << 8), middle, h - 1);
  for (let i: usize = 0; i < 256; i += 16) v128.store(high - 256 + i, v128.load(middle + ((h - 1) << 8) + i));
  addElements(high, high, middle + (h << 8), h - 1);
}

// @ts-ignore: decorator
@inline
function addHalves(sum: usize, a: usize, h: usize, g: usize): void {
  addElements(sum, a, a + (h << 8), g);
  if (h > g) for (let i: usize = 0; i < 256; i += 16) v128.store(sum + (g << 8) + i, v128.load(a + (g << 8) + i));
}

function multiplyThree(out: usize, a: usize, b: usize, scratch: usize): void {
  const sumA = scratch, sumB = scratch + 256, middle = scratch + 512, work = scratch + 768;
  multiplyElements(out, a, b, work);
  multiplyElements(middle, a + 256, b + 256, work);
  multiplyElements(out + 1024, a + 512, b + 512, work);
  addElements(sumA, a, a + 256, 1);
  addElements(sumB, b, b + 256, 1);
  multiplyElements(out + 256, sumA, sumB, work);
  addElements(sumA, a, a + 512, 1);
  addElements(sumB, b, b + 512, 1);
  multiplyElements(out + 512, sumA, sumB, work);
  addElements(sumA, a + 256, a + 512, 1);
  addElements(sumB, b + 256, b + 512, 1);
  multiplyElements(out + 768, sumA, sumB, work);
  addElements(out + 256, out + 256, out, 1);
  addElements(out + 256, out + 256, middle, 1);
  addElements(out + 512, out + 512, out, 1);
  addElements(out + 512, out + 512, middle, 1);
  addElements(out + 512, out + 512, out + 1024, 1);
  addElements(out + 768, out + 768, middle, 1);
  addElements(out + 768, out + 768, out + 1024, 1);
}
