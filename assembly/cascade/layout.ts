// Cascade, memory of a frame of 64·words bits (KERNELS.md E, 4). Bob's pass is one record a key word, {bits, bounds, odd,
// shot}: `bounds` marks where known leaves begin, `odd` leaves (at their start) whose parity differs from Alice's, `shot`
// leaves that have been located once by index parities. One record, so that a corrected bit touches one cache line a
// pass. Alice's pass is its words alone. Leaves are powers of two long and aligned.

export const recordShift: u32 = 5;
export const wordShift: u32 = 3;
export const boundsAt: usize = 8;
export const oddAt: usize = 16;
export const shotAt: usize = 24;

@unmanaged
export class Pass {
  /** Records (Bob) or words (Alice). */
  data: usize;
  /** How this pass orders the frame's bits. */
  order: usize;
  /** Bob: u32 starts of leaves that became odd, in that order; some are even again, some twice, `gone` removed. */
  queue: usize;
  queued: u32;
}
export const passBytes: usize = 16;

@unmanaged
export class Frame {
  words: u32;
  passes: u32;
  /** Bob: at most this many odd leaves are searched together, in all passes. */
  together: u32;
  /** Entries that a queue or list can hold; what does not fit sets `failed`. */
  capacity: u32;
  corrections: u32;
  /** The answers contradict each other or were too many: the frame is to be revealed. */
  failed: u32;
  /** The leaves of one pass that are searched alone: {u64 window, u32 `leaf`} (Bob), {u32 start, u32 level} (Alice). */
  list: usize;
  listed: u32;
  listPass: u32;
  /** Requests of the leaves searched together. */
  asks: usize;
  asked: u32;
  /** Bits of the answers to them. */
  answerBits: u32;
  /** Bob: {u32 pass, u32 start}: leaves of one bit that became odd; shared, as what a step pushes the next asks. */
  units: usize;
  unitCount: u32;
  unitsDone: u32;
}
export const frameBytes: usize = 64;
export const gone: u32 = 0xffffffff;

@inline
export function passOf(frame: Frame, p: u32): Pass {
  return changetype<Pass>(changetype<usize>(frame) + frameBytes + <usize>p * passBytes);
}

// A request in one word, as on the wire: start << 9 | pass << 5 | one-shot << 4 | level of the leaf.
@inline
export function request(start: u32, pass: u32, shot: u32, level: u32): u32 {
  return (start << 9) | (pass << 5) | (shot << 4) | level;
}

/** A leaf that is searched alone: start, the level from which its bits are carried along in a window, level. */
@inline
export function leaf(start: u32, top: u32, level: u32): u32 {
  return (start << 8) | (top << 4) | level;
}
export const leafBytes: usize = 12;

@inline
export function getBit(map: usize, at: u32): u32 {
  return <u32>(load<u64>(map + (<usize>(at >> 6) << recordShift)) >> (at & 63)) & 1;
}

@inline
export function flipBit(map: usize, at: u32): void {
  const word = map + (<usize>(at >> 6) << recordShift);
  store<u64>(word, load<u64>(word) ^ ((<u64>1) << (at & 63)));
}

@inline
export function setBit(map: usize, at: u32): void {
  const word = map + (<usize>(at >> 6) << recordShift);
  store<u64>(word, load<u64>(word) | ((<u64>1) << (at & 63)));
}

/** Start of the leaf that holds place y. */
@inline
export function leafStart(records: usize, y: u32): u32 {
  let w = y >> 6;
  let below = load<u64>(records + (<usize>w << recordShift), boundsAt) & (<u64>(-1) >> (63 - (y & 63)));
  while (!below) below = load<u64>(records + (<usize>--w << recordShift), boundsAt);
  return (w << 6) + 63 - <u32>clz(below);
}

/** log₂ of the length of the leaf that starts at s. */
@inline
export function leafLevel(records: usize, s: u32, words: u32): u32 {
  let w = s >> 6;
  const rest = (load<u64>(records + (<usize>w << recordShift), boundsAt) >> (s & 63)) & ~1;
  if (rest) return <u32>ctz(ctz(rest));
  let end = words << 6;
  while (++w < words) {
    const next = load<u64>(records + (<usize>w << recordShift), boundsAt);
    if (next) {
      end = (w << 6) + <u32>ctz(next);
      break;
    }
  }
  return ctz(end - s);
}
