/**
 * Cascade on one frame, in plain TypeScript: Alice answers parities, Bob searches (KERNELS.md E; FORMULAS.md 5b).
 * A pass is a public permutation cut into blocks of k bits. Bob's tree of a pass is a bitmap of known boundaries; a leaf
 * is the interval between neighbouring ones, and `odd` marks (at its start) a leaf whose parity differs from Alice's.
 * A corrected bit toggles one leaf in every started pass, so blocks of earlier passes are reused without bookkeeping.
 * Memory a frame of n bits and pass: Alice n bytes, Bob 1.4 n bytes, and 8 n bytes of permutation shared by all frames.
 */

export interface Interval {
  readonly pass: number;
  readonly start: number;
  readonly length: number;
  /** All index-bit parities of the interval at once, instead of its one parity. */
  readonly oneShot: boolean;
}

/** Number of bits that Alice sends for one interval. */
export function answerBits(request: Interval): number {
  return request.oneShot ? indexBits(request.length) : 1;
}

export function indexBits(length: number): number {
  return length <= 1 ? 0 : 32 - Math.clz32(length - 1);
}

/** Public permutations of one frame length from a seed, made when first used. */
export class CascadePermutations {
  private readonly made: { to: Uint32Array; from: Uint32Array }[] = [];
  constructor(
    readonly length: number,
    private readonly seed: Uint32Array,
  ) {}

  /** `to[x]` is the place of frame bit x in this pass, `from` the inverse. */
  pass(pass: number): { to: Uint32Array; from: Uint32Array } {
    this.made[pass] ??= this.make(pass);
    return this.made[pass];
  }

  private make(pass: number): { to: Uint32Array; from: Uint32Array } {
    const random = sfc32(this.seed, pass);
    const from = Uint32Array.from({ length: this.length }, (_, i) => i);
    for (let i = this.length - 1; i > 0; i--) {
      const j = Math.floor((random() / 2 ** 32) * (i + 1));
      const kept = from[i]!;
      from[i] = from[j]!;
      from[j] = kept;
    }
    const to = new Uint32Array(this.length);
    for (let i = 0; i < this.length; i++) to[from[i]!] = i;
    return { to, from };
  }
}

/** Small fast counter generator (sfc32); public shuffling only, nothing secret comes from it. */
function sfc32(seed: Uint32Array, stream: number): () => number {
  let [a, b, c, d] = [seed[0]! ^ stream, seed[1]!, seed[2]!, seed[3]! | 1];
  const next = () => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}

/** Alice's half: prefix parities of her word in each pass. */
export class CascadeAlice {
  private readonly prefix: Uint8Array[] = [];
  constructor(
    private readonly bits: Uint8Array,
    private readonly permutations: CascadePermutations,
  ) {}

  get length(): number {
    return this.bits.length;
  }
  get passes(): number {
    return this.prefix.length;
  }

  startPass(): void {
    const { from } = this.permutations.pass(this.prefix.length);
    const prefix = new Uint8Array(this.length + 1);
    for (let i = 0; i < this.length; i++) prefix[i + 1] = prefix[i]! ^ this.bits[from[i]!]!;
    this.prefix.push(prefix);
  }

  /** Answer bits, least significant index first for a one-shot. */
  answer({ pass, start, length, oneShot }: Interval, put: (bit: number) => void): void {
    const prefix = this.prefix[pass]!;
    if (!oneShot) {
      put(prefix[start]! ^ prefix[start + length]!);
      return;
    }
    let sum = 0;
    for (let i = 0; i < length; i++) if (prefix[start + i] !== prefix[start + i + 1]) sum ^= i;
    for (let j = 0; j < indexBits(length); j++) put((sum >>> j) & 1);
  }

  zeroise(): void {
    this.bits.fill(0);
    for (const prefix of this.prefix) prefix.fill(0);
  }
}

interface Pass {
  readonly to: Uint32Array;
  readonly from: Uint32Array;
  readonly bits: Uint8Array;
  readonly bounds: Uint32Array;
  readonly odd: Uint32Array;
  readonly shot: Uint32Array;
  /** Starts of leaves that became odd; some may be even again, some twice. */
  queue: number[];
}

/** Bob's half. `requests()` says what to ask, `take()` digests the answers; no request: every leaf is even. */
export class CascadeBob {
  private readonly passes: Pass[] = [];
  private asked: Interval[] = [];
  corrections = 0;

  constructor(
    private readonly bits: Uint8Array,
    private readonly permutations: CascadePermutations,
    /** With at most this many odd leaves all passes go on together, in one-shots (KERNELS.md E, 6). */
    private readonly togetherBelow: number,
  ) {}

  get length(): number {
    return this.bits.length;
  }
  get passCount(): number {
    return this.passes.length;
  }
  get word(): Uint8Array {
    return this.bits;
  }

