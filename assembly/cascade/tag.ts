// Cascade, tag of a frame: Σ M_i·r^i over GF(2^64), x^64 = x^4 + x^3 + x + 1, Horner's rule (FORMULAS.md 6, t = 64).
// Table of r·byte·x^8k: eight look-ups a word. Which bits of a frame are looked up where shows in the cache of this
// machine, as do all of Cascade's searches; nobody else runs on it (README, what is promised).

/** `table`: 2048 products of 8 bytes. */
export function cascadeTagTable(key: u64, table: usize): void {
  let value = key;
  for (let bit: u32 = 0; bit < 64; bit++) {
    const base = table + (<usize>(bit >> 3) << 11);
    const size: usize = 1 << (bit & 7);
    if (size == 1) store<u64>(base, 0);
    for (let rest: usize = 0; rest < size; rest++)
      store<u64>(base + ((size + rest) << 3), value ^ load<u64>(base + (rest << 3)));
    value = (value << 1) ^ (<u64>0x1b & -(value >> 63));
  }
}

/** Over words 2^shift bytes apart. */
export function cascadeTag(data: usize, shift: u32, words: u32, table: usize): u64 {
  let sum: u64 = 0;
  for (let w = <i32>words - 1; w >= 0; w--) {
    sum ^= load<u64>(data + (<usize>w << shift));
    sum =
      load<u64>(table + (<usize>(sum & 255) << 3)) ^
      load<u64>(table + (<usize>((sum >> 8) & 255) << 3), 2048) ^
      load<u64>(table + (<usize>((sum >> 16) & 255) << 3), 4096) ^
      load<u64>(table + (<usize>((sum >> 24) & 255) << 3), 6144) ^
      load<u64>(table + (<usize>((sum >> 32) & 255) << 3), 8192) ^
      load<u64>(table + (<usize>((sum >> 40) & 255) << 3), 10240) ^
      load<u64>(table + (<usize>((sum >> 48) & 255) << 3), 12288) ^
      load<u64>(table + (<usize>(sum >> 56) << 3), 14336);
  }
  return sum;
}
