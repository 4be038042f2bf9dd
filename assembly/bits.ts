// Bit strings in memory: XOR over whole bytes. Layout: little-endian, bit i in byte i/8. Cost: one v128 pass.

/** target[0, bytes) ^= source[0, bytes) */
export function xorInto(target: usize, source: usize, bytes: usize): void {
  const wide = bytes & ~15;
  for (let i: usize = 0; i < wide; i += 16) {
    v128.store(target + i, v128.xor(v128.load(target + i), v128.load(source + i)));
  }
  for (let i = wide; i < bytes; i++) store<u8>(target + i, load<u8>(target + i) ^ load<u8>(source + i));
}
