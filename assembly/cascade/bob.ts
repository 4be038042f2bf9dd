// Cascade, Bob's half (KERNELS.md E, 4–6). While any leaf is odd: with few odd leaves all are searched together, each by
// one one-shot and then by halves; else the leaves of the lowest pass that has any are searched alone, to the end, in a
// dense list that carries the 64 bits around each. A corrected bit toggles one leaf in every pass that has begun.
import {
  boundsAt,
  Frame,
  flipBit,
  getBit,
  gone,
  leaf,
  leafBytes,
  leafLevel,
  leafStart,
  oddAt,
  Pass,
  passOf,
  recordShift,
  request,
  setBit,
  shotAt,
} from "./layout";
import { arrange, fromPass, Order, toPass } from "./order";
import { blockParities, indexParities, parity } from "./parity";

const none: u32 = 0xffffffff;
/** [level][place in its word]: boundaries on the way from a leaf of 2^level bits down to one bit. */
const paths = memory.data(7 * 64 * 8, 8);

const atOnce: u32 = 32;
const placesBytes: usize = 16 * atOnce * 4;
/** Of so many corrections, in each pass; then a word that keeps their looking up from being left out. */
const places = memory.data(16 * 32 * 4 + 8, 8);

/** Key words into the first pass. */
export function cascadeBobLoad(frame: Frame, source: usize): void {
  const data = passOf(frame, 0).data;
  for (let w: usize = 0; w < frame.words; w++)
    store<u64>(data + (w << recordShift), load<u64>(source + (w << 3)));
  for (let level: u32 = 0; level < 7; level++)
    for (let x: u32 = 0; x < 64; x++) {
      let mask: u64 = 0;
      for (let j: u32 = 1; j <= level; j++) mask |= (<u64>1) << (((x >> j) << j) + (1 << (j - 1)));
      store<u64>(paths + (<usize>(level * 64 + x) << 3), mask);
    }
}

export function cascadeBobWord(frame: Frame, out: usize): void {
  const data = passOf(frame, 0).data;
  for (let w: usize = 0; w < frame.words; w++) store<u64>(out + (w << 3), load<u64>(data + (w << recordShift)));
}

/** Starts the next pass: `answers` are Alice's parities of its blocks of 2^level bits; `mine` has room for as many. */
export function cascadeBobStart(frame: Frame, level: u32, answers: usize, mine: usize, scratch: usize): void {
  const p = frame.passes++;
  const pass = passOf(frame, p);
  const data = pass.data;
  const words = frame.words;
  const order = changetype<Order>(pass.order);
  if (p > 0) arrange(order, passOf(frame, 0).data, recordShift, data, recordShift, words, scratch);
  blockParities(data, recordShift, words, level, mine);
  const blank = i64x2.splat(0);
  if (level < 6) {
    let bounds: u64 = 0;
    for (let at: u64 = 0; at < 64; at += (<u64>1) << level) bounds |= (<u64>1) << at;
    for (let w: usize = 0; w < words; w++) {
      const record = data + (w << recordShift);
      store<u64>(record, bounds, boundsAt);
      v128.store(record, blank, oddAt);
    }
  } else {
    const inBlock: usize = ((<usize>1) << (level - 6)) - 1;
    for (let w: usize = 0; w < words; w++) {
      const record = data + (w << recordShift);
      store<u64>(record, <u64>!(w & inBlock), boundsAt);
      v128.store(record, blank, oddAt);
    }
  }
  const blocks = (words << 6) >> level;
  for (let i: u32 = 0; i < blocks; i += 64) {
    let odd = load<u64>(mine + (i >> 3)) ^ load<u64>(answers + (i >> 3));
    if (blocks - i < 64) odd &= ((<u64>1) << (blocks - i)) - 1;
    for (; odd; odd &= odd - 1) {
      const start = (i + <u32>ctz(odd)) << level;
      flipBit(data + oddAt, start);
      push(frame, pass, start);
    }
  }
}

@inline
function push(frame: Frame, pass: Pass, start: u32): void {
  const at = pass.queued;
  if (at >= frame.capacity) {
    frame.failed = 1;
    return;
  }
  store<u32>(pass.queue + (<usize>at << 2), start);
  pass.queued = at + 1;
}

@inline
function toggle(frame: Frame, p: u32, pass: Pass, y: u32): void {
  const data = pass.data;
  flipBit(data, y);
  const start = leafStart(data, y);
  flipBit(data + oddAt, start);
  if (!getBit(data + oddAt, start)) return;
  const next = y + 1;
  if (start == y && (next == frame.words << 6 || getBit(data + boundsAt, next))) {
    const at = frame.unitCount;
    if (at >= frame.capacity) frame.failed = 1;
    else {
      store<u32>(frame.units + (<usize>at << 3), p);
      store<u32>(frame.units + (<usize>at << 3), start, 4);
      frame.unitCount = at + 1;
    }
  } else push(frame, pass, start);
}

