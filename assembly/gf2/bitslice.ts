// Products of 128 pairs of GF(2^16) elements at once, one bit lane a pair: XOR and AND only, so constant time.
//
// Layout: an element is 16 planes of 128 bits, plane t (16t bytes in) the lanes' tower coordinate t.
// Karatsuba at each step of the tower: GF(4) from 3 ANDs, GF(16) from 9, GF(256) from 27, GF(2^16) from 81;
//   (a₀ + a₁V)(b₀ + b₁V) = (a₀b₀ + c·a₁b₁) + ((a₀ + a₁)(b₀ + b₁) + a₀b₀)·V with c = 1, v₁, v₃, v₇.
// Cost: 383 operations for 128 products; 245 where one factor lies in GF(256). Operands are loaded next to their use:
//   more than 16 live vectors spill.
// Source: field.ts for the tower; KERNELS.md A.7.

/** Plane t of an element's byte `part`: 0 low, 1 high, 2 their sum. */
// @ts-ignore: decorator
@inline
function plane(a: usize, t: usize, part: i32): v128 {
  if (part == 0) return v128.load(a + 16 * t);
  if (part == 1) return v128.load(a + 128 + 16 * t);
  return v128.xor(v128.load(a + 16 * t), v128.load(a + 128 + 16 * t));
}

// The four coordinates of a GF(16) product from its nine ANDs: p, q, r = a₀b₀, a₁b₁, (a₀ + a₁)(b₀ + b₁) in GF(4), for
// the low pair (0), the high pair (1) and their sum (2).
// @ts-ignore: decorator
@inline
function bit0(p0: v128, q0: v128, p1: v128, r1: v128): v128 {
  return v128.xor(v128.xor(p0, q0), v128.xor(p1, r1));
}
// @ts-ignore: decorator
@inline
function bit1(p0: v128, r0: v128, q1: v128, r1: v128): v128 {
  return v128.xor(v128.xor(p0, r0), v128.xor(q1, r1));
}
// @ts-ignore: decorator
@inline
function bit2(p0: v128, q0: v128, p2: v128, q2: v128): v128 {
  return v128.xor(v128.xor(p0, q0), v128.xor(p2, q2));
}
// @ts-ignore: decorator
@inline
function bit3(p0: v128, r0: v128, p2: v128, r2: v128): v128 {
  return v128.xor(v128.xor(p0, r0), v128.xor(p2, r2));
}

/** out[0 … 7] = the GF(256) product of a's byte `partA` and b's byte `partB`. */
// @ts-ignore: decorator
@inline
function multiplyBytes(out: usize, a: usize, partA: i32, b: usize, partB: i32): void {
  const a4 = plane(a, 4, partA), a5 = plane(a, 5, partA), a6 = plane(a, 6, partA), a7 = plane(a, 7, partA);
  const b4 = plane(b, 4, partB), b5 = plane(b, 5, partB), b6 = plane(b, 6, partB), b7 = plane(b, 7, partB);
  let p0 = v128.and(a4, b4), q0 = v128.and(a5, b5), r0 = v128.and(v128.xor(a4, a5), v128.xor(b4, b5));
  let p1 = v128.and(a6, b6), q1 = v128.and(a7, b7), r1 = v128.and(v128.xor(a6, a7), v128.xor(b6, b7));
  let x = v128.xor(a4, a6), y = v128.xor(a5, a7), z = v128.xor(b4, b6), u = v128.xor(b5, b7);
  let p2 = v128.and(x, z), q2 = v128.and(y, u), r2 = v128.and(v128.xor(x, y), v128.xor(z, u));
  const m0 = bit0(p0, q0, p1, r1), m1 = bit1(p0, r0, q1, r1), m2 = bit2(p0, q0, p2, q2), m3 = bit3(p0, r0, p2, r2);
  const a0 = plane(a, 0, partA), a1 = plane(a, 1, partA), a2 = plane(a, 2, partA), a3 = plane(a, 3, partA);
  const b0 = plane(b, 0, partB), b1 = plane(b, 1, partB), b2 = plane(b, 2, partB), b3 = plane(b, 3, partB);
  p0 = v128.and(a0, b0), q0 = v128.and(a1, b1), r0 = v128.and(v128.xor(a0, a1), v128.xor(b0, b1));
  p1 = v128.and(a2, b2), q1 = v128.and(a3, b3), r1 = v128.and(v128.xor(a2, a3), v128.xor(b2, b3));
  x = v128.xor(a0, a2), y = v128.xor(a1, a3), z = v128.xor(b0, b2), u = v128.xor(b1, b3);
  p2 = v128.and(x, z), q2 = v128.and(y, u), r2 = v128.and(v128.xor(x, y), v128.xor(z, u));
  const l0 = bit0(p0, q0, p1, r1), l1 = bit1(p0, r0, q1, r1), l2 = bit2(p0, q0, p2, q2), l3 = bit3(p0, r0, p2, r2);
  const m01 = v128.xor(m0, m1), m12 = v128.xor(m1, m2); // low nibble: l + v₃·m
  v128.store(out, v128.xor(l0, v128.xor(m12, m3))); v128.store(out, v128.xor(l1, v128.xor(m01, m2)), 16);
  v128.store(out, v128.xor(l2, m1), 32); v128.store(out, v128.xor(l3, m01), 48);
  const c0 = v128.xor(plane(a, 0, partA), plane(a, 4, partA)), d0 = v128.xor(plane(b, 0, partB), plane(b, 4, partB));
  const c1 = v128.xor(plane(a, 1, partA), plane(a, 5, partA)), d1 = v128.xor(plane(b, 1, partB), plane(b, 5, partB));
  const c2 = v128.xor(plane(a, 2, partA), plane(a, 6, partA)), d2 = v128.xor(plane(b, 2, partB), plane(b, 6, partB));
  const c3 = v128.xor(plane(a, 3, partA), plane(a, 7, partA)), d3 = v128.xor(plane(b, 3, partB), plane(b, 7, partB));
  p0 = v128.and(c0, d0), q0 = v128.and(c1, d1), r0 = v128.and(v128.xor(c0, c1), v128.xor(d0, d1));
  p1 = v128.and(c2, d2), q1 = v128.and(c3, d3), r1 = v128.and(v128.xor(c2, c3), v128.xor(d2, d3));
  x = v128.xor(c0, c2), y = v128.xor(c1, c3), z = v128.xor(d0, d2), u = v128.xor(d1, d3);
  p2 = v128.and(x, z), q2 = v128.and(y, u), r2 = v128.and(v128.xor(x, y), v128.xor(z, u));
  v128.store(out, v128.xor(l0, bit0(p0, q0, p1, r1)), 64); v128.store(out, v128.xor(l1, bit1(p0, r0, q1, r1)), 80);
  v128.store(out, v128.xor(l2, bit2(p0, q0, p2, q2)), 96); v128.store(out, v128.xor(l3, bit3(p0, r0, p2, r2)), 112);
}

