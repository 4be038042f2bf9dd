// Syndrome of a quasi-cyclic code on packed bits: row r = ⊕ of its columns, each rotated by its shift.
// Layout: Z a multiple of 32; a column is Z/8 bytes, placed twice one after the other, so that a rotation is one unaligned
// read. Code rows as in layered.ts, column addresses counted in columns. Cost: Z/64 words an edge.

/** out: rows · Z bits. doubled: per column 2·Z bits and 8 spare bytes. */
export function ldpcSyndrome(code: usize, rows: i32, z: u32, doubled: usize, out: usize): void {
  const bytes: usize = z >> 3;
  const stride: usize = 2 * bytes + 8;
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
      for (let i: usize = 0; i < bytes; i += 4) {
        store<u32>(out + i, load<u32>(out + i) ^ <u32>(load<u64>(from + i) >> bit));
      }
    }
    code += 4 + ((<usize>load<u32>(code)) << 3);
    out += bytes;
  }
}
