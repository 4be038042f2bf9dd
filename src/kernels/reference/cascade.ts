/**
 * Cascade on one frame, in plain TypeScript: the twin of assembly/cascade, one byte a bit, every rule spelled out
 * (KERNELS.md E; FORMULAS.md 5b). A pass is a public order of the frame's bits cut into blocks of a power of two. Bob
 * knows where leaves begin (`bounds`) and which of them differ in parity from Alice's (`odd`, at their start). A corrected
 * bit toggles one leaf in every pass that has begun, so blocks of earlier passes are reused without bookkeeping.
 */
import {
  type AliceHalf,
  type Answer,
  type BobHalf,
  type FrameShape,
  packRequest,
  type Request,
} from "../cascade-halves.js";
import type { CascadeOrder, CascadeOrders } from "../cascade-order.js";
import { CascadeTag } from "./cascade-tag.js";

/** Place of frame bit x, and the inverse, of every bit. */
function tables(order: CascadeOrder, length: number): { to: Uint32Array; from: Uint32Array } {
  const to = Uint32Array.from({ length }, (_, x) => placeOf(order, x));
  const from = new Uint32Array(length);
  to.forEach((y, x) => {
    from[y] = x;
  });
  return { to, from };
}

function placeOf(order: CascadeOrder, x: number): number {
  if (order.kind === "identity") return x;
  if (order.kind === "table") return order.to[x]!;
  let [word, bit] = [x >>> 6, x & 63];
  for (const round of [0, 1]) {
    const entry = order.to[round]![word]!;
    const place = entry >>> 6;
    const rotated = (bit + entry) & 63;
    // Transposed: bit b of word g + i goes to bit i of word g + b.
    [word, bit] = [(place & ~63) | rotated, place & 63];
  }
  return (order.to[2]![word]! << 6) | bit;
}

function unpack(bytes: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (bytes[i >>> 3]! >>> (i & 7)) & 1);
}

function pack(bits: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array((bits.length + 7) >>> 3);
  for (let i = 0; i < bits.length; i++) out[i >>> 3]! |= bits[i]! << (i & 7);
  return out;
}

function answerOf(bits: readonly number[]): Answer {
  return { bytes: pack(bits), bits: bits.length };
}

function parityOf(bits: Uint8Array, start: number, length: number): number {
  let parity = 0;
  for (let i = start; i < start + length; i++) parity ^= bits[i]!;
  return parity;
}

/** XOR of the indices, inside the leaf, of its set bits. */
function indexSum(bits: Uint8Array, start: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) if (bits[start + i]) sum ^= i;
  return sum;
}

export class CascadeAlice implements AliceHalf {
  private readonly bits: Uint8Array;
  private readonly ordered: Uint8Array[] = [];
  private listed: { pass: number; start: number; level: number }[] = [];

  constructor(
    private readonly shape: FrameShape,
    private readonly orders: CascadeOrders,
    word: Uint8Array,
  ) {
    this.bits = unpack(word, shape.length);
  }

  get length(): number {
    return this.shape.length;
  }
  get passes(): number {
    return this.ordered.length;
  }

  start(level: number): Answer {
    const { from } = tables(this.orders.pass(this.passes), this.length);
    const ordered = Uint8Array.from(from, (x) => this.bits[x]!);
    this.ordered.push(ordered);
    this.listed = [];
    const parities: number[] = [];
    for (let start = 0; start < this.length; start += 2 ** level) parities.push(parityOf(ordered, start, 2 ** level));
    return answerOf(parities);
  }

  list(requests: Uint8Array): Answer | undefined {
    this.listed = [];
    const leaves = read(requests);
    if (leaves.length > this.shape.capacity) return undefined;
    const right = leaves.every(
      (leaf, i) =>
        !leaf.shot &&
        leaf.pass === leaves[0]!.pass &&
        leaf.level <= (leaves[i - 1]?.level ?? leaf.level) &&
        this.holds(leaf),
    );
    if (!right) return undefined;
    this.listed = leaves;
    return this.leftHalves();
  }

  owed(): number {
    return this.listed.filter(({ level }) => level > 1).length;
  }

  go(directions: Uint8Array): Answer {
    const right = unpack(directions, this.owed());
    this.listed = this.listed
      .filter(({ level }) => level > 1)
      .map(({ pass, start, level }, i) => ({ pass, start: start + right[i]! * 2 ** (level - 1), level: level - 1 }));
    return this.leftHalves();
  }

  private leftHalves(): Answer {
    return answerOf(
      this.listed.map(({ pass, start, level }) => parityOf(this.ordered[pass]!, start, 2 ** (level - 1))),
    );
  }

