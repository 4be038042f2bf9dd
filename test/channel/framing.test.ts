/** What comes off the wire before anybody is known: cut into frames in time linear in its bytes, and weighed before it is decoded. */
import { encode } from "cborg";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hasMoreItems } from "../../src/channel/cbor-items.js";
import { encodeFrame, FrameDecoder } from "../../src/channel/framing.js";

test("frames come out as they went in, however the stream is cut", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 });
  fc.assert(
    fc.property(payloads, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.flatMap((payload, i) => encodeFrame(payload, i)));
      const decoder = new FrameDecoder();
      const received: Uint8Array[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const to = at + cuts[i % cuts.length]!;
        received.push(...decoder.push(stream.subarray(at, to)));
        at = to;
      }
      expect(received.map((payload) => [...payload])).toEqual(sent.map((payload) => [...payload]));
    }),
    { numRuns: 500, seed: 8 },
  );
});

test("a frame a byte at a time, a length out of bounds, a wrong sum", () => {
  const payload = new Uint8Array(400_000).fill(7);
  const decoder = new FrameDecoder();
  let frames = 0;
  for (const part of encodeFrame(payload, 0))
    for (const byte of part) frames += decoder.push(Uint8Array.of(byte)).length;
  expect(frames).toBe(1);
  const corrupt = expect.objectContaining({ code: "CHANNEL_CORRUPT" });
  expect(() => new FrameDecoder(10).push(Buffer.concat(encodeFrame(new Uint8Array(11), 0)))).toThrow(corrupt);
  expect(() => new FrameDecoder().push(Buffer.concat(encodeFrame(payload, 1)))).toThrow(corrupt);
});

test("items are counted as a decoder would make them", () => {
  const count = (value: unknown): number => {
    if (Array.isArray(value)) return 1 + value.reduce((sum: number, one) => sum + count(one), 0);
    if (value === null || typeof value !== "object" || value instanceof Uint8Array) return 1;
    return 1 + Object.values(value).reduce((sum: number, one) => sum + 1 + count(one), 0);
  };
  const leaf = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.string(),
    fc.boolean(),
    fc.uint8Array({ maxLength: 400 }),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie("tree"), { maxLength: 40 }),
      fc.dictionary(fc.string(), tie("tree")),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const cbor = encode(value);
      expect(hasMoreItems(cbor, count(value))).toBe(false);
      expect(hasMoreItems(cbor, count(value) - 1)).toBe(true);
    }),
    { numRuns: 500, seed: 9 },
  );
  const long = encode(new Uint8Array(70_000));
  expect(hasMoreItems(long, 1)).toBe(false);
  for (let cut = 0; cut < 6; cut++) hasMoreItems(long.subarray(0, cut), 1);
});
