/**
 * Privacy amplification on an executor. Several blocks at once need nothing special: each is a job. One block can be cut
 * by columns, T·x = ⊕_p T_p·x_p, where input bits [from, from + m) use the seed window
 *
 *   s[n − m − from, n − from + ℓ − 1)   (m + ℓ − 1 bits)
 *
 * which costs (m + ℓ) a piece instead of (n + ℓ): it pays on several workers while ℓ/n is small, and bounds memory for
 * blocks of any length. Pieces of rows do not pay (KERNELS.md A, measured). Transforms of a seed are never kept.
 */
import { BitString, byteLength, copyBits, xorBytes } from "../bits.js";
import { QkdError } from "../errors.js";
import { checkToeplitz, type ToeplitzForm } from "../kernels/toeplitz.js";
import type { Executor } from "./executor.js";

export interface ToeplitzOptions {
  /**
   * Default `full`: y_i = ⊕_j s_{i−j+n−1} x_j, 0 ≤ j < n, n + ℓ − 1 seed bits. `identity`: [I | T], which is what
   * amplifies a block: y_i = x_i ⊕ ⊕_j s_{i−j+m−1} x_{ℓ+j}, m = n − ℓ, 0 ≤ j < m, n − 1 seed bits.
   */
  readonly form?: ToeplitzForm;
  /** Column pieces, a whole number from 1 on; chosen by cost when absent. */
  readonly pieces?: number;
  readonly signal?: AbortSignal;
}

/** Most input bits in one job: 2^27 bits in and as many out need 96 MiB. */
const mostPieceBits = 2 ** 27;
/** Jobs below this many bits are not worth two. */
const leastPieceBits = 2 ** 16;

/** @throws QkdError USAGE_INVALID, KERNEL_SEED_LENGTH, KERNEL_OUTPUT_LENGTH, KERNEL_OUT_OF_MEMORY, ENGINE_* */
export async function toeplitz(
  executor: Executor,
  input: BitString,
  seed: BitString,
  outputBits: number,
  { form = "full", pieces, signal }: ToeplitzOptions = {},
): Promise<BitString> {
  if (form !== "full" && form !== "identity")
    throw new QkdError("USAGE_INVALID", `form: ${String(form)} is neither "full" nor "identity".`);
  if (pieces !== undefined && !(Number.isSafeInteger(pieces) && pieces > 0))
    throw new QkdError("USAGE_INVALID", `pieces: ${pieces} is no whole number from 1 on.`);
  checkToeplitz(input.length, seed.length, outputBits, form);
  if (outputBits === 0) return BitString.zeros(0);
  if (form === "full") return hashColumns(executor, input, 0, seed, outputBits, pieces, signal);
  if (outputBits === input.length) return BitString.from(input.bytes, input.length);
  const hash = await hashColumns(executor, input, outputBits, seed, outputBits, pieces, signal);
  xorBytes(hash.bytes, input.bytes);
  return BitString.adopt(hash.bytes, outputBits);
}

/** T·x of the input's bits from `first` on. */
async function hashColumns(
  executor: Executor,
  input: BitString,
  first: number,
  seed: BitString,
  outputBits: number,
  pieces: number | undefined,
  signal: AbortSignal | undefined,
): Promise<BitString> {
  const n = input.length - first;
  arriving.set(executor, (arriving.get(executor) ?? 0) + 1);
  await Promise.resolve();
  const others = (arriving.get(executor) ?? 1) - 1;
  arriving.set(executor, others);
  // Where other blocks keep the workers busy, or are about to, pieces would only add work.
  const idle = Math.max(1, executor.workers - executor.running - others);
  const count = pieces ?? pieceCount(n, outputBits, idle);
  const width = Math.ceil(n / count / 8) * 8;
  const hashes: Promise<BitString>[] = [];
  for (let from = 0; from < n; from += width) {
    const m = Math.min(width, n - from);
    hashes.push(submit(executor, input, first + from, m, seed, n - m - from, outputBits, signal));
  }
  const settled = await Promise.allSettled(hashes);
  let sum: BitString | undefined;
  let failure: PromiseRejectedResult | undefined;
  for (const one of settled) {
    if (one.status === "rejected") failure ??= one;
    else if (!sum) sum = one.value;
    else {
      xorBytes(sum.bytes, one.value.bytes);
      one.value.zeroise();
    }
  }
  if (failure || !sum) {
    sum?.zeroise();
    throw failure?.reason;
  }
  return sum;
}

/** Blocks given in this turn of the event loop and not submitted yet. */
const arriving = new WeakMap<Executor, number>();

