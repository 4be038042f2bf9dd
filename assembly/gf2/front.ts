// First four stages of the transform on a coset v_k + V_k, on bits, and the change from bits to bytes.
//
// In: 2^k coefficients (units of `unit` bytes = w bits, one bit of each of the w columns), basis X_i. At stage i a pair
//   (u, v) becomes u + ω_t·v and, unless pruned, that plus v; t = index >> i. The coset is closed under squaring and
//   f(α²) = f(α)² column by column, so one point of each orbit of 16 is enough: index bits k−1, k−2, k−4, k−8 are 0.
//   Stage k−1 (pruned, ω₂ = v₁ ∈ GF(4)) and k−2 (pruned, ω₄ = v₂ ∈ GF(16)): the tower's own coordinates, no work.
//   Stage k−3: u + v₃·v and that plus v, in GF(16). Stage k−4 (pruned): v₄ + b·v₁: low nibble u + b·v₁·v, high nibble v.
// Out: for b = 0, 1 the 2^(k−4) coefficients of a polynomial over GF(256), each w bytes (one a column) in natural order.
// Layout: in at p, planes of 2^(k−4)·unit bytes; out at q, b's half at q + b·8·plane. `plane` a multiple of 16.
// Cost: ~100 operations for 256 bits in and out. Source: KERNELS.md A.4; W.-K. Chen et al., "Frobenius additive fast
//   Fourier transform", ISSAC 2018, section 3.
import { interleaveBytes, separateBytes, transposeBits } from "./transpose";

/** Row of coefficients with top index bits k−1 … k−4 = (t₀, t₁, c, d), t = t₀ + 2t₁ the tower coordinate in GF(16). */
// @ts-ignore: decorator
@inline
function at(p: usize, plane: usize, t: usize, c: usize, d: usize): usize {
  return p + (8 * (t & 1) + 4 * (t >> 1) + 2 * c + d) * plane;
}

/** work: 256 bytes */
export function bitsToBytes(p: usize, q: usize, plane: usize, work: usize): void {
  for (let o: usize = 0; o < plane; o += 16) {
    for (let d: usize = 0; d < 2; d++) {
      const from = at(p + o, plane, 0, 0, d);
      const u0 = v128.load(from), u1 = v128.load(from + 8 * plane), u2 = v128.load(from + 4 * plane), u3 = v128.load(from + 12 * plane);
      const other = from + 2 * plane;
      const v0 = v128.load(other), v1 = v128.load(other + 8 * plane), v2 = v128.load(other + 4 * plane), v3 = v128.load(other + 12 * plane);
      // v₃·v: rows of the matrix of v₃ = v₁v₂ + v₁ on GF(16)
      const v01 = v128.xor(v0, v1), v12 = v128.xor(v1, v2);
      const w0 = v128.xor(u0, v128.xor(v12, v3)), w1 = v128.xor(u1, v128.xor(v01, v2));
      const w2 = v128.xor(u2, v1), w3 = v128.xor(u3, v01);
      const low = work + (d << 6);
      v128.store(low, w0); v128.store(low, w1, 16); v128.store(low, w2, 32); v128.store(low, w3, 48);
      const high = low + 128;
      v128.store(high, v128.xor(w0, v0)); v128.store(high, v128.xor(w1, v1), 16);
      v128.store(high, v128.xor(w2, v2), 32); v128.store(high, v128.xor(w3, v3), 48);
    }
    const b = work + 128;
    addTimesV1(b, b + 64);
    const to = q + (o << 3);
    transposeBits(work, 16, work, 16);
    interleaveBytes(to, work);
    transposeBits(b, 16, b, 16);
    interleaveBytes(to + (plane << 3), b);
  }
}

export function bytesToBits(q: usize, p: usize, plane: usize, work: usize): void {
  for (let o: usize = 0; o < plane; o += 16) {
    const from = q + (o << 3);
    const b = work + 128;
    separateBytes(work, from);
    transposeBits(work, 16, work, 16);
    separateBytes(b, from + (plane << 3));
    transposeBits(b, 16, b, 16);
    addTimesV1(b, b + 64);
    for (let d: usize = 0; d < 2; d++) {
      const low = work + (d << 6), high = low + 128;
      const w0 = v128.load(low), w1 = v128.load(low, 16), w2 = v128.load(low, 32), w3 = v128.load(low, 48);
      const v0 = v128.xor(v128.load(high), w0), v1 = v128.xor(v128.load(high, 16), w1);
      const v2 = v128.xor(v128.load(high, 32), w2), v3 = v128.xor(v128.load(high, 48), w3);
      const v01 = v128.xor(v0, v1), v12 = v128.xor(v1, v2);
      const to = at(p + o, plane, 0, 0, d);
      v128.store(to, v128.xor(w0, v128.xor(v12, v3))); v128.store(to + 8 * plane, v128.xor(w1, v128.xor(v01, v2)));
      v128.store(to + 4 * plane, v128.xor(w2, v1)); v128.store(to + 12 * plane, v128.xor(w3, v01));
      const other = to + 2 * plane;
      v128.store(other, v0); v128.store(other + 8 * plane, v1);
      v128.store(other + 4 * plane, v2); v128.store(other + 12 * plane, v3);
    }
  }
}

/** Four planes of GF(16): target += v₁·source */
// @ts-ignore: decorator
@inline
function addTimesV1(target: usize, source: usize): void {
  const x0 = v128.load(source), x1 = v128.load(source, 16), x2 = v128.load(source, 32), x3 = v128.load(source, 48);
  v128.store(target, v128.xor(v128.load(target), x1));
  v128.store(target, v128.xor(v128.load(target, 16), v128.xor(x0, x1)), 16);
  v128.store(target, v128.xor(v128.load(target, 32), x3), 32);
  v128.store(target, v128.xor(v128.load(target, 48), v128.xor(x2, x3)), 48);
}
