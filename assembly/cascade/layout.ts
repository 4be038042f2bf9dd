// Cascade, memory of a frame of 64·words bits (KERNELS.md E, 4). Each pass has the bits in its own order; Bob's has beside
// them a record a word, {bounds, odd}: `bounds` marks where known leaves begin, `odd` leaves (at their start) whose parity
// differs from Alice's; after the last word stands one boundary more. `filled` says which words hold a boundary, so that
// looking for the next one leaves out the others. Leaves are powers of two long and aligned.

export const recordShift: u32 = 4;
export const oddAt: usize = 8;

@unmanaged
export class Pass {
  /** The frame's bits as this pass orders them. */
  bits: usize;
  order: usize;
  /** Bob's, all that follows. */
  records: usize;
  filled: usize;
  /** A bit each: leaves (at their start) that have been located once by index parities. */
  shots: usize;
  /** u32 starts of leaves that became odd, in that order; some are even again, some twice, `gone` removed. */
  queue: usize;
  queued: u32;
}
export const passBytes: usize = 32;

@unmanaged
export class Frame {
  words: u32;
  passes: u32;
  /** Bob: at most this many odd leaves are searched together, in all passes. */
  together: u32;
  /** Entries that a list can hold, and a queue before the frame fails. */
  capacity: u32;
  corrections: u32;
  /** The answers contradict each other or were too many: the frame is to be revealed. */
  failed: u32;
  /** Bob: odd leaves in the books of all passes. */
  open: i32;
  /** Bob: leaves of one bit may be odd. */
  units: u32;
  /** Leaves of one pass that are searched alone, longest first: their starts; Bob's have 64 bits from there on in `windows`. */
  starts: usize;
  windows: usize;
  listed: u32;
  listPass: u32;
  /** Steps that the list has taken. */
  steps: u32;
  /** Requests of the leaves searched together. */
  asks: usize;
  asked: u32;
  /** Bits of the answers to them. */
  answerBits: u32;
}
/** How many leaves of the list have which level, 16 × u32. */
const levelsAt: usize = 64;
export const frameBytes: usize = 128;
export const gone: u32 = 0xffffffff;
export const mostLevel: u32 = 15;

@inline
export function passOf(frame: Frame, p: u32): Pass {
  return changetype<Pass>(changetype<usize>(frame) + frameBytes + <usize>p * passBytes);
}

@inline
export function atLevel(frame: Frame, level: u32): u32 {
  return load<u32>(changetype<usize>(frame) + levelsAt + (<usize>level << 2));
}

@inline
export function setAtLevel(frame: Frame, level: u32, count: u32): void {
  store<u32>(changetype<usize>(frame) + levelsAt + (<usize>level << 2), count);
}

export function clearLevels(frame: Frame): void {
  memory.fill(changetype<usize>(frame) + levelsAt, 0, 64);
}

/** A step of the list is done: those that were down to one bit, its last ones, are off it. */
export function descend(frame: Frame): void {
  frame.listed -= atLevel(frame, 1);
  frame.steps++;
  for (let level: u32 = 1; level < mostLevel; level++) setAtLevel(frame, level, atLevel(frame, level + 1));
}

// A request in one word, as on the wire: start << 9 | pass << 5 | one-shot << 4 | level of the leaf.
@inline
export function request(start: u32, pass: u32, shot: u32, level: u32): u32 {
  return (start << 9) | (pass << 5) | (shot << 4) | level;
}

@inline
export function wordOf(bits: usize, at: u32): usize {
  return bits + (<usize>(at >> 6) << 3);
}

@inline
export function recordOf(pass: Pass, at: u32): usize {
  return pass.records + (<usize>(at >> 6) << recordShift);
}

@inline
export function isOdd(pass: Pass, start: u32): bool {
  return ((load<u64>(recordOf(pass, start), oddAt) >> (start & 63)) & 1) != 0;
}

@inline
export function flipOdd(pass: Pass, start: u32): void {
  const record = recordOf(pass, start);
  store<u64>(record, load<u64>(record, oddAt) ^ ((<u64>1) << (start & 63)), oddAt);
}

export function setBound(pass: Pass, at: u32): void {
  const record = recordOf(pass, at);
  store<u64>(record, load<u64>(record) | ((<u64>1) << (at & 63)));
  const filled = pass.filled + (<usize>(at >> 12) << 3);
  store<u64>(filled, load<u64>(filled) | ((<u64>1) << ((at >> 6) & 63)));
}

/** Start of the leaf that holds place y. */
@inline
export function leafStart(pass: Pass, y: u32): u32 {
  let w = y >> 6;
  let below = load<u64>(recordOf(pass, y)) & (<u64>(-1) >> (63 - (y & 63)));
  if (!below) {
    w = filledBefore(pass, w);
    below = load<u64>(pass.records + (<usize>w << recordShift));
  }
  return (w << 6) + 63 - <u32>clz(below);
}

function filledBefore(pass: Pass, word: u32): u32 {
  let v = word >> 6;
  let below = load<u64>(pass.filled + (<usize>v << 3)) & (((<u64>1) << (word & 63)) - 1);
  while (!below) below = load<u64>(pass.filled + (<usize>--v << 3));
  return (v << 6) + 63 - <u32>clz(below);
}

/** log₂ of the length of the leaf that starts at s. */
@inline
export function leafLevel(pass: Pass, s: u32): u32 {
  const rest = (load<u64>(recordOf(pass, s)) >> (s & 63)) & ~1;
  return rest ? <u32>ctz(ctz(rest)) : longLeafLevel(pass, s);
}

function longLeafLevel(pass: Pass, s: u32): u32 {
  const after = (s >> 6) + 1;
  let v = after >> 6;
  let above = load<u64>(pass.filled + (<usize>v << 3)) & (<u64>(-1) << (after & 63));
  while (!above) above = load<u64>(pass.filled + (<usize>++v << 3));
  const w = (v << 6) + <u32>ctz(above);
  return ctz((w << 6) + <u32>ctz(load<u64>(pass.records + (<usize>w << recordShift))) - s);
}
