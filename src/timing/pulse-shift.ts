/**
 * Which pulse is which: Bob's detections lie on the record's strong pulses more often than chance. For a shift k the score
 * is the number of his slots that hit a pulse of the strongest intensity; on the right shift its mean is higher by
 * z = (q − p)·√(D / (p(1 − p))) sigma, p the share of strong pulses, q that among detections. A source of one intensity
 * has no strong pulses: there a slot scores unless the pulse was prepared in the basis that Bob found with the other bit,
 * on outcomes that he discloses and throws away. A shift counts where a wrong one scores as much with less than the false-lock probability over the
 * number of shifts, by Chernoff's bound: a Gaussian's tail is too thin where shares are below a half.
 *
 * Scores of 32 shifts at once, bit-sliced: 32 successive bits of the record per slot, added by carry-save adders
 * (Harley–Seal), ~0.4 operations a shift and slot. Only what is public and Alice's own record are used.
 */
import { falseLockProbability } from "./types.js";

export interface Shift {
  /** Pulse number = slot + shift. */
  readonly shift: number;
  /** ln of the probability that a wrong shift scores as much. */
  readonly tail: number;
}

/** Slots scored for every shift; the rest decides among the few that pass. */
const sieveSlots = 256;
const sieveSigmas = 4.2;

/** Of the record in memory while slots are scored. */
const pulsesAtOnce = 2 ** 24;

/** By class of slots: bit n − first set where pulse n scores; zeros outside the record. 32 bits of margin behind. */
export type ScoringBits = (first: number, count: number) => Promise<readonly Uint32Array[]>;

export interface ClassedSlots {
  /** Ascending. */
  readonly slots: Float64Array;
  readonly classOf: Uint8Array;
  /** Share of pulses that score, by class. */
  readonly shares: readonly number[];
}

export interface ShiftSearch {
  /** Shifts to try. */
  readonly low: number;
  readonly high: number;
  /** Where to begin: found sooner when it is near. */
  readonly guess: number;
  /** Shifts that may be tried in all, where this search is a part. */
  readonly lags?: number;
}

export async function findShift(
  classed: ClassedSlots,
  scoring: ScoringBits,
  search: ShiftSearch,
): Promise<Shift | undefined> {
  if (classed.slots.length < sieveSlots) return undefined;
  const lags = search.lags ?? search.high - search.low + 1;
  const needed = Math.log(falseLockProbability / lags);
  for (const [from, to] of outward(search, 1 << 19)) {
    let best: Shift | undefined;
    for (const shift of await sieve(classed, scoring, from, to)) {
      const tail = scoreTail(classed, await score(classed, scoring, shift));
      if (tail < needed && tail < (best?.tail ?? 0)) best = { shift, tail };
    }
    if (best) return best;
  }
  return undefined;
}

/** Chunks of shifts, nearest to the guess first. */
function* outward(
  { low, high, guess }: { low: number; high: number; guess: number },
  size: number,
): Generator<[number, number]> {
  const middle = Math.min(high, Math.max(low, guess));
  let below = Math.max(low, middle - size / 2);
  let above = below;
  while (below > low || above <= high) {
    if (above <= high) {
      yield [above, Math.min(high, above + size - 1)];
      above += size;
    }
    if (below > low) {
      const next = Math.max(low, below - size);
      yield [next, below - 1];
      below = next;
    }
  }
}

async function sieve(classed: ClassedSlots, scoring: ScoringBits, from: number, to: number): Promise<number[]> {
  const slots = classed.slots.subarray(0, sieveSlots);
  const count = slots.length;
  const { mean, sigma } = chance(classed, count);
  // Where nearly every pulse scores by chance, all of them must.
  const lacking = 512 - Math.min(count, Math.ceil(mean + sieveSigmas * sigma));
  const { words, offsets } = await wordsOf(classed, slots, scoring, from, to - from + 64);
  const found: number[] = [];
  const planes = new Uint32Array(6);
  for (let base = 0; base <= to - from; base += 32) {
    let [ones, twos, fours] = [0, 0, 0];
    planes.fill(0);
    for (let i = 0; i < count; i += 8) {
      const x0 = bitsAt(words[i]!, offsets[i]! + base);
      const x1 = bitsAt(words[i + 1]!, offsets[i + 1]! + base);
      const x2 = bitsAt(words[i + 2]!, offsets[i + 2]! + base);
      const x3 = bitsAt(words[i + 3]!, offsets[i + 3]! + base);
      const x4 = bitsAt(words[i + 4]!, offsets[i + 4]! + base);
      const x5 = bitsAt(words[i + 5]!, offsets[i + 5]! + base);
      const x6 = bitsAt(words[i + 6]!, offsets[i + 6]! + base);
      const x7 = bitsAt(words[i + 7]!, offsets[i + 7]! + base);
      let u = ones ^ x0;
      const twosA = (ones & x0) | (u & x1);
      ones = u ^ x1;
      u = ones ^ x2;
      const twosB = (ones & x2) | (u & x3);
      ones = u ^ x3;
      u = twos ^ twosA;
      const foursA = (twos & twosA) | (u & twosB);
      twos = u ^ twosB;
      u = ones ^ x4;
      const twosC = (ones & x4) | (u & x5);
      ones = u ^ x5;
      u = ones ^ x6;
      const twosD = (ones & x6) | (u & x7);
      ones = u ^ x7;
      u = twos ^ twosC;
      const foursB = (twos & twosC) | (u & twosD);
      twos = u ^ twosD;
      u = fours ^ foursA;
      let carry = (fours & foursA) | (u & foursB);
      fours = u ^ foursB;
      for (let p = 0; carry && p < 6; p++) {
        const sum = planes[p]!;
        planes[p] = sum ^ carry;
        carry &= sum;
      }
    }
    let reached = atLeast(lacking, ones, twos, fours, planes);
    for (let lane = 0; reached !== 0; lane++, reached >>>= 1)
      if (reached & 1 && base + lane <= to - from) found.push(from + base + lane);
  }
  return found;
}

