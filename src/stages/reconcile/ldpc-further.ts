/**
 * Checks of rows split off (codes/split.ts) are what Alice adds where frames lack much: nearly every bit of them tells
 * something, a bit of her word h(Q). How many rows is Bob's to say: the share of checks that his words failed at first
 * tells the error rate, however wrong the estimate was.
 */
import { type FramePlan, rowsFor, type StartProfile } from "../../codes/adapt.js";
import { mostColumns, splitId } from "../../codes/catalogue.js";
import { meanCheckDegree } from "../../codes/construct.js";
import { splitFrom } from "../../codes/split.js";
import type { Accounting } from "./types.js";

/** What a number of rows in Bob's flags can tell, in bits: counted where accounting is one-way. */
export const rowsBits = Math.log2(mostColumns);

/** Base rows of a round as a share of the first ones, where nothing says how many are missing: `steady` rounds, then growing. */
const share = 0.015;
const steady = 4;
const growth = 1.25;
/** Codes with many rows split need that much more than those made for their rate (measured from 1 to 8 %). */
const splitLoss = 1.05;
/** Pattern-public: share of the rows below which Bob's positions close a frame for less. */
const leastShare = 0.03;

/** Bob, after his first attempts: base rows missing. @param failing checks that his words failed at first, of `frames` frames */
export function missingRows(plan: FramePlan, profile: StartProfile, failing: number, frames: number): number {
  const checks = plan.m * frames;
  const seen = failing / checks;
  // One standard deviation less: too few cost a round, too many are lost.
  const rate = errorRate(plan, seen - Math.sqrt((seen * (1 - seen)) / checks));
  return Math.max(0, Math.ceil((rowsFor(plan, rate, profile) - plan.m / plan.lifting) * splitLoss));
}

/** Error rate at which that share of the checks fails: (1 − (1 − 2Q)^d)/2 for a check of d bits (Gallager 1962). */
function errorRate({ m, n, lifting }: FramePlan, failing: number): number {
  if (failing >= 0.5) return 0.5;
  return (1 - (1 - 2 * failing) ** (1 / meanCheckDegree(m / lifting, n / lifting))) / 2;
}

/** Bob: base rows that he asks for in a round, 0 for positions instead. */
export function rowsToAsk({ m, lifting }: FramePlan, accounting: Accounting, round: number, missing: number): number {
  const rows = m / lifting;
  if (accounting === "pattern-public") return round === 0 && missing > leastShare * rows ? missing : 0;
  const step = Math.max(1, Math.round(share * rows * growth ** Math.max(0, round - steady)));
  return Math.min(mostColumns - 1, round === 0 ? Math.max(step, missing) : step);
}

/** Code and error rate of an attempt with that many rows split: a frame that did not decode has more errors than thought. */
export function furtherAttempt({ code, m, lifting }: FramePlan, qber: number, splits: number) {
  return { code: splitId(code, splits), qber: Math.min(0.25, qber * (1 + (splits * lifting) / m)) };
}

/** Alice: of her syndrome with all splits, the rows from `from` on as each was when it was split off. */
export function furtherChecks({ m, lifting }: FramePlan, syndrome: Uint8Array, from: number): Uint8Array {
  const out = syndrome.slice((from * lifting) / 8);
  for (let row = (syndrome.length * 8) / lifting - 1; row >= from; row--) {
    const parent = splitFrom(row, m / lifting);
    if (parent >= from) addRow(out, parent - from, row - from, lifting);
  }
  return out;
}

/** Bob: the target of the code with more rows split: what is left of the split rows follows. */
export function extendSyndrome({ m, lifting }: FramePlan, syndrome: Uint8Array, further: Uint8Array): Uint8Array {
  const out = new Uint8Array(syndrome.length + further.length);
  out.set(syndrome);
  out.set(further, syndrome.length);
  for (let row = (syndrome.length * 8) / lifting; row < (out.length * 8) / lifting; row++)
    addRow(out, splitFrom(row, m / lifting), row, lifting);
  return out;
}

function addRow(rows: Uint8Array, to: number, from: number, lifting: number): void {
  const bytes = lifting / 8;
  for (let i = 0; i < bytes; i++) rows[to * bytes + i]! ^= rows[from * bytes + i]!;
}
