/** What Cascade says: packed requests from Bob, packed bits from Alice. Every length is checked before it is used. */
import { z } from "zod";
import { QkdError } from "../../errors.js";
import { mostLanes } from "./cascade-frames.js";

/** What Bob wants of a frame; `list`, `go` and `ask` as in kernels/cascade-halves.ts. */
export const operation = { closed: 0, startPass: 1, list: 2, go: 3, ask: 4, tag: 5, reveal: 6 } as const;

const bytes = (max: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= max, "bytes within bounds");
const count = z.number().int().nonnegative();
export const openSchema = z.strictObject({
  bits: count,
  seed: bytes(16).refine((seed) => seed.length === 16),
  lanes: z.number().int().min(1).max(mostLanes),
  few: z.boolean(),
});
/**
 * `operations`: one a frame of the wave. `requests`: of each frame in order, `list` and `ask` a count and as many requests
 * (32-bit, little-endian), `go` one bit a leaf, in whole bytes.
 */
export const askSchema = z.strictObject({ operations: bytes(256), requests: bytes(2 ** 27) });
/** `bits`: each frame's answer in whole bytes. */
export const answerSchema = z.strictObject({
  bits: bytes(2 ** 26),
  tagKey: bytes(8).refine((key) => key.length === 8),
});
export type Ask = z.infer<typeof askSchema>;
export type Answer = z.infer<typeof answerSchema>;
export const closeSchema = z.strictObject({ leaked: count, failed: count });

/** Pieces that become one byte string. */
export class Pieces {
  private readonly pieces: Uint8Array[] = [];
  private length = 0;

  add(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.length += piece.length;
  }
  addWords(words: Uint32Array): void {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, words.length, true);
    this.add(head);
    this.add(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  }
  joined(): Uint8Array {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const piece of this.pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }
}

export class RequestReader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** @throws QkdError RECONCILE_REQUEST_INVALID */
  words(): Uint32Array {
    const head = this.take(4);
    const count = new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true);
    return new Uint32Array(this.take(count * 4).slice().buffer);
  }
  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw invalidRequest("a cut list");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  end(): void {
    if (this.at !== this.bytes.length) throw invalidRequest("bytes after the last request");
  }
}

export class AnswerReader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** @throws QkdError RECONCILE_ANSWER_INVALID */
  take(bits: number): Uint8Array {
    const length = (bits + 7) >>> 3;
    if (length > this.bytes.length - this.at)
      throw new QkdError("RECONCILE_ANSWER_INVALID", "Alice answered too few bits.");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  end(): void {
    if (this.at !== this.bytes.length) throw new QkdError("RECONCILE_ANSWER_INVALID", "Alice answered too many bits.");
  }
}

export function invalidRequest(what: string): QkdError {
  return new QkdError("RECONCILE_REQUEST_INVALID", `Bob's request holds ${what}.`);
}
