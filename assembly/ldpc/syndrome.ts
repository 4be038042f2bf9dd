// Syndrome of a quasi-cyclic code on packed bits: row r = ⊕ of its columns, each rotated by its shift.
// Layout: Z a multiple of 32; `doubled`: a column's Z/8 bytes twice one after the other and 8 spare bytes, so that a
// rotation is one unaligned read. Code rows as in layered.ts, whose column addresses are of Z + 64 bytes a column; each is
// divided once a call. Cost: Z/128 vectors an edge.

/** word: columns · Z bits and 16 spare bytes. out: rows · Z bits. */
export function ldpcSyndrome(code: usize, rows: i32, columns: i32, z: u32, word: usize, doubled: usize, out: usize): void {
  const bytes: usize = z >> 3;
  const stride: usize = 2 * bytes + 8;
  for (let c = 0; c < columns; c++) {
    const to = doubled + <usize>c * stride;
    for (let i: usize = 0; i < bytes; i += 4) {
      const bits = load<u32>(word + i);
      store<u32>(to + i, bits);
      store<u32>(to + bytes + i, bits);
    }
    store<u64>(to + 2 * bytes, load<u64>(to));
    word += bytes;
  }
  const vectors: usize = bytes & ~15;
  for (let row = 0; row < rows; row++) {
    const degree = load<i32>(code);
    code += 4;
    memory.fill(out, 0, bytes);
    for (let e = 0; e < degree; e++) {
      const column = doubled + <usize>(load<u32>(code) / (z + 64)) * stride;
      const shift = load<u32>(code, 4);
      code += 8;
      const from = column + (shift >> 3);
      const bit = shift & 7;
      let i: usize = 0;
      for (; i < vectors; i += 16) {
        const low = i64x2.shr_u(v128.load(from + i), bit);
        // Two shifts: one by 64 − 0 would be one by 0.
        const high = i64x2.shl(i64x2.shl(v128.load(from + i, 8), 1), 63 - bit);
        v128.store(out + i, v128.xor(v128.load(out + i), v128.or(low, high)));
      }
      for (; i < bytes; i += 4) {
        store<u32>(out + i, load<u32>(out + i) ^ <u32>(load<u64>(from + i) >> bit));
      }
    }
    code += 4 + ((<usize>load<u32>(code)) << 3);
    out += bytes;
  }
}