  ask(requests: Uint8Array): Answer | undefined {
    const answers: number[] = [];
    for (const leaf of read(requests)) {
      if (!this.holds(leaf)) return undefined;
      const { pass, start, level, shot } = leaf;
      const bits = this.ordered[pass]!;
      if (shot) {
        const sum = indexSum(bits, start, 2 ** level);
        for (let j = 0; j < level; j++) answers.push((sum >>> j) & 1);
      } else answers.push(parityOf(bits, start, 2 ** (level - 1)));
    }
    return answerOf(answers);
  }

  private holds({ pass, start, level }: { pass: number; start: number; level: number }): boolean {
    return pass < this.passes && level > 0 && start % 2 ** level === 0 && start + 2 ** level <= this.length;
  }

  tag(key: Uint8Array): Uint8Array {
    return new CascadeTag(key).of(this.bits);
  }
  word(): Uint8Array {
    return pack(this.bits);
  }
  zeroise(): void {
    this.bits.fill(0);
    for (const bits of this.ordered) bits.fill(0);
  }
}

function read(requests: Uint8Array): { pass: number; start: number; level: number; shot: boolean }[] {
  return Array.from(new Uint32Array(requests.slice().buffer), (request) => ({
    start: request >>> 9,
    pass: (request >>> 5) & 15,
    shot: (request & 16) !== 0,
    level: request & 15,
  }));
}

function bytesOf(requests: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(requests).buffer);
}

interface Pass {
  readonly to: Uint32Array;
  readonly from: Uint32Array;
  readonly bits: Uint8Array;
  readonly bounds: Uint8Array;
  readonly odd: Uint8Array;
  readonly shot: Uint8Array;
  /** Starts of leaves that became odd, in that order; some may be even again, some twice. */
  queue: number[];
}

interface Leaf {
  readonly pass: number;
  readonly start: number;
  readonly level: number;
}

export class CascadeBob implements BobHalf {
  private readonly started: Pass[] = [];
  private readonly bits: Uint8Array;
  /** Leaves of one pass that are searched alone, to the end, longest first; no longer odd in its books. */
  private alone: Leaf[] = [];
  private directions: number[] = [];
  private together: (Leaf & { readonly oneShot: boolean })[] = [];
  private corrections = 0;
  failed = false;

  constructor(
    private readonly shape: FrameShape,
    private readonly orders: CascadeOrders,
    word: Uint8Array,
    private readonly togetherBelow: number,
  ) {
    this.bits = unpack(word, shape.length);
  }

  get length(): number {
    return this.shape.length;
  }
  get passes(): number {
    return this.started.length;
  }

  start(level: number, answers: Uint8Array): void {
    const { to, from } = tables(this.orders.pass(this.passes), this.length);
    const map = () => new Uint8Array(this.length);
    const bits = Uint8Array.from(from, (x) => this.bits[x]!);
    const pass: Pass = { to, from, bits, bounds: map(), odd: map(), shot: map(), queue: [] };
    const blocks = this.length / 2 ** level;
    const theirs = unpack(answers, blocks);
    for (let block = 0; block < blocks; block++) {
      const start = block * 2 ** level;
      pass.bounds[start] = 1;
      if (parityOf(bits, start, 2 ** level) === theirs[block]) continue;
      pass.odd[start] = 1;
      pass.queue.push(start);
    }
    this.started.push(pass);
  }

  next(): Request {
    if (this.alone.length > 0) return { kind: "go", bytes: pack(this.directions), answerBits: this.directions.length };
    this.correctUnits();
    const open = this.started.reduce((sum, pass) => sum + oddOf(pass).length, 0);
    if (open === 0 || this.failed) return { kind: "none", bytes: new Uint8Array(0), answerBits: 0 };
    if (open > this.togetherBelow) {
      const index = this.started.findIndex((pass) => oddOf(pass).length > 0);
      for (const pass of this.started.slice(0, index + 1)) pass.queue = oddOf(pass);
      const pass = this.started[index]!;
      this.alone = pass.queue
        .map((start) => ({ pass: index, start, level: this.levelOf(pass, start) }))
        .sort((a, b) => b.level - a.level);
      pass.queue = [];
      for (const { start } of this.alone) pass.odd[start] = 0;
      return {
        kind: "list",
        bytes: bytesOf(this.alone.map(({ pass: p, start, level }) => packRequest(start, p, false, level))),
        answerBits: this.alone.length,
      };
    }
    for (const pass of this.started) pass.queue = oddOf(pass);
    this.together = this.started.flatMap((pass, index) =>
      pass.queue.map((start) => {
        const level = this.levelOf(pass, start);
        return { pass: index, start, level, oneShot: level > 1 && !pass.shot[start] };
      }),
    );
    return {
      kind: "ask",
      bytes: bytesOf(this.together.map(({ pass, start, level, oneShot }) => packRequest(start, pass, oneShot, level))),
      answerBits: this.together.reduce((sum, { level, oneShot }) => sum + (oneShot ? level : 1), 0),
    };
  }

