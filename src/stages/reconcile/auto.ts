/**
 * Chooses the method for the next block, and LDPC's mode where the link leaves it open: most secret bits a second. A
 * block of n bits takes (W + (B − 1)·C + C/L)/B seconds and C at least: C of the slower end's core, W waiting for answers,
 * L turns that overlap (Cascade's lanes, where waves follow each other), B blocks in work at once, which began together
 * and wait together. (KERNELS.md E, D bits in flight over R round trips, is the case of C far below W/B.)
 * What is left of a bit is yield − f·h(Q). Where the source takes longer to fill a block, its time counts, and the least
 * leak wins. The accounting is given, never chosen: one-way leaves LDPC alone.
 */
import { entropy } from "../../security/entropy.js";
import type { Accounting, ReconciliationMode } from "./types.js";

export interface Candidate {
  readonly method: "ldpc" | "cascade";
  /** LDPC's. */
  readonly mode?: ReconciliationMode;
  /** Leakage over n·h(Q). */
  readonly efficiency: number;
  /** Bits of key a second that the slower end's decoder does. */
  readonly bitsPerSecond: number;
  /** One after the other, for the whole block. */
  readonly roundTrips: number;
  readonly lanes?: number;
  /** In work besides this one, in the end. */
  readonly otherBlocks?: number;
}

export interface AutoInput {
  readonly qber: number;
  readonly accounting: Accounting;
  readonly roundTripSeconds: number;
  readonly bits: number;
  /** In so many seconds the link fills a block; 0 where it is faster than the ends. */
  readonly sourceSeconds?: number;
  /** Secret bits a sifted bit before leakage (1 − h(φ) at most), under this accounting. */
  readonly yieldPerBit: number;
  readonly candidates: readonly Candidate[];
}

export interface AutoChoice {
  readonly method: "ldpc" | "cascade";
  readonly mode?: ReconciliationMode;
  readonly why: string;
  readonly roundTripSeconds?: number;
  /** Expected secret bits a second of everything considered: `cascade`, `ldpc` and its mode. */
  readonly secretBitsPerSecond: Readonly<Record<string, number>>;
}

export function chooseMethod(input: AutoInput): AutoChoice {
  const patternPublic = input.accounting === "pattern-public";
  const rates = input.candidates
    .filter(({ method }) => patternPublic || method === "ldpc")
    .map((candidate) => ({ candidate, rate: secretRate(input, candidate) }))
    .sort((a, b) => b.rate - a.rate);
  const { method, mode } = rates[0]!.candidate;
  return {
    method,
    ...(mode ? { mode } : {}),
    why: !patternPublic
      ? "one-way accounting excludes Cascade"
      : keepsUp(input, rates[0]!.candidate)
        ? `the link is the bottleneck: of the methods that keep up, ${method} is expected to leave most of each bit`
        : `${method} is expected to leave most secret bits a second`,
    roundTripSeconds: input.roundTripSeconds,
    secretBitsPerSecond: Object.fromEntries(rates.map(({ candidate, rate }) => [nameOf(candidate), rate])),
  };
}

export function nameOf({ method, mode }: Pick<Candidate, "method" | "mode">): string {
  return mode ? `${method} ${mode}` : method;
}

function keepsUp(input: AutoInput, candidate: Candidate): boolean {
  return (input.sourceSeconds ?? 0) > 0 && blockSeconds(input, candidate) <= input.sourceSeconds!;
}

function blockSeconds({ roundTripSeconds, bits }: AutoInput, candidate: Candidate): number {
  const { bitsPerSecond, roundTrips, lanes = 1, otherBlocks = 0 } = candidate;
  const core = bits / bitsPerSecond;
  return Math.max(core, (roundTrips * roundTripSeconds + core * (otherBlocks + 1 / lanes)) / (1 + otherBlocks));
}

function secretRate(input: AutoInput, candidate: Candidate): number {
  const { qber, yieldPerBit, bits, sourceSeconds = 0 } = input;
  const { efficiency } = candidate;
  const seconds = Math.max(sourceSeconds, blockSeconds(input, candidate));
  return seconds > 0 ? (bits / seconds) * Math.max(0, yieldPerBit - efficiency * entropy(qber)) : 0;
}
