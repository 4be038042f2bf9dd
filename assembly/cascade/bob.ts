// Cascade, Bob's half (KERNELS.md E, 4–6). While any leaf is odd: with few odd leaves all are searched together, each by
// one one-shot and then by halves; else the leaves of the lowest pass that has any are searched alone, to the end (alone.ts).
// A corrected bit toggles one leaf in every pass that has begun.
import { beginList, takeList } from "./alone";
import { correct, takeCorrected } from "./correct";
import { flipOdd, Frame, gone, isOdd, leafLevel, Pass, passOf, recordOf, recordShift, request, setBound } from "./layout";
import { arrange, fromPass, Order } from "./order";
import { blockParities, indexParities, parity } from "./parity";

/** Starts the next pass: `answers` are Alice's parities of its blocks of 2^level bits; `mine` has room for as many. */
export function cascadeBobStart(frame: Frame, level: u32, answers: usize, mine: usize, scratch: usize): void {
  const pass = passOf(frame, frame.passes);
  const words = frame.words;
  if (frame.passes > 0) arrange(changetype<Order>(pass.order), passOf(frame, 0).bits, pass.bits, words, scratch);
  frame.passes++;
  blockParities(pass.bits, words, level, mine);
  markBlocks(pass, words, level);
  memory.fill(pass.shots, 0, <usize>words << 3);
  const blocks = (words << 6) >> level;
  const queue = pass.queue;
  let queued: u32 = 0;
  for (let i: u32 = 0; i < blocks; i += 64) {
    let odd = load<u64>(mine + (i >> 3)) ^ load<u64>(answers + (i >> 3));
    if (blocks - i < 64) odd &= ((<u64>1) << (blocks - i)) - 1;
    for (; odd; odd &= odd - 1) {
      const start = (i + <u32>ctz(odd)) << level;
      flipOdd(pass, start);
      store<u32>(queue + (<usize>(queued++) << 2), start);
    }
  }
  pass.queued = queued;
  frame.open += queued;
}

/** Boundaries of blocks of 2^level bits; none is odd. */
function markBlocks(pass: Pass, words: u32, level: u32): void {
  const records = pass.records;
  const apart: u32 = level > 6 ? 1 << (level - 6) : 1;
  let bounds: u64 = 1;
  for (let at: u64 = level < 6 ? (<u64>1) << level : 64; at < 64; at += (<u64>1) << level) bounds |= (<u64>1) << at;
  if (apart > 1) memory.fill(records, 0, <usize>words << recordShift);
  const record = i64x2.replace_lane(i64x2.splat(0), 0, <i64>bounds);
  for (let w: u32 = 0; w <= words; w += apart) v128.store(records + (<usize>w << recordShift), record);
  let filled: u64 = 0;
  for (let w: u32 = 0; w < 64; w += apart) filled |= (<u64>1) << w;
  for (let w: u32 = 0; w <= words; w += 64) {
    if (apart > 64 && (w & (apart - 1))) filled = 0;
    else if (apart > 64) filled = 1;
    store<u64>(pass.filled + (<usize>(w >> 6) << 3), filled);
  }
  const end = pass.filled + (<usize>(words >> 6) << 3);
  store<u64>(end, load<u64>(end) | ((<u64>1) << (words & 63)));
}

/** Leaves of one bit that are odd name their error; contradicting answers would go round for ever. */
function correctUnits(frame: Frame): void {
  const most = frame.words << 5;
  while (frame.units && !frame.failed) {
    frame.units = 0;
    for (let p: u32 = 0; p < frame.passes; p++) {
      const pass = passOf(frame, p);
      for (let i: u32 = 0; i < pass.queued && !frame.failed; i++) {
        const start = load<u32>(pass.queue + (<usize>i << 2));
        if (start == gone || !isOdd(pass, start) || leafLevel(pass, start)) continue;
        correct(frame, fromPass(changetype<Order>(pass.order), start));
        if (frame.corrections > most) frame.failed = 1;
      }
    }
  }
}