/** Flips frame bit x, and a leaf of each pass. */
function correct(frame: Frame, x: u32): void {
  frame.corrections++;
  const passes = frame.passes;
  for (let q: u32 = 0; q < passes; q++) {
    const pass = passOf(frame, q);
    toggle(frame, q, pass, toPass(changetype<Order>(pass.order), x));
  }
}

/** Leaves of one bit that are odd: they name their error. */
function correctUnits(frame: Frame): void {
  const most = frame.words << 5;
  while (frame.unitsDone < frame.unitCount && !frame.failed) {
    const entry = frame.units + (<usize>(frame.unitsDone++) << 3);
    const pass = passOf(frame, load<u32>(entry));
    const y = load<u32>(entry, 4);
    if (getBit(pass.data + oddAt, y)) correct(frame, fromPass(changetype<Order>(pass.order), y));
    if (frame.corrections > most) frame.failed = 1;
  }
  frame.unitsDone = 0;
  frame.unitCount = 0;
}

/** Keeps what is odd, once. */
function compact(pass: Pass): u32 {
  const odd = pass.data + oddAt;
  let kept: u32 = 0;
  for (let i: u32 = 0; i < pass.queued; i++) {
    const start = load<u32>(pass.queue + (<usize>i << 2));
    if (start == gone || !getBit(odd, start)) continue;
    flipBit(odd, start);
    store<u32>(pass.queue + (<usize>(kept++) << 2), start);
  }
  for (let i: u32 = 0; i < kept; i++) flipBit(odd, load<u32>(pass.queue + (<usize>i << 2)));
  pass.queued = kept;
  return kept;
}

/**
 * What to ask next, in `out`. @returns count << 2 | kind; kind 0: no leaf is odd; 1: `count` directions for the list, which
 * \`cascadeBobTake\` has left there, packed; 2: requests of a new list; 3: requests of leaves searched together.
 */
export function cascadeBobAsk(frame: Frame, out: usize): u32 {
  if (frame.listed) return (frame.listed << 2) | 1;
  correctUnits(frame);
  let open: u32 = 0;
  for (let p: u32 = 0; p < frame.passes; p++) open += compact(passOf(frame, p));
  if (!open || frame.failed) return 0;
  if (open > frame.together) return beginList(frame, out);
  let count: u32 = 0;
  let bits: u32 = 0;
  for (let p: u32 = 0; p < frame.passes; p++) {
    const pass = passOf(frame, p);
    for (let i: u32 = 0; i < pass.queued; i++) {
      const start = load<u32>(pass.queue + (<usize>i << 2));
      const level = leafLevel(pass.data, start, frame.words);
      const shot = <u32>(level > 1 && !getBit(pass.data + shotAt, start));
      const asked = request(start, p, shot, level);
      store<u32>(frame.asks + (<usize>count << 2), asked);
      store<u32>(out + (<usize>(count++) << 2), asked);
      bits += shot ? level : 1;
    }
  }
  frame.asked = count;
  frame.answerBits = bits;
  return (count << 2) | 3;
}

function beginList(frame: Frame, out: usize): u32 {
  let p: u32 = 0;
  while (!passOf(frame, p).queued) p++;
  const pass = passOf(frame, p);
  const data = pass.data;
  const count = pass.queued;
  for (let i: u32 = 0; i < count; i++) {
    const start = load<u32>(pass.queue + (<usize>i << 2));
    flipBit(data + oddAt, start);
    const level = leafLevel(data, start, frame.words);
    let window: u64 = 0;
    if (level < 7) window = load<u64>(data + (<usize>(start >> 6) << recordShift)) >> (start & 63);
    if (level < 6) window &= ((<u64>1) << ((<u64>1) << level)) - 1;
    const entry = frame.list + <usize>i * leafBytes;
    store<u64>(entry, window);
    store<u32>(entry, leaf(start, level, level), 8);
    store<u32>(out + (<usize>i << 2), request(start, p, 0, level));
  }
  pass.queued = 0;
  frame.listPass = p;
  frame.listed = count;
  return (count << 2) | 2;
}

/** Digests the answers to what was asked last. `found`: room for 8 bytes an entry; `out`: for the list's directions. */
export function cascadeBobTake(frame: Frame, answers: usize, found: usize, out: usize): void {
  if (frame.listed) takeList(frame, answers, found, out);
  else takeAsks(frame, answers, found);
  if (frame.corrections > frame.words << 5) frame.failed = 1;
}

