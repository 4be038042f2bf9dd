// Cascade, parities: of every block of a pass, of one interval, and the index parities of one leaf (KERNELS.md E, 6).

const steps = memory.data(64, 8);

/** Parities of all blocks of 2^level bits, packed; `out` has room for whole 64-bit words. About 3 ops a word and step. */
export function blockParities(bits: usize, words: u32, level: u32, out: usize): void {
  let packed: u64 = 0;
  let filled: u32 = 0;
  if (level >= 6) {
    const size = <usize>1 << (level - 3);
    for (let at = bits, end = bits + (<usize>words << 3); at < end; at += size) {
      packed |= (popcnt(sumOf(at, level)) & 1) << filled;
      if (++filled == 64) {
        store<u64>(out, packed);
        out += 8;
        packed = 0;
        filled = 0;
      }
    }
  } else {
    const each: u32 = 64 >> level;
    compressSteps(level);
    for (let w: u32 = 0; w < words; w++) {
      let x = load<u64>(bits + (<usize>w << 3));
      for (let j: u32 = 0; j < level; j++) x ^= x >> (1 << j);
      packed |= compress(x, level) << filled;
      filled += each;
      if (filled >= 64) {
        store<u64>(out, packed);
        out += 8;
        packed = 0;
        filled = 0;
      }
    }
  }
  store<u64>(out, packed);
}

/** Masks that bring every 2^level-th bit together: after step t groups of 2^t bits are 2^(level+t) apart. */
function compressSteps(level: u32): void {
  for (let t: u32 = 0; t <= 6 - level; t++) {
    const group: u64 = t == 6 ? <u64>(-1) : ((<u64>1) << ((<u64>1) << t)) - 1;
    let mask: u64 = 0;
    for (let at: u64 = 0; at < 64; at += (<u64>1) << (level + t)) mask |= group << at;
    store<u64>(steps + (<usize>t << 3), mask);
  }
}

@inline
function compress(bits: u64, level: u32): u64 {
  let x = bits & load<u64>(steps);
  const gap: u64 = ((<u64>1) << level) - 1;
  for (let t: u32 = 0; t < 6 - level; t++) x = (x | (x >> (gap << t))) & load<u64>(steps + (<usize>(t + 1) << 3));
  return x;
}

/** XOR of the 2^(level − 6) words from `first` on. */
@inline
function sumOf(first: usize, level: u32): u64 {
  if (level == 6) return load<u64>(first);
  let sum = v128.load(first);
  for (let at = first + 16, end = first + (<usize>1 << (level - 3)); at < end; at += 16)
    sum = v128.xor(sum, v128.load(at));
  return i64x2.extract_lane(sum, 0) ^ i64x2.extract_lane(sum, 1);
}

/** Parity of the 2^level bits from `start`, a multiple of their number. */
@inline
export function parity(bits: usize, start: u32, level: u32): u32 {
  const first = bits + (<usize>(start >> 6) << 3);
  if (level < 6) return <u32>popcnt((load<u64>(first) >> (start & 63)) & (((<u64>1) << ((<u64>1) << level)) - 1)) & 1;
  return <u32>popcnt(sumOf(first, level)) & 1;
}

/** Bit j: parity of the bits whose index in the leaf has bit j set; of two words that differ in one bit, its index. */
export function indexParities(bits: usize, start: u32, level: u32): u32 {
  const first = bits + (<usize>(start >> 6) << 3);
  let low: u64 = 0;
  let high: u32 = 0;
  if (level < 6) low = (load<u64>(first) >> (start & 63)) & (((<u64>1) << ((<u64>1) << level)) - 1);
  else
    for (let i: u32 = 0; i < <u32>1 << (level - 6); i++) {
      const word = load<u64>(first + (<usize>i << 3));
      low ^= word;
      high ^= i & -(<u32>popcnt(word) & 1);
    }
  return (
    <u32>(
      ((popcnt(low & 0xaaaaaaaaaaaaaaaa) & 1) |
        ((popcnt(low & 0xcccccccccccccccc) & 1) << 1) |
        ((popcnt(low & 0xf0f0f0f0f0f0f0f0) & 1) << 2) |
        ((popcnt(low & 0xff00ff00ff00ff00) & 1) << 3) |
        ((popcnt(low & 0xffff0000ffff0000) & 1) << 4) |
        ((popcnt(low & 0xffffffff00000000) & 1) << 5))
    ) |
    (high << 6)
  );
}
