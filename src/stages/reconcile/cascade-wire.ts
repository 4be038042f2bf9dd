/** What stands in Cascade's messages: packed requests from Bob, packed bits from Alice. Every length is checked first. */
import { QkdError } from "../../errors.js";

/** What Bob wants of a frame; `list`, `go` and `ask` as in kernels/cascade-halves.ts. */
export const operation = { closed: 0, startPass: 1, list: 2, go: 3, ask: 4, tag: 5, reveal: 6 } as const;

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
