/**
 * One-way: what Alice adds for frames that did not decode are checks of rows split off (codes/split.ts), of which nearly
 * every bit tells something; a bit of her word itself would tell h(Q). Both ends know how many come in which round.
 */

import type { FramePlan } from "../../codes/adapt.js";
import { splitId } from "../../codes/catalogue.js";
import { splitFrom } from "../../codes/split.js";

/** Base rows of a round as a share of the first ones: `steady` rounds alike, then growing. */
const share = 0.015;
const steady = 4;
const growth = 1.25;

/** Base rows split after so many rounds. */
export function splitsAfter({ m, lifting }: FramePlan, rounds: number): number {
  let splits = 0;
  for (let round = 0; round < rounds; round++)
    splits += Math.max(1, Math.round((share * m * growth ** Math.max(0, round - steady)) / lifting));
  return splits;
}

/** Code and error rate of an attempt with that many rows split: a frame that did not decode has more errors than thought. */
export function furtherAttempt({ code, m, lifting }: FramePlan, qber: number, splits: number) {
  return { code: splitId(code, splits), qber: Math.min(0.25, qber * (1 + (splits * lifting) / m)) };
}

/** Bob: the target of the code with more rows split: what is left of the split rows follows. */
export function extendSyndrome({ m, lifting }: FramePlan, syndrome: Uint8Array, further: Uint8Array): Uint8Array {
  const bytes = lifting / 8;
  const out = new Uint8Array(syndrome.length + further.length);
  out.set(syndrome);
  out.set(further, syndrome.length);
  for (let row = syndrome.length / bytes; row < out.length / bytes; row++) {
    const from = splitFrom(row, m / lifting);
    for (let i = 0; i < bytes; i++) out[from * bytes + i]! ^= out[row * bytes + i]!;
  }
  return out;
}
