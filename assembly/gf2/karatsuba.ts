// Products of polynomials in x over GF(2^16), 128 pairs side by side (bitslice.ts).
//
// Layout: coefficient j at 256·j bytes. Karatsuba: four coefficients by nine products with all additions in two passes,
//   three by six, even m by halves, odd m by ⌈m/2⌉ and ⌊m/2⌋.
// Cost K(m) = 3K(m/2) products, K(4) = 9, K(3) = 6; of the time, additions take a quarter. Source: A. Karatsuba,
//   Y. Ofman 1962; KERNELS.md A.7.
import { addElements, multiplyElements } from "./bitslice";

/** Scratch bytes for `multiplyPolynomials` of m coefficients. */
export function polynomialScratch(m: usize): usize {
  return 256 * (4 * m + 32);
}

/** out[0 … 2m−2] = a·b, m coefficients each. */
export function multiplyPolynomials(out: usize, a: usize, b: usize, m: usize, scratch: usize): void {
  if (m == 4) multiplyFour(out, a, b, scratch);
  else if (m == 3) multiplyThree(out, a, b, scratch);
  else if (m == 1) multiplyElements(out, a, b, scratch);
  else if (m & 1) multiplyOdd(out, a, b, m, scratch);
  else {
    const h = m >> 1, half = h << 8;
    const sumA = scratch, sumB = scratch + half, middle = sumB + half, deeper = middle + 2 * half;
    addElements(sumA, a, a + half, h);
    addElements(sumB, b, b + half, h);
    multiplyPolynomials(middle, sumA, sumB, h, deeper);
    multiplyPolynomials(out, a, b, h, deeper);
    multiplyPolynomials(out + 2 * half, a + half, b + half, h, deeper);
    combineHalves(out, middle, half);
  }
}

/**
 * With L, H, M the products of the low halves, the high halves and the sums, of 2h − 1 coefficients: out = L + x^2h·H
 * becomes L + x^h·(M + L + H) + x^2h·H. L's upper and H's lower half enter two places with the same sum.
 */
function combineHalves(out: usize, middle: usize, half: usize): void {
  const last = half - 256; // the halves meet in coefficient 2h − 1
  for (let o: usize = 0; o < last; o += 16) {
    const low = out + o, high = low + 2 * half, m = middle + o;
    const shared = v128.xor(v128.load(low + half), v128.load(high));
    v128.store(low + half, v128.xor(shared, v128.xor(v128.load(m), v128.load(low))));
    v128.store(high, v128.xor(shared, v128.xor(v128.load(m + half), v128.load(high + half))));
  }
  for (let o = last; o < half; o += 16) {
    const low = out + o;
    v128.store(low + half, v128.xor(v128.load(middle + o), v128.xor(v128.load(low), v128.load(low + 2 * half))));
  }
}

/** Sums for `multiplyFour`: a₀ + a₁, a₂ + a₃, a₀ + a₂, a₁ + a₃ and all four. */
// @ts-ignore: decorator
@inline
function sumsOfFour(sums: usize, a: usize): void {
  for (let o: usize = 0; o < 256; o += 16) {
    const p = a + o, s = sums + o;
    const a0 = v128.load(p), a1 = v128.load(p, 256), a2 = v128.load(p, 512), a3 = v128.load(p, 768);
    const a02 = v128.xor(a0, a2), a13 = v128.xor(a1, a3);
    v128.store(s, v128.xor(a0, a1));
    v128.store(s, v128.xor(a2, a3), 256);
    v128.store(s, a02, 512);
    v128.store(s, a13, 768);
    v128.store(s, v128.xor(a02, a13), 1024);
  }
}

