/**
 * Public orders of Cascade's passes (KERNELS.md E, 3), for the kernel and its twin. From 2^16 bits on: twice {shuffle
 * 64-bit words, rotate each by its own amount, transpose groups of 64 × 64 bits}, then shuffle words, which is as good as
 * a random table and goes by words; below, a random table. Pass 0 is the frame as it is: the block was mixed before.
 */
export type CascadeOrder =
  | { readonly kind: "identity" }
  /** `to[x]`: place of frame bit x; `from`: the inverse. */
  | { readonly kind: "table"; readonly to: Uint32Array; readonly from: Uint32Array }
  /** Rounds 0, 1: `from[i]` = s << 6 | rotation: place i takes word s; `to[s]` = i << 6 | rotation. Round 2: words alone. */
  | { readonly kind: "words"; readonly to: readonly Uint32Array[]; readonly from: readonly Uint32Array[] };

const tableBelow = 2 ** 16;

/** Orders of one frame length, made when first used. @param seed 4 words, public */
export class CascadeOrders {
  private readonly made: CascadeOrder[] = [];
  constructor(
    /** Bits of a frame, a multiple of 64; from 2^16 on of 4096. */
    readonly length: number,
    readonly seed: Uint32Array,
  ) {}

  pass(pass: number): CascadeOrder {
    this.made[pass] ??= this.make(pass);
    return this.made[pass];
  }

  private make(pass: number): CascadeOrder {
    if (pass === 0) return { kind: "identity" };
    const random = sfc32(this.seed, pass);
    if (this.length < tableBelow) {
      const from = shuffled(this.length, random);
      return { kind: "table", from, to: inverse(from) };
    }
    const words = this.length / 64;
    const rounds = [0, 1, 2].map((round) => {
      const from = shuffled(words, random);
      const to = inverse(from);
      if (round === 2) return { from, to };
      for (let i = 0; i < words; i++) {
        const rotation = random() >>> 26;
        const s = from[i]!;
        from[i] = (s << 6) | rotation;
        to[s] = (i << 6) | rotation;
      }
      return { from, to };
    });
    return { kind: "words", to: rounds.map(({ to }) => to), from: rounds.map(({ from }) => from) };
  }
}

const recent: CascadeOrders[] = [];
const mostRecent = 4;

/** Those that this thread has used lately are made once for both ends and all parts of a block. */
export function ordersOf(length: number, seed: Uint32Array): CascadeOrders {
  const known = recent.find((orders) => orders.length === length && orders.seed.every((word, i) => word === seed[i]));
  if (known) return known;
  const orders = new CascadeOrders(length, seed);
  recent.push(orders);
  if (recent.length > mostRecent) recent.shift();
  return orders;
}

function shuffled(length: number, random: () => number): Uint32Array {
  const out = new Uint32Array(length);
  for (let i = 0; i < length; i++) out[i] = i;
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor((random() / 2 ** 32) * (i + 1));
    const kept = out[i]!;
    out[i] = out[j]!;
    out[j] = kept;
  }
  return out;
}

function inverse(permutation: Uint32Array): Uint32Array {
  const out = new Uint32Array(permutation.length);
  for (let i = 0; i < permutation.length; i++) out[permutation[i]!] = i;
  return out;
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
