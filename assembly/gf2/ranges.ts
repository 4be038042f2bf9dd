// Ranges of bytes: XOR, copy, clear. Inline v128 stores, since memory.fill and memory.copy are external calls.
// Cost: one load pair and one store for 16 bytes.

/** target[0, bytes) ^= source[0, bytes); the ranges do not overlap. */
// @ts-ignore: decorator
@inline
export function addRange(target: usize, source: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64) {
    v128.store(target + i, v128.xor(v128.load(target + i), v128.load(source + i)));
    v128.store(target + i, v128.xor(v128.load(target + i, 16), v128.load(source + i, 16)), 16);
    v128.store(target + i, v128.xor(v128.load(target + i, 32), v128.load(source + i, 32)), 32);
    v128.store(target + i, v128.xor(v128.load(target + i, 48), v128.load(source + i, 48)), 48);
  }
  for (; i + 16 <= bytes; i += 16) v128.store(target + i, v128.xor(v128.load(target + i), v128.load(source + i)));
  for (; i + 8 <= bytes; i += 8) store<u64>(target + i, load<u64>(target + i) ^ load<u64>(source + i));
  for (; i < bytes; i++) store<u8>(target + i, load<u8>(target + i) ^ load<u8>(source + i));
}

/** bytes a multiple of 8 */
// @ts-ignore: decorator
@inline
export function copyRange(target: usize, source: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(target + i, v128.load(source + i));
  if (i < bytes) store<u64>(target + i, load<u64>(source + i));
}

/** bytes a multiple of 8 */
// @ts-ignore: decorator
@inline
export function clearRange(target: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(target + i, i64x2.splat(0));
  if (i < bytes) store<u64>(target + i, 0);
}
