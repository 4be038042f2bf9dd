import fc from "fast-check";
import { expect, test } from "vitest";
import { BitString, concatBits, copyBits, countOnes } from "../../src/bits.js";

const bitString = fc
  .tuple(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 0, max: 7 }))
  .map(([bytes, less]) => BitString.from(bytes, Math.max(0, bytes.length * 8 - less)));
const bitsOf = (b: BitString) => Array.from({ length: b.length }, (_, i) => b.get(i));

test("from clears the unused bits of a copy and leaves the input alone", () => {
  const input = Uint8Array.of(0xff, 0xff);
  const bits = BitString.from(input, 11);
  expect([...bits.bytes]).toEqual([0xff, 0x07]);
  expect([...input]).toEqual([0xff, 0xff]);
});

test.each([-1, 1.5, 17, Number.NaN])("a length of %d bits in two bytes is refused", (length) => {
  expect(() => BitString.from(new Uint8Array(2), length)).toThrow(
    expect.objectContaining({ code: "BITS_LENGTH_INVALID" }),
  );
});

test("bits are copied from any bit of any view to any view, up to the last byte", () => {
  const arrays = fc.uint8Array({ minLength: 1, maxLength: 90 });
  const offsets = fc.nat({ max: 5 });
  fc.assert(
    fc.property(arrays, offsets, offsets, fc.nat(), fc.nat(), (bytes, before, beside, some, wanted) => {
      const start = some % (8 * bytes.length);
      const length = 1 + (wanted % (8 * bytes.length - start));
      const source = new Uint8Array(before + bytes.length).subarray(before);
      source.set(bytes);
      const out = new Uint8Array(beside + Math.ceil(length / 8) + 1).subarray(beside, -1);
      copyBits(out, source, start);
      const copied = bitsOf(BitString.from(out, length));
      expect(copied).toEqual(bitsOf(BitString.from(bytes)).slice(start, start + length));
      expect(new Uint8Array(out.buffer).at(-1)).toBe(0);
    }),
    { numRuns: 2000, seed: 7 },
  );
});

test("slice and concat agree with lists of bits", () => {
  fc.assert(
    fc.property(bitString, bitString, fc.nat(), fc.nat(), (a, b, x, y) => {
      const both = concatBits([a, b]);
      expect(bitsOf(both)).toEqual([...bitsOf(a), ...bitsOf(b)]);
      const [from, to] = [x % (both.length + 1), y % (both.length + 1)].sort((p, q) => p - q) as [number, number];
      expect(bitsOf(both.slice(from, to))).toEqual(bitsOf(both).slice(from, to));
      expect(countOnes(both)).toBe(bitsOf(both).filter(Boolean).length);
    }),
  );
});