/** out = a·b; out apart from a and b. work: 256 bytes. */
export function multiplyElements(out: usize, a: usize, b: usize, work: usize): void {
  const top = work + 128;
  multiplyBytes(top, a, 1, b, 1);
  multiplyBytes(work, a, 2, b, 2);
  multiplyBytes(out, a, 0, b, 0);
  combine(out, work, top);
}

/** low: a₀b₀ already in out[0 … 7]; high byte = cross + a₀b₀; low byte += v₇·top. */
// @ts-ignore: decorator
@inline
function combine(out: usize, cross: usize, top: usize): void {
  for (let t: usize = 0; t < 128; t += 16) v128.store(out + t + 128, v128.xor(v128.load(cross + t), v128.load(out + t)));
  const x1 = v128.load(top, 16), x5 = v128.load(top, 80), x6 = v128.load(top, 96), x2 = v128.load(top, 32);
  const x0 = v128.load(top), x4 = v128.load(top, 64), x7 = v128.load(top, 112), x3 = v128.load(top, 48);
  const x26 = v128.xor(x2, x6), x47 = v128.xor(x4, x7), x15 = v128.xor(x1, x5), x35 = v128.xor(x3, x5);
  const x0156 = v128.xor(v128.xor(x0, x6), x15), x024 = v128.xor(v128.xor(x0, x2), x4);
  const all = v128.xor(v128.xor(x024, x6), x15); // 0 1 2 4 5 6
  addAt(out, 0, v128.xor(x26, x5));
  addAt(out, 16, v128.xor(x35, x47));
  addAt(out, 32, v128.xor(all, x3));
  addAt(out, 48, v128.xor(x024, x7));
  addAt(out, 64, v128.xor(v128.xor(x1, x2), v128.xor(x35, x7)));
  addAt(out, 80, v128.xor(all, x7));
  addAt(out, 96, v128.xor(v128.xor(x1, x6), x47));
  addAt(out, 112, x0156);
}

// @ts-ignore: decorator
@inline
function addAt(out: usize, offset: usize, value: v128): void {
  v128.store(out + offset, v128.xor(v128.load(out + offset), value));
}

/** out += a·b. work: 512 bytes. */
export function addProduct(out: usize, a: usize, b: usize, work: usize): void {
  multiplyElements(work, a, b, work + 256);
  addElements(out, out, work, 1);
}

/** out += a·b with b in GF(256). work: 256 bytes. */
export function addByteProduct(out: usize, a: usize, b: usize, work: usize): void {
  multiplyBytes(work, a, 0, b, 0);
  multiplyBytes(work + 128, a, 1, b, 0);
  addElements(out, out, work, 1);
}

/** target = a + b for `count` elements; target may be a. */
export function addElements(target: usize, a: usize, b: usize, count: usize): void {
  const end = target + (count << 8);
  for (; target < end; target += 64, a += 64, b += 64) {
    v128.store(target, v128.xor(v128.load(a), v128.load(b)));
    v128.store(target, v128.xor(v128.load(a, 16), v128.load(b, 16)), 16);
    v128.store(target, v128.xor(v128.load(a, 32), v128.load(b, 32)), 32);
    v128.store(target, v128.xor(v128.load(a, 48), v128.load(b, 48)), 48);
  }
}
