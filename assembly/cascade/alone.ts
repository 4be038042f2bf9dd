// Cascade, Bob: the leaves of one pass that are searched alone, to the end. They lie longest first, so that each step goes
// through runs of leaves of one length without a branch, and those that are down to one bit are the last of the list.
import { correctAll } from "./correct";
import {
  atLevel,
  clearLevels,
  descend,
  Frame,
  gone,
  leafLevel,
  mostLevel,
  oddAt,
  passOf,
  recordOf,
  recordShift,
  request,
  setAtLevel,
  setBound,
  wordOf,
} from "./layout";
import { parity } from "./parity";

/** [level][place in its word]: boundaries on the way from a leaf of 2^level bits down to one bit. */
const paths = memory.data(7 * 64 * 8, 8);
let pathsMade = false;

function makePaths(): void {
  pathsMade = true;
  for (let level: u32 = 0; level < 7; level++)
    for (let x: u32 = 0; x < 64; x++) {
      let mask: u64 = 0;
      for (let j: u32 = 1; j <= level; j++) mask |= (<u64>1) << (((x >> j) << j) + (1 << (j - 1)));
      store<u64>(paths + (<usize>(level * 64 + x) << 3), mask);
    }
}

/** Takes the odd leaves of the lowest pass that has any off the books. @returns their number; `out`: the requests */
export function beginList(frame: Frame, out: usize, found: usize): u32 {
  if (!pathsMade) makePaths();
  clearLevels(frame);
  let p: u32 = 0;
  let count: u32 = 0;
  for (; ; p++) {
    const pass = passOf(frame, p);
    const end = pass.queue + (<usize>pass.queued << 2);
    for (let entry = pass.queue; entry < end; entry += 4) {
      const start = load<u32>(entry);
      if (start == gone) continue;
      const record = recordOf(pass, start);
      const odd = load<u64>(record, oddAt);
      const own = (<u64>1) << (start & 63);
      if (!(odd & own)) continue;
      store<u64>(record, odd ^ own, oddAt);
      const level = leafLevel(pass, start);
      setAtLevel(frame, level, atLevel(frame, level) + 1);
      store<u32>(found + (<usize>(count++) << 2), request(start, p, 0, level));
    }
    pass.queued = 0;
    if (count) break;
  }
  const bits = passOf(frame, p).bits;
  let at: u32 = 0;
  for (let level = mostLevel; level > 0; level--) {
    store<u32>(next + (<usize>level << 2), at);
    at += atLevel(frame, level);
  }
  for (let i: usize = 0; i < count; i++) {
    const asked = load<u32>(found + (i << 2));
    const level = next + (<usize>(asked & 15) << 2);
    const place = <usize>load<u32>(level);
    store<u32>(level, <u32>place + 1);
    const start = asked >> 9;
    store<u32>(out + (place << 2), asked);
    store<u32>(frame.starts + (place << 2), start);
    store<u64>(frame.windows + (place << 3), load<u64>(wordOf(bits, start)) >> (start & 63));
  }
  frame.open -= count;
  frame.listPass = p;
  frame.listed = count;
  frame.steps = 0;
  return count;
}
/** Of each level: where in the list the next leaf goes. */
const next = memory.data(64, 8);

/** `found`: room for 4 bytes an entry; `directions` of those that go on, packed. */
export function takeList(frame: Frame, answers: usize, found: usize, directions: usize): void {
  let i: u32 = 0;
  for (let level = mostLevel; level > 6; level--) {
    const end = i + atLevel(frame, level);
    for (; i < end; i++) halveLong(frame, i, level - 1, answers, directions);
  }
  for (let level: u32 = 6; level > 1; level--) {
    const end = i + atLevel(frame, level);
    while (i < end) {
      const stop = min(end, (i | 63) + 1);
      halve(frame, i, stop, level - 1, answers, directions);
      i = stop;
    }
  }
  const located = atLevel(frame, 1);
  locate(frame, i, i + located, answers, found);
  descend(frame);
  correctAll(frame, frame.listPass, found, located);
}

@inline
function answerOf(answers: usize, i: u32): u32 {
  return (<u32>load<u8>(answers + (i >> 3)) >> (i & 7)) & 1;
}

/** Leaf i, whose halves are of 2^level ≥ 64 bits. */
function halveLong(frame: Frame, i: u32, level: u32, answers: usize, directions: usize): void {
  const pass = passOf(frame, frame.listPass);
  const entry = frame.starts + (<usize>i << 2);
  let start = load<u32>(entry);
  const right = 1 ^ parity(pass.bits, start, level) ^ answerOf(answers, i);
  const half: u32 = 1 << level;
  setBound(pass, start + half);
  start += right << level;
  store<u32>(entry, start);
  if (level == 6) store<u64>(frame.windows + (<usize>i << 3), load<u64>(wordOf(pass.bits, start)));
  const word = directions + (<usize>(i >> 6) << 3);
  store<u64>(word, (i & 63 ? load<u64>(word) : 0) | ((<u64>right) << (i & 63)));
}

/** Leaves i … stop − 1 of one word of answers, whose halves are of 2^level < 64 bits. */
@inline
function halve(frame: Frame, i: u32, stop: u32, level: u32, answers: usize, directions: usize): void {
  const half: u64 = (<u64>1) << level;
  const mask: u64 = ((<u64>1) << half) - 1;
  const word = <usize>(i >> 6) << 3;
  let at = i & 63;
  let theirs = load<u64>(answers + word) >> at;
  let packed: u64 = at ? load<u64>(directions + word) : 0;
  let windowAt = frame.windows + (<usize>i << 3);
  let startAt = frame.starts + (<usize>i << 2);
  for (; i < stop; i++) {
    const window = load<u64>(windowAt);
    const right = 1 ^ ((popcnt(window & mask) ^ theirs) & 1);
    const further = right << level;
    theirs >>= 1;
    store<u64>(windowAt, window >> further);
    store<u32>(startAt, load<u32>(startAt) + <u32>further);
    packed |= right << at++;
    windowAt += 8;
    startAt += 4;
  }
  store<u64>(directions + word, packed);
}

/** Leaves of two bits: which one differs, in `found`; boundaries around it. Their windows, the key's, are cleared. */
@inline
function locate(frame: Frame, i: u32, end: u32, answers: usize, found: usize): void {
  const pass = passOf(frame, frame.listPass);
  const path = paths + (<usize>min(frame.steps + 1, 6) << 9);
  const records = pass.records;
  const windows = frame.windows;
  const starts = frame.starts;
  for (; i < end; i++) {
    const window = windows + (<usize>i << 3);
    const right = 1 ^ (<u32>load<u64>(window) & 1) ^ answerOf(answers, i);
    store<u64>(window, 0);
    const start = load<u32>(starts + (<usize>i << 2)) + right;
    const record = records + (<usize>(start >> 6) << recordShift);
    store<u64>(record, load<u64>(record) | load<u64>(path + (<usize>(start & 63) << 3)));
    store<u32>(found, start);
    found += 4;
  }
}
