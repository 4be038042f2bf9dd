/** What stands in Cascade's messages: packed requests from Bob, packed bits from Alice. Every length is checked first. */
import { QkdError } from "../../errors.js";

/** What Bob wants of a frame; `list`, `go` and `ask` as in kernels/cascade-halves.ts. */
export const operation = { closed: 0, startPass: 1, list: 2, go: 3, ask: 4, tag: 5, reveal: 6 } as const;

/** Pieces that become one byte string; used again for the next. */
export class Pieces {
  private bytes = new Uint8Array(4096);
  private length = 0;

  add(piece: Uint8Array): void {
    const end = this.length + piece.length;
    this.reserve(end);
    this.bytes.set(piece, this.length);
    this.length = end;
  }
  /** 32 bits. */
  addCount(count: number): void {
    const { length } = this;
    this.reserve(length + 4);
    for (let i = 0; i < 4; i++) this.bytes[length + i] = count >>> (8 * i);
    this.length = length + 4;
  }
  take(): Uint8Array {
    const out = this.bytes.slice(0, this.length);
    this.length = 0;
    return out;
  }

  private reserve(length: number): void {
    if (length <= this.bytes.length) return;
    const larger = new Uint8Array(2 * length);
    larger.set(this.bytes);
    this.bytes = larger;
  }
}

export class RequestReader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** @throws QkdError RECONCILE_REQUEST_INVALID */
  words(): Uint8Array {
    const [a, b, c, d] = this.take(4);
    return this.take(4 * ((a! | (b! << 8) | (c! << 16) | (d! << 24)) >>> 0));
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
