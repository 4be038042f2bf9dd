// Cascade, Alice's half: parities of blocks, of left halves and index parities of leaves (KERNELS.md E). She follows the
// leaves that Bob searches alone by one bit of direction each, so that requests cost as much as answers.
import { Frame, passOf, wordShift } from "./layout";
import { arrange, Order } from "./order";
import { blockParities, indexParities, parity } from "./parity";

/** Starts the next pass; parities of its blocks of 2^level bits, packed. `out` has room for whole words. */
export function cascadeAliceStart(frame: Frame, level: u32, out: usize, scratch: usize): void {
  const pass = passOf(frame, frame.passes);
  const order = changetype<Order>(pass.order);
  if (frame.passes > 0) arrange(order, passOf(frame, 0).data, wordShift, pass.data, wordShift, frame.words, scratch);
  frame.passes++;
  frame.listed = 0;
  blockParities(pass.data, wordShift, frame.words, level, out);
}

@inline
function valid(frame: Frame, start: u32, pass: u32, level: u32): bool {
  const length: u32 = 1 << level;
  return pass < frame.passes && level > 0 && !(start & (length - 1)) && start + length <= frame.words << 6;
}

/** Leaves of one pass to be searched alone; parities of their left halves. @returns bits, −1 where a request is wrong */
export function cascadeAliceList(frame: Frame, requests: usize, count: u32, out: usize): i32 {
  if (count > frame.capacity) return -1;
  let entry = frame.list;
  for (let i: u32 = 0; i < count; i++) {
    const asked = load<u32>(requests + (<usize>i << 2));
    const pass = (asked >> 5) & 15;
    if (i == 0) frame.listPass = pass;
    const start = asked >> 9;
    const level = asked & 15;
    if (asked & 16 || pass != frame.listPass || !valid(frame, start, pass, level)) {
      frame.listed = 0;
      return -1;
    }
    store<u32>(entry, start);
    store<u32>(entry, level, 4);
    entry += 8;
  }
  frame.listed = count;
  return answerList(frame, out);
}

/** One bit a leaf that is not down to one bit: 1, the difference is in the right half. @returns bits */
export function cascadeAliceGo(frame: Frame, directions: usize, out: usize): i32 {
  const data = passOf(frame, frame.listPass).data;
  const list = frame.list;
  let kept: u32 = 0;
  let packed: u32 = 0;
  for (let entry = list, end = list + (<usize>frame.listed << 3); entry < end; entry += 8) {
    const level = load<u32>(entry, 4) - 1;
    if (level == 0) continue;
    const right = (<u32>load<u8>(directions + (kept >> 3)) >> (kept & 7)) & 1;
    const start = load<u32>(entry) + (right << level);
    const target = list + (<usize>kept << 3);
    store<u32>(target, start);
    store<u32>(target, level, 4);
    packed |= parity(data, wordShift, start, level - 1) << (kept & 7);
    if ((++kept & 7) == 0) {
      store<u8>(out + (kept >> 3) - 1, packed);
      packed = 0;
    }
  }
  if (kept & 7) store<u8>(out + (kept >> 3), packed);
  frame.listed = kept;
  return kept;
}

/** Leaves of the list that go on after this step: directions that Bob owes. */
export function cascadeAliceOwed(frame: Frame): u32 {
  let count: u32 = 0;
  for (let i: usize = 0; i < frame.listed; i++) count += <u32>(load<u32>(frame.list + (i << 3), 4) > 1);
  return count;
}

function answerList(frame: Frame, out: usize): i32 {
  const data = passOf(frame, frame.listPass).data;
  let byte: u32 = 0;
  const count = frame.listed;
  for (let i: u32 = 0; i < count; i++) {
    const entry = frame.list + (<usize>i << 3);
    byte |= parity(data, wordShift, load<u32>(entry), load<u32>(entry, 4) - 1) << (i & 7);
    if ((i & 7) == 7) {
      store<u8>(out + (i >> 3), byte);
      byte = 0;
    }
  }
  if (count & 7) store<u8>(out + (count >> 3), byte);
  return count;
}

/** Leaves of any pass: the parity of the left half, or all index parities of a one-shot. @returns bits, −1 where wrong */
export function cascadeAliceAsk(frame: Frame, requests: usize, count: u32, out: usize): i32 {
  let packed: u64 = 0;
  let filled: u32 = 0;
  let total: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const asked = load<u32>(requests + (<usize>i << 2));
    const start = asked >> 9;
    const level = asked & 15;
    const pass = (asked >> 5) & 15;
    if (!valid(frame, start, pass, level)) return -1;
    const data = passOf(frame, pass).data;
    const shot = (asked & 16) != 0;
    const bits = shot ? level : 1;
    const answer = shot ? indexParities(data, wordShift, start, level) : parity(data, wordShift, start, level - 1);
    packed |= (<u64>answer) << filled;
    filled += bits;
    total += bits;
    while (filled >= 8) {
      store<u8>(out++, <u8>packed);
      packed >>= 8;
      filled -= 8;
    }
  }
  if (filled) store<u8>(out, <u8>packed);
  return total;
}
