// The cosets of a transform and one point of every Frobenius orbit in them.
//
// m = 16: y^65536 + y, all of GF(2^16) = v₁₅+V₁₅ ∪ … ∪ v₈+V₈ ∪ V₈; V₈'s residues (256 coefficients) are multiplied in
//   full on the further coset v₉+V₉. m = 14, 12: the one coset v_m + V_m.
// Layout: coset after coset, 2^k·w/8 bytes each, in a coset group after group (transform.ts).
// Representative: 12 bytes: offset of its row of low bytes, distance to its high bytes, index.

/** Bytes that the points of a transform of 2^m units of w bits take. */
export function pointBytes(m: u32, w: usize): usize {
  return ((m == 16 ? 65792 : <usize>1 << m) * w) >> 3;
}

export function representativeCount(m: u32): usize {
  return m == 16 ? 4112 : <usize>1 << (m - 4);
}

/** Number of cosets, and the k of number c. */
export function cosetCount(m: u32): u32 {
  return m == 16 ? 9 : 1;
}
export function cosetDegree(m: u32, c: u32): u32 {
  if (m < 16) return m;
  return c == 8 ? 9 : 15 - c;
}

export function listRepresentatives(list: usize, m: u32, w: usize): void {
  let offset: usize = 0;
  for (let c: u32 = 0; c < cosetCount(m); c++) {
    const levels = cosetDegree(m, c) - 8;
    const height = w << levels;
    for (let group: u32 = 0; group < 16; group++) {
      const index = (256 | ((group >> 3) << 5) | ((group & 7) << 1)) << levels;
      for (let point: usize = 0; point < <usize>1 << levels; point++) {
        store<u32>(list, <u32>(offset + point * w));
        store<u32>(list, <u32>height, 4);
        store<u32>(list, index | <u32>point, 8);
        list += 12;
      }
      offset += 2 * height;
    }
  }
}