/** Keeps what is odd, once. */
function compact(pass: Pass): void {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < pass.queued; i++) {
    const start = load<u32>(pass.queue + (<usize>i << 2));
    if (start == gone || !isOdd(pass, start)) continue;
    flipOdd(pass, start);
    store<u32>(pass.queue + (<usize>(kept++) << 2), start);
  }
  for (let i: u32 = 0; i < kept; i++) flipOdd(pass, load<u32>(pass.queue + (<usize>i << 2)));
  pass.queued = kept;
}

/**
 * What to ask next, in `out`. @returns count << 2 | kind; kind 0: no leaf is odd; 1: `count` directions for the list, which
 * \`cascadeBobTake\` has left there, packed; 2: requests of a new list; 3: requests of leaves searched together.
 * `found`: room for 4 bytes an entry.
 */
export function cascadeBobAsk(frame: Frame, out: usize, found: usize): u32 {
  if (frame.listed) return (frame.listed << 2) | 1;
  correctUnits(frame);
  if (!frame.open || frame.failed) return 0;
  if (<u32>frame.open > frame.together) return (beginList(frame, out, found) << 2) | 2;
  let count: u32 = 0;
  let bits: u32 = 0;
  for (let p: u32 = 0; p < frame.passes; p++) {
    const pass = passOf(frame, p);
    compact(pass);
    for (let i: u32 = 0; i < pass.queued; i++) {
      const start = load<u32>(pass.queue + (<usize>i << 2));
      const level = leafLevel(pass, start);
      const shot = <u32>(level > 1 && !wasShot(pass, start));
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

@inline
function wasShot(pass: Pass, start: u32): bool {
  return ((load<u64>(pass.shots + (<usize>(start >> 6) << 3)) >> (start & 63)) & 1) != 0;
}

@inline
function markShot(pass: Pass, start: u32): void {
  const word = pass.shots + (<usize>(start >> 6) << 3);
  store<u64>(word, load<u64>(word) | ((<u64>1) << (start & 63)));
}

/** Digests the answers to what was asked last. `found`: room for 8 bytes an entry; `out`: for the list's directions. */
export function cascadeBobTake(frame: Frame, answers: usize, found: usize, out: usize): void {
  if (frame.listed) takeList(frame, answers, found, out);
  else takeAsks(frame, answers, found);
  takeCorrected(frame);
}

function takeAsks(frame: Frame, answers: usize, found: usize): void {
  let bit: u32 = 0;
  let located: u32 = 0;
  let last: u32 = gone;
  let place: u32 = 0;
  for (let i: u32 = 0; i < frame.asked; i++) {
    const asked = load<u32>(frame.asks + (<usize>i << 2));
    const p = (asked >> 5) & 15;
    const level = asked & 15;
    let start = asked >> 9;
    place = p == last ? place + 1 : 0;
    last = p;
    const pass = passOf(frame, p);
    const shot = (asked & 16) != 0;
    const answer = (load<u32>(answers + (bit >> 3)) >> (bit & 7)) & ((1 << (shot ? level : 1)) - 1);
    bit += shot ? level : 1;
    const record = found + (<usize>located << 3);
    if (shot) {
      markShot(pass, start);
      store<u32>(record, (start << 4) | p);
      store<u32>(record, start + (indexParities(pass.bits, start, level) ^ answer), 4);
      located++;
      continue;
    }
    const middle = start + (1 << (level - 1));
    setBound(pass, middle);
    if (parity(pass.bits, start, level - 1) == answer) {
      flipOdd(pass, start);
      flipOdd(pass, middle);
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
    const pass = passOf(frame, load<u32>(record) & 15);
    // An earlier correction of this step may have made the leaf even.
    if (isOdd(pass, load<u32>(record) >> 4)) correct(frame, fromPass(changetype<Order>(pass.order), load<u32>(record, 4)));
  }
}