function takeList(frame: Frame, answers: usize, found: usize, directions: usize): void {
  const p = frame.listPass;
  const pass = passOf(frame, p);
  const data = pass.data;
  let located: u32 = 0;
  let kept: u32 = 0;
  let packed: u32 = 0;
  let entry = frame.list;
  let target = entry;
  const count = frame.listed;
  for (let i: u32 = 0; i < count; i++) {
    const answer = (<u32>load<u8>(answers + (i >> 3)) >> (i & 7)) & 1;
    let window = load<u64>(entry);
    const known = load<u32>(entry, 8);
    entry += leafBytes;
    let start = known >> 8;
    let top = (known >> 4) & 15;
    const level = (known & 15) - 1;
    const half: u32 = 1 << level;
    let left: u32;
    if (level < 6) {
      const bits = window & (((<u64>1) << half) - 1);
      left = (<u32>popcnt(bits) & 1) ^ answer;
      window = select<u64>(bits, window >> half, left);
      start += select<u32>(0, half, left);
    } else {
      left = parity(data, recordShift, start, level) ^ answer;
      setBit(data + boundsAt, start + half);
      start += select<u32>(0, half, left);
      if (level == 6) {
        window = load<u64>(data + (<usize>(start >> 6) << recordShift));
        top = 6;
      }
    }
    if (level == 0) {
      const word = data + (<usize>(start >> 6) << recordShift);
      const path = load<u64>(paths + (<usize>((top << 6) + (start & 63)) << 3));
      store<u64>(word, load<u64>(word, boundsAt) | path, boundsAt);
      store<u32>(found + (<usize>(located++) << 2), start);
    } else {
      store<u64>(target, window);
      store<u32>(target, leaf(start, top, level), 8);
      target += leafBytes;
      packed |= (left ^ 1) << (kept & 7);
      if ((++kept & 7) == 0) {
        store<u8>(directions + (kept >> 3) - 1, packed);
        packed = 0;
      }
    }
  }
  if (kept & 7) store<u8>(directions + (kept >> 3), packed);
  frame.listed = kept;
  correctAll(frame, p, found, located);
}

/**
 * Places `located` of pass p, whose leaves are out of the books. Some at once are looked up in all passes first: looking up
 * waits for memory side by side, correcting would one by one.
 */
function correctAll(frame: Frame, p: u32, located: usize, count: u32): void {
  const passes = frame.passes;
  const own = changetype<Order>(passOf(frame, p).order);
  frame.corrections += count;
  for (let from: u32 = 0; from < count; from += atOnce) {
    const some = min(atOnce, count - from);
    let touched: u64 = 0;
    for (let i: u32 = 0; i < some; i++) {
      const x = fromPass(own, load<u32>(located + (<usize>(from + i) << 2)));
      for (let q: u32 = 0; q < passes; q++) {
        const pass = passOf(frame, q);
        const y = toPass(changetype<Order>(pass.order), x);
        store<u32>(places + (<usize>(q * atOnce + i) << 2), y);
        touched ^= load<u64>(pass.data + (<usize>(y >> 6) << recordShift), boundsAt);
      }
    }
    store<u64>(places + placesBytes, touched);
    for (let i: u32 = 0; i < some; i++)
      for (let q: u32 = 0; q < passes; q++) {
        const pass = passOf(frame, q);
        const y = load<u32>(places + (<usize>(q * atOnce + i) << 2));
        if (q == p) flipBit(pass.data, y);
        else toggle(frame, q, pass, y);
      }
  }
}

function takeAsks(frame: Frame, answers: usize, found: usize): void {
  let bit: u32 = 0;
  let located: u32 = 0;
  let last: u32 = none;
  let place: u32 = 0;
  for (let i: u32 = 0; i < frame.asked; i++) {
    const asked = load<u32>(frame.asks + (<usize>i << 2));
    const p = (asked >> 5) & 15;
    const level = asked & 15;
    let start = asked >> 9;
    place = p == last ? place + 1 : 0;
    last = p;
    const pass = passOf(frame, p);
    const data = pass.data;
    const shot = (asked & 16) != 0;
    const answer = (load<u32>(answers + (bit >> 3)) >> (bit & 7)) & ((1 << (shot ? level : 1)) - 1);
    bit += shot ? level : 1;
    const record = found + (<usize>located << 3);
    if (shot) {
      setBit(data + shotAt, start);
      store<u32>(record, (start << 4) | p);
      store<u32>(record, start + (indexParities(data, recordShift, start, level) ^ answer), 4);
      located++;
      continue;
    }
    const middle = start + (1 << (level - 1));
    setBit(data + boundsAt, middle);
    if (parity(data, recordShift, start, level - 1) == answer) {
      flipBit(data + oddAt, start);
      flipBit(data + oddAt, middle);
      start = middle;
    }
    if (level == 1) {
      store<u32>(record, (start << 4) | p);
      store<u32>(record, start, 4);
      located++;
    }
    store<u32>(pass.queue + (<usize>place << 2), level == 1 ? gone : start);
  }
  frame.asked = 0;
  for (let i: u32 = 0; i < located; i++) {
    const record = found + (<usize>i << 3);
    const p = load<u32>(record) & 15;
    const pass = passOf(frame, p);
    // An earlier correction of this step may have made the leaf even.
    if (getBit(pass.data + oddAt, load<u32>(record) >> 4))
      correct(frame, fromPass(changetype<Order>(pass.order), load<u32>(record, 4)));
  }
}
