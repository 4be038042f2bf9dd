// Syndrome of a quasi-cyclic code on packed bits: row r = ⊕ of its columns, each rotated by its shift.
// Layout: Z a multiple of 32; `doubled`: a column's Z/8 bytes twice one after the other and 16 spare bytes, so that a
// rotation is one unaligned read and a column's place a fourth of that in layered.ts, whose code rows these are. A row is
// summed in pieces of 64 bytes that stay in registers over its edges. Cost: Z/128 vectors an edge.

const piece: usize = 64;

/** 16 bytes from bit `bit` < 8 of `from` on. */
// @ts-ignore: decorator
@inline
function rotated(from: usize, bit: i32): v128 {
  // Two shifts: one by 64 − 0 would be one by 0.
  return v128.or(i64x2.shr_u(v128.load(from), bit), i64x2.shl(i64x2.shl(v128.load(from, 8), 1), 63 - bit));
}

/** word: columns · Z bits. `doubled`: columns · (Z/4 + 16) bytes and 80 spare ones. out: rows · Z bits and 60 spare bytes. */
export function ldpcSyndrome(code: usize, rows: i32, columns: i32, z: u32, word: usize, doubled: usize, out: usize): void {
  const bytes: usize = z >> 3;
  let to = doubled;
  for (let c = 0; c < columns; c++) {
    for (let i: usize = 0; i < bytes; i += 4) {
      const bits = load<u32>(word + i);
      store<u32>(to + i, bits);
      store<u32>(to + bytes + i, bits);
    }
    store<u64>(to + 2 * bytes, load<u64>(to));
    word += bytes;
    to += 2 * bytes + 16;
  }
  for (let row = 0; row < rows; row++) {
    const edges = code + 4;
    const end = edges + (<usize>load<u32>(code) << 3);
    for (let i: usize = 0; i < bytes; i += piece) {
      let a = i64x2.splat(0), b = a, c = a, d = a;
      for (let edge = edges; edge < end; edge += 8) {
        const shift = load<u32>(edge, 4);
        const from = doubled + (load<u32>(edge) >> 2) + (shift >> 3) + i;
        const bit = shift & 7;
        a = v128.xor(a, rotated(from, bit));
        b = v128.xor(b, rotated(from + 16, bit));
        c = v128.xor(c, rotated(from + 32, bit));
        d = v128.xor(d, rotated(from + 48, bit));
      }
      // What is too much of the last piece the next row writes again.
      v128.store(out + i, a);
      v128.store(out + i, b, 16);
      v128.store(out + i, c, 32);
      v128.store(out + i, d, 48);
    }
    code = end + 4 + (<usize>load<u32>(end) << 3);
    out += bytes;
  }
}