  take(answers: Uint8Array): void {
    if (this.alone.length > 0) this.takeAlone(answers);
    else this.takeTogether(answers);
    if (this.corrections > this.length / 2) this.failed = true;
  }

  private takeAlone(answers: Uint8Array): void {
    const located: Leaf[] = [];
    const kept: Leaf[] = [];
    this.directions = [];
    for (const [i, { pass: index, start, level }] of this.alone.entries()) {
      const pass = this.started[index]!;
      const half = 2 ** (level - 1);
      const inRight = parityOf(pass.bits, start, half) === bitOf(answers, i);
      pass.bounds[start + half] = 1;
      const leaf = { pass: index, start: inRight ? start + half : start, level: level - 1 };
      if (leaf.level === 0) located.push(leaf);
      else {
        kept.push(leaf);
        this.directions.push(inRight ? 1 : 0);
      }
    }
    this.alone = kept;
    for (const { pass: index, start } of located) {
      const pass = this.started[index]!;
      this.correct(pass.from[start]!, pass);
    }
  }

  private takeTogether(answers: Uint8Array): void {
    let at = 0;
    const located: { pass: Pass; start: number; place: number }[] = [];
    for (const { pass: index, start, level, oneShot } of this.together) {
      const pass = this.started[index]!;
      if (oneShot) {
        let theirs = 0;
        for (let j = 0; j < level; j++) theirs |= bitOf(answers, at++) << j;
        pass.shot[start] = 1;
        located.push({ pass, start, place: start + (indexSum(pass.bits, start, 2 ** level) ^ theirs) });
        continue;
      }
      const middle = start + 2 ** (level - 1);
      const inRight = parityOf(pass.bits, start, 2 ** (level - 1)) === bitOf(answers, at++);
      pass.bounds[middle] = 1;
      const rest = inRight ? middle : start;
      pass.odd[start]! ^= inRight ? 1 : 0;
      pass.odd[middle]! ^= inRight ? 1 : 0;
      const queued = pass.queue.indexOf(start);
      if (level === 1) {
        located.push({ pass, start: rest, place: rest });
        pass.queue.splice(queued, 1);
      } else pass.queue[queued] = rest;
    }
    this.together = [];
    // Corrections only after every answer has been compared with the word that it was asked for; an earlier one may
    // have made a later one's leaf even.
    for (const { pass, start, place } of located) if (pass.odd[start]) this.correct(pass.from[place]!);
  }

  /** Leaves of one bit that are odd name their error; contradicting answers would go round for ever. */
  private correctUnits(): void {
    for (let found = true; found && !this.failed; ) {
      found = false;
      for (const pass of this.started)
        for (let i = 0; i < pass.queue.length && !this.failed; i++) {
          const start = pass.queue[i]!;
          if (!pass.odd[start] || this.levelOf(pass, start) > 0) continue;
          this.correct(pass.from[start]!);
          if (this.corrections > this.length / 2) this.failed = true;
          found = true;
        }
    }
  }

  /** @param own pass whose leaf is out of the books already */
  private correct(x: number, own?: Pass): void {
    this.corrections++;
    this.bits[x]! ^= 1;
    for (const pass of this.started) {
      const y = pass.to[x]!;
      pass.bits[y]! ^= 1;
      if (pass !== own) this.toggle(pass, y);
    }
  }

  private toggle(pass: Pass, y: number): void {
    let start = y;
    while (!pass.bounds[start]) start--;
    pass.odd[start]! ^= 1;
    if (pass.odd[start]) pass.queue.push(start);
    if (pass.queue.length > this.shape.capacity) this.failed = true;
  }

  private levelOf(pass: Pass, start: number): number {
    let end = start + 1;
    while (end < this.length && !pass.bounds[end]) end++;
    return Math.log2(end - start);
  }

  tag(key: Uint8Array): Uint8Array {
    return new CascadeTag(key).of(this.bits);
  }
  word(): Uint8Array {
    return pack(this.bits);
  }
  zeroise(): void {
    this.bits.fill(0);
    for (const pass of this.started) {
      pass.bits.fill(0);
      pass.odd.fill(0);
    }
  }
}

/** What is odd of the queue, once. */
function oddOf({ queue, odd }: Pass): number[] {
  return [...new Set(queue)].filter((start) => odd[start]);
}

function bitOf(bytes: Uint8Array, i: number): number {
  return (bytes[i >>> 3]! >>> (i & 7)) & 1;
}
