// Cascade, tag of a frame: Σ M_i·r^(i+1) over GF(2^64), x^64 = x^4 + x^3 + x + 1 (FORMULAS.md 6, t = 64). Four sums of every
// fourth word run side by side by Horner's rule in r^4, with a table of r^4·byte·x^8k: eight look-ups a word. Which bits
// of a frame are looked up where shows in the cache of this machine, as do all of Cascade's searches; nobody else runs on
// it (README, what is promised).

function multiply(a: u64, b: u64): u64 {
  let product: u64 = 0;
  for (let bit: u32 = 0; bit < 64; bit++) {
    product ^= a & -(b & 1);
    b >>= 1;
    a = (a << 1) ^ (<u64>0x1b & -(a >> 63));
  }
  return product;
}

/** `table`: 2048 products of 8 bytes. */
export function cascadeTagTable(key: u64, table: usize): void {
  const square = multiply(key, key);
  let value = multiply(square, square);
  for (let bit: u32 = 0; bit < 64; bit++) {
    const base = table + (<usize>(bit >> 3) << 11);
    const size: usize = 1 << (bit & 7);
    if (size == 1) store<u64>(base, 0);
    for (let rest: usize = 0; rest < size; rest++)
      store<u64>(base + ((size + rest) << 3), value ^ load<u64>(base + (rest << 3)));
    value = (value << 1) ^ (<u64>0x1b & -(value >> 63));
  }
}

@inline
function times(sum: u64, table: usize): u64 {
  return (
    load<u64>(table + (<usize>(sum & 255) << 3)) ^
    load<u64>(table + (<usize>((sum >> 8) & 255) << 3), 2048) ^
    load<u64>(table + (<usize>((sum >> 16) & 255) << 3), 4096) ^
    load<u64>(table + (<usize>((sum >> 24) & 255) << 3), 6144) ^
    load<u64>(table + (<usize>((sum >> 32) & 255) << 3), 8192) ^
    load<u64>(table + (<usize>((sum >> 40) & 255) << 3), 10240) ^
    load<u64>(table + (<usize>((sum >> 48) & 255) << 3), 12288) ^
    load<u64>(table + (<usize>(sum >> 56) << 3), 14336)
  );
}

/** `table` is the key's. */
export function cascadeTag(key: u64, data: usize, words: u32, table: usize): u64 {
  let at = data + (<usize>(words & ~3) << 3);
  let a: u64 = 0, b: u64 = 0, c: u64 = 0;
  let d: u64 = 0;
  const rest = words & 3;
  if (rest > 0) a = load<u64>(at);
  if (rest > 1) b = load<u64>(at, 8);
  if (rest > 2) c = load<u64>(at, 16);
  while (at > data) {
    at -= 32;
    a = times(a, table) ^ load<u64>(at);
    b = times(b, table) ^ load<u64>(at, 8);
    c = times(c, table) ^ load<u64>(at, 16);
    d = times(d, table) ^ load<u64>(at, 24);
  }
  return multiply(multiply(multiply(multiply(d, key) ^ c, key) ^ b, key) ^ a, key);
}
