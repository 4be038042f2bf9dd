/**
 * One frame's two halves of Cascade as the protocol sees them: the WASM kernel and its plain-TypeScript twin say the same
 * bytes. Bit strings are packed, least significant bit first, each answer in whole bytes of its own.
 */

/** start << 9 | pass << 5 | one-shot << 4 | log₂ length, of one leaf. */
export function packRequest(start: number, pass: number, oneShot: boolean, level: number): number {
  return ((start << 9) | (pass << 5) | (oneShot ? 16 : 0) | level) >>> 0;
}

export interface Answer {
  readonly bytes: Uint8Array;
  /** Bits in it that depend on the key. */
  readonly bits: number;
}

/**
 * `list`: leaves of one pass that are searched alone to the end; `go`: one bit a leaf of the list that is not down to one
 * bit yet, 1 where the difference lies in the right half; `ask`: leaves of any pass; `none`: no leaf is odd.
 */
export interface Request {
  readonly kind: "none" | "go" | "list" | "ask";
  /** Packed directions, or 32-bit requests, little-endian. */
  readonly bytes: Uint8Array;
  readonly answerBits: number;
}

/** Bytes that a half hands out are good until the next call of any half of its block: they may be a view of its memory. */
export interface AliceHalf {
  readonly length: number;
  readonly passes: number;
  /** Starts the next pass: parities of its blocks of 2^level bits. */
  start(level: number): Answer;
  /** @returns undefined where a request is out of range */
  list(requests: Uint8Array): Answer | undefined;
  /** Directions owed for the list before the next answer. */
  owed(): number;
  go(directions: Uint8Array): Answer;
  /** @returns undefined where a request is out of range */
  ask(requests: Uint8Array): Answer | undefined;
  /** 8 bytes. */
  tag(key: Uint8Array): Uint8Array;
  word(): Uint8Array;
  zeroise(): void;
}

export interface BobHalf {
  readonly length: number;
  readonly passes: number;
  /** The answers contradict each other: only Alice's word ends the frame. */
  readonly failed: boolean;
  start(level: number, answers: Uint8Array): void;
  next(): Request;
  take(answers: Uint8Array): void;
  tag(key: Uint8Array): Uint8Array;
  word(): Uint8Array;
  zeroise(): void;
}

/** What both ends know of a frame's size, and what bounds its memory. */
export interface FrameShape {
  /** Bits, padded. */
  readonly length: number;
  /** Entries of a list; a frame that needs more is given up. */
  readonly capacity: number;
}

/** Room for every block of the first pass, and for corrections besides. */
export function frameShape(length: number, firstLevel: number): FrameShape {
  return { length, capacity: (length >>> firstLevel) + (length >>> 5) + 256 };
}
