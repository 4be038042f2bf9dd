// Cascade, Alice's half: parities of blocks, of left halves and index parities of leaves (KERNELS.md E). She follows the
// leaves that Bob searches alone by one bit of direction each, so that requests cost as much as answers.
import {
  atLevel,
  clearLevels,
  descend,
  Frame,
  mostLevel,
  passOf,
  setAtLevel,
} from "./layout";
import { arrange, Order } from "./order";
import { blockParities, indexParities, parity } from "./parity";

/** Starts the next pass; parities of its blocks of 2^level bits, packed. `out` has room for whole words. */
export function cascadeAliceStart(frame: Frame, level: u32, out: usize, scratch: usize): void {
  const pass = passOf(frame, frame.passes);
  if (frame.passes > 0) arrange(changetype<Order>(pass.order), passOf(frame, 0).bits, pass.bits, frame.words, scratch);
  frame.passes++;
  frame.listed = 0;
  clearLevels(frame);
  blockParities(pass.bits, frame.words, level, out);
}

@inline
function valid(frame: Frame, start: u32, pass: u32, level: u32): bool {
  const length: u32 = 1 << level;
  return pass < frame.passes && level > 0 && !(start & (length - 1)) && start + length <= frame.words << 6;
}

/** Leaves of one pass, longest first, to be searched alone; parities of their left halves. @returns bits, −1: refused */
export function cascadeAliceList(frame: Frame, requests: usize, count: u32, out: usize): i32 {
  frame.listed = 0;
  clearLevels(frame);
  if (count > frame.capacity) return -1;
  let last = mostLevel;
  for (let i: usize = 0; i < count; i++) {
    const asked = load<u32>(requests + (i << 2));
    const pass = (asked >> 5) & 15;
    if (i == 0) frame.listPass = pass;
    const start = asked >> 9;
    const level = asked & 15;
    if (asked & 16 || pass != frame.listPass || level > last || !valid(frame, start, pass, level)) {
      clearLevels(frame);
      return -1;
    }
    store<u32>(frame.starts + (i << 2), start);
    setAtLevel(frame, level, atLevel(frame, level) + 1);
    last = level;
  }
  frame.listed = count;
  answer(frame, 0, out);
  return count;
}

/** Parities of left halves of the list's leaves. `directions`: a bit a leaf, 1 where it is now its former right half. */
function answer(frame: Frame, directions: usize, out: usize): void {
  const bits = passOf(frame, frame.listPass).bits;
  const starts = frame.starts;
  let i: u32 = 0;
  for (let level: u32 = mostLevel; level > 0; level--) {
    const end = i + atLevel(frame, level);
    while (i < end) {
      const word = <usize>(i >> 6) << 3;
      let at = i & 63;
      let packed: u64 = at ? load<u64>(out + word) : 0;
      let right: u64 = directions ? load<u64>(directions + word) >> at : 0;
      for (const stop = min(end, (i | 63) + 1); i < stop; i++) {
        const entry = starts + (<usize>i << 2);
        const start = load<u32>(entry) + ((<u32>right & 1) << level);
        right >>= 1;
        store<u32>(entry, start);
        packed |= (<u64>parity(bits, start, level - 1)) << at++;
      }
      store<u64>(out + word, packed);
    }
  }
}

/** One bit a leaf that is not down to one bit: 1, the difference is in the right half. @returns bits */
export function cascadeAliceGo(frame: Frame, directions: usize, out: usize): i32 {
  descend(frame);
  answer(frame, directions, out);
  return frame.listed;
}

/** Leaves of the list that go on after this step: directions that Bob owes. */
export function cascadeAliceOwed(frame: Frame): u32 {
  return frame.listed ? frame.listed - atLevel(frame, 1) : 0;
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
    const bits = passOf(frame, pass).bits;
    const shot = (asked & 16) != 0;
    const count = shot ? level : 1;
    const parities = shot ? indexParities(bits, start, level) : parity(bits, start, level - 1);
    packed |= (<u64>parities) << filled;
    filled += count;
    total += count;
    while (filled >= 8) {
      store<u8>(out++, <u8>packed);
      packed >>= 8;
      filled -= 8;
    }
  }
  if (filled) store<u8>(out, <u8>packed);
  return total;
}