function multiplyFour(out: usize, a: usize, b: usize, scratch: usize): void {
  const sumsA = scratch, sumsB = sumsA + 1280, products = sumsB + 1280, work = products + 1792;
  sumsOfFour(sumsA, a);
  sumsOfFour(sumsB, b);
  multiplyElements(out, a, b, work);
  multiplyElements(products, a + 256, b + 256, work);
  multiplyElements(products + 256, a + 512, b + 512, work);
  multiplyElements(out + 1536, a + 768, b + 768, work);
  for (let i: usize = 0; i < 1280; i += 256) multiplyElements(products + 512 + i, sumsA + i, sumsB + i, work);
  for (let o: usize = 0; o < 256; o += 16) {
    const q = out + o, p = products + o;
    const p0 = v128.load(q), p1 = v128.load(p), p2 = v128.load(p, 256), p3 = v128.load(q, 1536);
    const c1 = v128.xor(v128.load(p, 512), v128.xor(p0, p1));
    const c5 = v128.xor(v128.load(p, 768), v128.xor(p2, p3));
    const p02 = v128.load(p, 1024), p13 = v128.load(p, 1280), p12 = v128.xor(p1, p2);
    v128.store(q, c1, 256);
    v128.store(q, c5, 1280);
    v128.store(q, v128.xor(p02, v128.xor(p0, p12)), 512);
    v128.store(q, v128.xor(p13, v128.xor(p12, p3)), 1024);
    v128.store(q, v128.xor(v128.xor(v128.load(p, 1536), v128.xor(p02, p13)), v128.xor(c1, c5)), 768);
  }
}

function multiplyThree(out: usize, a: usize, b: usize, scratch: usize): void {
  const sumsA = scratch, sumsB = sumsA + 768, products = sumsB + 768, work = products + 1024;
  sumsOfThree(sumsA, a);
  sumsOfThree(sumsB, b);
  multiplyElements(out, a, b, work);
  multiplyElements(products, a + 256, b + 256, work);
  multiplyElements(out + 1024, a + 512, b + 512, work);
  for (let i: usize = 0; i < 768; i += 256) multiplyElements(products + 256 + i, sumsA + i, sumsB + i, work);
  for (let o: usize = 0; o < 256; o += 16) {
    const q = out + o, p = products + o;
    const p0 = v128.load(q), p1 = v128.load(p), p2 = v128.load(q, 1024);
    v128.store(q, v128.xor(v128.load(p, 256), v128.xor(p0, p1)), 256);
    v128.store(q, v128.xor(v128.xor(v128.load(p, 512), p0), v128.xor(p1, p2)), 512);
    v128.store(q, v128.xor(v128.load(p, 768), v128.xor(p1, p2)), 768);
  }
}

/** a₀ + a₁, a₀ + a₂, a₁ + a₂ */
// @ts-ignore: decorator
@inline
function sumsOfThree(sums: usize, a: usize): void {
  for (let o: usize = 0; o < 256; o += 16) {
    const p = a + o, s = sums + o;
    const a0 = v128.load(p), a1 = v128.load(p, 256), a2 = v128.load(p, 512);
    v128.store(s, v128.xor(a0, a1));
    v128.store(s, v128.xor(a0, a2), 256);
    v128.store(s, v128.xor(a1, a2), 512);
  }
}

function multiplyOdd(out: usize, a: usize, b: usize, m: usize, scratch: usize): void {
  const g = m >> 1, h = m - g;
  const sumA = scratch, sumB = scratch + (h << 8), middle = scratch + (h << 9), deeper = middle + ((2 * h - 1) << 8);
  addElements(sumA, a, a + (h << 8), g);
  addElements(sumB, b, b + (h << 8), g);
  copyElement(sumA + (g << 8), a + (g << 8));
  copyElement(sumB + (g << 8), b + (g << 8));
  multiplyPolynomials(middle, sumA, sumB, h, deeper);
  multiplyPolynomials(out, a, b, h, deeper);
  const high = out + (h << 9);
  multiplyPolynomials(high, a + (h << 8), b + (h << 8), g, deeper);
  addElements(middle, middle, out, 2 * h - 1);
  addElements(middle, middle, high, 2 * g - 1);
  addElements(out + (h << 8), out + (h << 8), middle, h - 1);
  copyElement(high - 256, middle + ((h - 1) << 8));
  addElements(high, high, middle + (h << 8), h - 1);
}

// @ts-ignore: decorator
@inline
function copyElement(to: usize, from: usize): void {
  for (let i: usize = 0; i < 256; i += 16) v128.store(to + i, v128.load(from + i));
}