/** Pieces that end soonest: work of a piece ∝ its bits in and out, pieces beyond the workers queue up. */
export function pieceCount(n: number, outputBits: number, workers: number): number {
  const least = Math.ceil(n / mostPieceBits);
  let best = { pieces: least, time: Number.POSITIVE_INFINITY };
  for (let pieces = least; pieces <= Math.max(least, 2 * workers); pieces++) {
    if (pieces > least && n / pieces < leastPieceBits) break;
    const time = Math.ceil(pieces / workers) * (n / pieces + outputBits) * (pieces > least ? 1.1 : 1);
    if (time < best.time) best = { pieces, time };
  }
  return best.pieces;
}

async function submit(
  executor: Executor,
  input: BitString,
  from: number,
  bits: number,
  seed: BitString,
  seedFrom: number,
  outputBits: number,
  signal: AbortSignal | undefined,
): Promise<BitString> {
  const seedLength = bits + outputBits - 1;
  const x = executor.buffers.take(byteLength(bits));
  copyBits(x, input.bytes, from);
  const s = executor.buffers.take(byteLength(seedLength));
  copyBits(s, seed.bytes, seedFrom);
  const { bytes } = await executor.run(
    "toeplitz",
    { input: x, inputBits: bits, seed: s, seedBits: seedLength, outputBits, form: "piece" },
    { transfer: [x.buffer, s.buffer], ...(signal ? { signal } : {}) },
  );
  return BitString.adopt(bytes, outputBits);
}

/**
 * Hash of an input that comes in pieces of any length, so that a long block is never held whole: every full piece is
 * hashed by its own columns and forgotten. The seed is asked for by window.
 */
export class ToeplitzHasher {
  private filled = 0;
  private taken = 0;
  private buffer: BitString;
  private sum: BitString;
  private readonly pending = new Set<Promise<void>>();
  private failure: unknown;

  /**
   * @param n bits of input in all
   * @param seedWindow seed bits [from, to); each call of a block overlaps the last by ℓ − 1 bits
   */
  constructor(
    private readonly executor: Executor,
    private readonly n: number,
    private readonly outputBits: number,
    private readonly seedWindow: (from: number, to: number) => BitString,
    private readonly pieceBits = Math.min(n, mostPieceBits),
  ) {
    checkToeplitz(n, Math.max(0, n + outputBits - 1), outputBits);
    if (!Number.isSafeInteger(pieceBits) || pieceBits < 8)
      throw new QkdError("USAGE_INVALID", `Pieces of ${pieceBits} bits are too short.`);
    this.buffer = BitString.zeros(Math.min(n, pieceBits));
    this.sum = BitString.zeros(outputBits);
  }

  /** Takes the next bits; resolves when the hasher can take more. @throws QkdError KERNEL_INPUT_LENGTH */
  async push(bits: BitString): Promise<void> {
    if (this.taken + this.filled + bits.length > this.n)
      throw new QkdError("BITS_LENGTH_INVALID", `More than the ${this.n} bits that were announced.`, { n: this.n });
    for (let at = 0; at < bits.length; ) {
      const count = Math.min(bits.length - at, this.buffer.length - this.filled);
      appendBits(this.buffer.bytes, this.filled, bits, at, count);
      this.filled += count;
      at += count;
      if (this.filled === this.buffer.length) await this.flush();
    }
  }

  /** The hash, once all n bits are in. */
  async digest(): Promise<BitString> {
    if (this.taken + this.filled !== this.n)
      throw new QkdError("BITS_LENGTH_INVALID", `${this.taken + this.filled} of ${this.n} bits have come.`);
    await Promise.all(this.pending);
    this.buffer.zeroise();
    if (this.failure) {
      this.sum.zeroise();
      throw this.failure;
    }
    return this.sum;
  }

  private async flush(): Promise<void> {
    const m = this.filled;
    const from = this.n - m - this.taken;
    if (this.outputBits > 0 && m > 0) {
      while (this.pending.size >= this.executor.workers) await Promise.race(this.pending);
      const seed = this.seedWindow(from, from + m + this.outputBits - 1);
      const job = submit(this.executor, this.buffer, 0, m, seed, 0, this.outputBits, undefined)
        .then((hash) => {
          xorBytes(this.sum.bytes, hash.bytes);
          hash.zeroise();
        })
        .catch((error: unknown) => {
          this.failure ??= error;
        })
        .finally(() => this.pending.delete(job));
      this.pending.add(job);
    }
    this.taken += m;
    this.filled = 0;
    this.buffer.zeroise();
    this.buffer = BitString.zeros(Math.min(this.pieceBits, this.n - this.taken));
  }
}

function appendBits(target: Uint8Array, at: number, source: BitString, from: number, count: number): void {
  const piece = from === 0 && count === source.length ? source : source.slice(from, from + count);
  const shift = at & 7;
  let to = at >>> 3;
  if (shift === 0) {
    target.set(piece.bytes, to);
    return;
  }
  for (const byte of piece.bytes) {
    target[to]! |= byte << shift;
    if (++to < target.length) target[to]! |= byte >>> (8 - shift);
  }
}