/**
 * Of each slot the words that hold its bits, `width` from `from` pulses behind it on, and where in them it begins: the
 * stretch that all lie in, or, where detections are sparse, one for each.
 */
async function wordsOf(
  { classOf }: ClassedSlots,
  slots: Float64Array,
  scoring: ScoringBits,
  from: number,
  width: number,
): Promise<{ words: Uint32Array[]; offsets: Uint32Array }> {
  const count = slots.length;
  const span = slots[count - 1]! - slots[0]!;
  if (span <= count * width) {
    const bits = await scoring(slots[0]! + from, span + width);
    const words = Array.from(slots, (_, i) => bits[classOf[i]!]!);
    return { words, offsets: Uint32Array.from(slots, (slot) => slot - slots[0]!) };
  }
  const words: Uint32Array[] = [];
  for (const [i, slot] of slots.entries()) words.push((await scoring(slot + from, width))[classOf[i]!]!);
  return { words, offsets: new Uint32Array(count) };
}

/** Lanes whose bit-sliced total with 512 − threshold added carries into the tenth bit. */
function atLeast(lacking: number, ones: number, twos: number, fours: number, planes: Uint32Array): number {
  let carry = lacking & 1 ? ones : 0;
  carry = lacking & 2 ? carry | twos : carry & twos;
  carry = lacking & 4 ? carry | fours : carry & fours;
  for (let p = 0; p < 6; p++) carry = (lacking >> (p + 3)) & 1 ? carry | planes[p]! : carry & planes[p]!;
  return carry;
}

async function score(classed: ClassedSlots, scoring: ScoringBits, shift: number): Promise<number> {
  const { slots, classOf } = classed;
  let hits = 0;
  for (let i = 0; i < slots.length; ) {
    const first = slots[i]!;
    let end = i + 1;
    while (end < slots.length && slots[end]! - first < pulsesAtOnce) end++;
    const bits = await scoring(first + shift, slots[end - 1]! - first + 64);
    for (; i < end; i++) hits += bitsAt(bits[classOf[i]!]!, slots[i]! - first) & 1;
  }
  return hits;
}

/** Chernoff's bound on ln P[a wrong shift hits as often]: min over θ of Σ ln(1 − p + p·e^θ) − θ·hits. */
export function scoreTail({ classOf, shares }: ClassedSlots, hits: number): number {
  const counts = shares.map(() => 0);
  for (const own of classOf) counts[own]!++;
  const sum = (term: (share: number) => number) => shares.reduce((all, share, i) => all + counts[i]! * term(share), 0);
  let [low, high] = [0, 64];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    const lift = Math.exp(middle);
    if (sum((p) => (p * lift) / (1 - p + p * lift)) < hits) low = middle;
    else high = middle;
  }
  // Any θ makes a bound.
  return sum((p) => Math.log1p(p * Math.expm1(low))) - low * hits;
}

/** Score of a wrong shift over the first `count` slots. */
function chance({ classOf, shares }: ClassedSlots, count: number): { mean: number; sigma: number } {
  let [mean, variance] = [0, 0];
  for (let i = 0; i < count; i++) {
    const share = shares[classOf[i]!]!;
    mean += share;
    variance += share * (1 - share);
  }
  return { mean, sigma: Math.sqrt(variance) };
}

/** 32 bits from a bit position. */
function bitsAt(words: Uint32Array, position: number): number {
  const word = position >>> 5;
  const bit = position & 31;
  return bit === 0 ? words[word]! : (words[word]! >>> bit) | (words[word + 1]! << (32 - bit));
}