  startPass(blockBits: number, parity: () => number): void {
    const { to, from } = this.permutations.pass(this.passes.length);
    const n = this.length;
    const words = (n + 31) >>> 5;
    const bits = new Uint8Array(n);
    for (let i = 0; i < n; i++) bits[i] = this.bits[from[i]!]!;
    const make = () => new Uint32Array(words);
    const pass: Pass = { to, from, bits, bounds: make(), odd: make(), shot: make(), queue: [] };
    for (let start = 0; start < n; start += blockBits) {
      flip(pass.bounds, start);
      if (parityOf(bits, start, Math.min(start + blockBits, n)) !== parity()) {
        flip(pass.odd, start);
        pass.queue.push(start);
      }
    }
    this.passes.push(pass);
    this.settle();
  }

  requests(): readonly Interval[] {
    let open = 0;
    for (const pass of this.passes) {
      pass.queue = [...new Set(pass.queue)].filter((start) => test(pass.odd, start)).sort((a, b) => a - b);
      open += pass.queue.length;
    }
    const together = open <= this.togetherBelow;
    const asked: Interval[] = [];
    for (const [index, pass] of this.passes.entries()) {
      for (const start of pass.queue) {
        const length = this.leafEnd(pass, start) - start;
        const oneShot = together && length > 2 && !test(pass.shot, start);
        asked.push({ pass: index, start, length: oneShot ? length : halfOf(length), oneShot });
      }
      if (!together && asked.length > 0) break;
    }
    this.asked = asked;
    return asked;
  }

  take(bit: () => number): void {
    const wrong: { pass: Pass; start: number; at: number }[] = [];
    for (const { pass: index, start, length, oneShot } of this.asked) {
      const pass = this.passes[index]!;
      if (oneShot) {
        let sum = 0;
        for (let j = 0; j < indexBits(length); j++) sum |= bit() << j;
        for (let i = 0; i < length; i++) if (pass.bits[start + i]) sum ^= i;
        flip(pass.shot, start);
        if (sum < length) wrong.push({ pass, start, at: start + sum });
      } else {
        const middle = start + length;
        const left = parityOf(pass.bits, start, middle) !== bit();
        flip(pass.bounds, middle);
        if (!left) {
          flip(pass.odd, start);
          flip(pass.odd, middle);
        }
        pass.queue.push(middle);
      }
    }
    // Corrections only after every answer has been compared with the word that it was asked for.
    for (const { pass, start, at } of wrong) if (test(pass.odd, start)) this.correct(pass.from[at]!);
    this.settle();
  }

  /** Corrects odd leaves of one bit until there are none. */
  private settle(): void {
    for (let again = true; again && this.corrections <= this.length; ) {
      again = false;
      for (const pass of this.passes)
        for (const start of [...pass.queue])
          if (test(pass.odd, start) && this.leafEnd(pass, start) === start + 1) {
            this.correct(pass.from[start]!);
            again = true;
          }
    }
  }

  private correct(x: number): void {
    this.corrections++;
    this.bits[x]! ^= 1;
    for (const pass of this.passes) {
      const y = pass.to[x]!;
      pass.bits[y]! ^= 1;
      const start = leafStart(pass.bounds, y);
      flip(pass.odd, start);
      if (test(pass.odd, start)) pass.queue.push(start);
    }
  }

  private leafEnd(pass: Pass, start: number): number {
    return Math.min(nextSet(pass.bounds, start + 1), this.length);
  }

  zeroise(): void {
    this.bits.fill(0);
    for (const pass of this.passes) {
      pass.bits.fill(0);
      pass.odd.fill(0);
    }
  }
}

/** Largest power of two below `length`: halves stay aligned, a short last block too. */
function halfOf(length: number): number {
  return length < 2 ? 1 : 2 ** (indexBits(length) - 1);
}
function test(map: Uint32Array, at: number): boolean {
  return ((map[at >>> 5]! >>> (at & 31)) & 1) === 1;
}
function flip(map: Uint32Array, at: number): void {
  map[at >>> 5]! ^= 1 << (at & 31);
}
function leafStart(bounds: Uint32Array, at: number): number {
  let word = at >>> 5;
  let rest = bounds[word]! & (0xffffffff >>> (31 - (at & 31)));
  while (rest === 0) rest = bounds[--word]!;
  return word * 32 + 31 - Math.clz32(rest);
}
function nextSet(bounds: Uint32Array, at: number): number {
  let word = at >>> 5;
  if (word >= bounds.length) return Number.POSITIVE_INFINITY;
  let rest = bounds[word]! & (0xffffffff << (at & 31));
  while (rest === 0) {
    if (++word >= bounds.length) return Number.POSITIVE_INFINITY;
    rest = bounds[word]!;
  }
  return word * 32 + 31 - Math.clz32(rest & -rest);
}
function parityOf(bits: Uint8Array, start: number, end: number): number {
  let parity = 0;
  for (let i = start; i < end; i++) parity ^= bits[i]!;
  return parity;
}
