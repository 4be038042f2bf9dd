/** What Cascade says: packed requests from Bob, packed bits from Alice. Every length is checked before it is used. */
import { z } from "zod";
import { QkdError } from "../../errors.js";
import type { Interval } from "../../kernels/reference/cascade.js";

export const operation = { closed: 0, startPass: 1, search: 2, tag: 3, reveal: 4 } as const;

const bytes = (max: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= max, "bytes within bounds");
const count = z.number().int().nonnegative();
export const openSchema = z.strictObject({ bits: count, seed: bytes(16).refine((seed) => seed.length === 16) });
/** `operations`: one a frame of the wave; `intervals`: for each searching frame in order a count and its intervals. */
export const askSchema = z.strictObject({ operations: bytes(256), intervals: bytes(2 ** 27) });
export const answerSchema = z.strictObject({
  bits: bytes(2 ** 26),
  tagKey: bytes(8).refine((key) => key.length === 8),
});
export const closeSchema = z.strictObject({ leaked: count, failed: count });

export class IntervalWriter {
  private readonly out: number[] = [];

  put(intervals: readonly Interval[]): void {
    this.number(intervals.length);
    for (const { pass, start, length, oneShot } of intervals) {
      this.number(pass);
      this.number(start * 2 + (oneShot ? 1 : 0));
      this.number(length);
    }
  }
  private number(value: number): void {
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.out.push((rest & 127) | 128);
    this.out.push(rest);
  }
  bytes(): Uint8Array {
    return Uint8Array.from(this.out);
  }
}

export class IntervalReader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** @throws QkdError RECONCILE_REQUEST_INVALID */
  take(passes: number, frameBits: number): Interval[] {
    const count = this.number();
    if (count > frameBits) throw invalidRequest("too many intervals");
    return Array.from({ length: count }, () => {
      const pass = this.number();
      const packed = this.number();
      const length = this.number();
      const start = packed >>> 1;
      if (pass >= passes || length < 1 || start + length > frameBits) throw invalidRequest("an interval out of range");
      return { pass, start, length, oneShot: (packed & 1) === 1 };
    });
  }
  end(): void {
    if (this.at !== this.bytes.length) throw invalidRequest("bytes after the last interval");
  }
  private number(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw invalidRequest("a cut list");
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw invalidRequest("a number too large");
  }
}

export class BitWriter {
  private out = new Uint8Array(1024);
  length = 0;

  readonly put = (bit: number): void => {
    if (this.length >>> 3 >= this.out.length) {
      const wider = new Uint8Array(this.out.length * 2);
      wider.set(this.out);
      this.out.fill(0);
      this.out = wider;
    }
    this.out[this.length >>> 3]! |= bit << (this.length & 7);
    this.length++;
  };
  bytes(): Uint8Array {
    return this.out.slice(0, (this.length + 7) >>> 3);
  }
}

export class BitReader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** @throws QkdError RECONCILE_ANSWER_INVALID */
  readonly take = (): number => {
    const byte = this.bytes[this.at >>> 3];
    if (byte === undefined) throw new QkdError("RECONCILE_ANSWER_INVALID", "Alice answered too few bits.");
    return (byte >>> (this.at++ & 7)) & 1;
  };
  end(): void {
    if ((this.at + 7) >>> 3 !== this.bytes.length)
      throw new QkdError("RECONCILE_ANSWER_INVALID", "Alice answered too many bits.");
  }
}

export function invalidRequest(what: string): QkdError {
  return new QkdError("RECONCILE_REQUEST_INVALID", `Bob's request holds ${what}.`);
}
