// What transposes of bits and bytes are made of.

/** What two registers swap: bits `shift` up in a against bits in b, where mask is set. */
// @ts-ignore: decorator
@inline
export function swapped(a: v128, b: v128, shift: i32, mask: v128): v128 {
  return v128.and(v128.xor(i64x2.shr_u(a, shift), b), mask);
}

/** Bytes of the two in turn, of their lower halves. */
// @ts-ignore: decorator
@inline
export function zipLow(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Of their upper halves. */
// @ts-ignore: decorator
@inline
export function zipHigh(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
