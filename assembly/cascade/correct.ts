// Cascade, Bob: a corrected bit flips in every pass that has begun, and the leaf around it becomes odd or even again.
import { Frame, leafStart, oddAt, Pass, passOf, recordOf, wordOf } from "./layout";
import { fromPass, Order, toPass } from "./order";

/** So many corrections are looked up at once: looking up waits for memory side by side. */
const atOnce: u32 = 32;
/** Places of frame bits, then of the same in a pass, then a word that keeps looking them up from being left out. */
const frameBits = memory.data(32 * 4, 8);
const places = memory.data(32 * 4 + 8, 8);

@inline
function flip(bits: usize, y: u32): void {
  const word = wordOf(bits, y);
  store<u64>(word, load<u64>(word) ^ ((<u64>1) << (y & 63)));
}

/**
 * Toggles a pass at `places`, at most so many as are looked up at once. No branch but for leaves that begin words before:
 * which way it goes nobody can foretell.
 */
function toggle(frame: Frame, pass: Pass, bytes: usize): void {
  let last = pass.queue + (<usize>pass.queued << 2);
  let units: u64 = 0;
  let open: u32 = 0;
  for (let i: usize = 0; i < bytes; i += 4) {
    const y = load<u32>(places + i);
    flip(pass.bits, y);
    const start = leafStart(pass, y);
    const record = recordOf(pass, start);
    const odd = load<u64>(record, oddAt) ^ ((<u64>1) << (start & 63));
    store<u64>(record, odd, oddAt);
    const isOdd = (odd >> (start & 63)) & 1;
    store<u32>(last, start);
    last += <usize>isOdd << 2;
    open += <u32>isOdd;
    const next = y + 1;
    units |= isOdd & <u64>(start == y) & (load<u64>(recordOf(pass, next)) >> (next & 63));
  }
  pass.queued = <u32>((last - pass.queue) >> 2);
  frame.open += 2 * open - <u32>(bytes >> 2);
  frame.units |= <u32>units;
  if (pass.queued <= frame.capacity) return;
  pass.queued = frame.capacity;
  frame.failed = 1;
}

/** Too much for the queues, or more corrections than a frame can need: the answers contradict each other. */
export function takeCorrected(frame: Frame): void {
  if (frame.corrections > frame.words << 5) frame.failed = 1;
}

/** Flips frame bit x, and a leaf of each pass. */
export function correct(frame: Frame, x: u32): void {
  frame.corrections++;
  for (let q: u32 = 0; q < frame.passes; q++) {
    const pass = passOf(frame, q);
    store<u32>(places, toPass(changetype<Order>(pass.order), x));
    toggle(frame, pass, 4);
  }
}

/** Places `located` of pass p, whose leaves are out of the books. */
export function correctAll(frame: Frame, p: u32, located: usize, count: u32): void {
  frame.corrections += count;
  const own = passOf(frame, p);
  const ownOrder = changetype<Order>(own.order);
  for (let from: u32 = 0; from < count; from += atOnce) {
    const some = min(atOnce, count - from) << 2;
    for (let i: usize = 0; i < some; i += 4) {
      const y = load<u32>(located + (<usize>from << 2) + i);
      flip(own.bits, y);
      store<u32>(frameBits + i, fromPass(ownOrder, y));
    }
    for (let q: u32 = 0; q < frame.passes; q++) {
      if (q == p) continue;
      const pass = passOf(frame, q);
      const order = changetype<Order>(pass.order);
      let touched: u64 = 0;
      for (let i: usize = 0; i < some; i += 4) {
        const y = toPass(order, load<u32>(frameBits + i));
        store<u32>(places + i, y);
        touched ^= load<u64>(recordOf(pass, y)) ^ load<u64>(wordOf(pass.bits, y));
      }
      store<u64>(places + 128, touched);
      toggle(frame, pass, some);
    }
  }
}
