/**
 * The simulator's own seeded generator, for nothing but simulation: xoshiro128++ (Blackman and Vigna, ACM TOMS 47, 36),
 * 32-bit integer operations only. Each use has its own stream, so that a change in one does not shift the others.
 */
import { createHash } from "node:crypto";
import { exp, ln } from "./math.js";

export class Generator {
  private a: number;
  private b: number;
  private c: number;
  private d: number;
  private spare = Number.NaN;

  constructor(seed: number | bigint, stream: string) {
    const digest = createHash("sha256").update(`qkd-distill simulate ${seed} ${stream}`).digest();
    this.a = digest.readInt32LE(0);
    this.b = digest.readInt32LE(4);
    this.c = digest.readInt32LE(8);
    this.d = digest.readInt32LE(12) | 1;
  }

  /** 32 uniform bits, as a signed integer. */
  word(): number {
    const { a, b, d } = this;
    const sum = (a + d) | 0;
    const result = (((sum << 7) | (sum >>> 25)) + a) | 0;
    const c = this.c ^ a;
    const e = d ^ b;
    this.b = b ^ c;
    this.a = a ^ e;
    this.c = c ^ (b << 9);
    this.d = (e << 11) | (e >>> 21);
    return result;
  }

  /** Uniform in (0, 1], 53 bits. */
  uniform(): number {
    const high = this.word() >>> 5;
    return (high * 67108864 + (this.word() >>> 6) + 1) / 9007199254740992;
  }

  chance(probability: number): boolean {
    return this.uniform() <= probability;
  }

  exponential(mean: number): number {
    return -mean * ln(this.uniform());
  }

  /** Normal with mean 0 and deviation 1 (Marsaglia's polar method). */
  gaussian(): number {
    const spare = this.spare;
    if (!Number.isNaN(spare)) {
      this.spare = Number.NaN;
      return spare;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const s = x * x + y * y;
      if (s >= 1 || s === 0) continue;
      const scale = Math.sqrt((-2 * ln(s)) / s);
      this.spare = y * scale;
      return x * scale;
    }
  }

  /** Poisson by inversion, for means below some tens; at least `least` (0 or 1), conditioned on it. */
  poisson(mean: number, least: 0 | 1 = 0): number {
    let term = exp(-mean);
    // u in (0, 1], or in (P(0), 1] where at least 1 is asked for
    let u = least ? term + (1 - term) * this.uniform() : this.uniform();
    let n = 0;
    for (;;) {
      u -= term;
      if (u <= 0 && n >= least) return n;
      if (n > 1000) return n;
      n++;
      term *= mean / n;
    }
  }
}
