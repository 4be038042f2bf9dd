/**
 * What tells pulses apart (FORMULAS.md 9): Alice's intensities, which stay home, or, where the source has one, outcomes that
 * Bob discloses and throws away.
 */
import type { PreparationRecord } from "../dumps/preparation.js";
import type { Link } from "../link.js";
import { type ClassedSlots, findShift, type ScoringBits, type Shift, type ShiftSearch } from "./pulse-shift.js";
import type { DisclosedClicks } from "./types.js";

/** Slots that number the pulses by their intensities. */
export const shiftSlots = 2000;

/** A source of one intensity has no other contrast than what was prepared. */
export function disclosesOutcomes(link: Link): boolean {
  return link.source!.intensities.length < 2;
}

/** Twice the basis (1 = X) and the bit of one of Bob's detectors. */
export function outcomeOf(link: Link, detector: number): number {
  const { basis, bit } = link.bob.detectors![detector]!;
  return (basis === "X" ? 2 : 0) + bit;
}

/** Alice: pulse number less slot, once the record holds all that may be hit. @param outcomes by slot; empty where intensities number the pulses */
export async function shiftOf(
  { slots, outcomes }: { slots: Float64Array; outcomes: Uint8Array },
  record: PreparationRecord,
  link: Link,
  search: ShiftSearch,
): Promise<Shift | undefined> {
  if (slots.length > 0) await record.reaches(slots[slots.length - 1]! + search.high + 1);
  const { intensities, basisProbability } = link.source!;
  if (!disclosesOutcomes(link)) {
    const classed = { slots, classOf: new Uint8Array(slots.length), shares: [intensities[0]!.probability] };
    return findShift(
      classed,
      scoringBits(record, (nibble) => (nibble < 4 ? 0 : -1), 1),
      search,
    );
  }
  const [z, x] = [1 - basisProbability.Z / 2, 1 - basisProbability.X / 2];
  const classed: ClassedSlots = { slots, classOf: outcomes, shares: [z, z, x, x] };
  return findShift(
    classed,
    scoringBits(record, (nibble) => (nibble & 3) ^ 1, 4),
    search,
  );
}

/**
 * @param classOf class that a pulse's nibble of the record belongs to; −1 for none. Of one class alone its pulses score,
 * of several in each all but its own.
 */
function scoringBits(record: PreparationRecord, classOf: (nibble: number) => number, classes: number): ScoringBits {
  const byNibble = Array.from({ length: 16 }, (_, nibble) => classOf(nibble));
  return async (first, count) => {
    const words = Array.from({ length: classes }, () => new Uint32Array(Math.ceil(count / 32) + 2));
    const from = Math.max(0, first);
    const to = Math.min(record.pulses, first + count + 32);
    if (to <= from) return words;
    if (classes > 1) for (const list of words) setBits(list, from - first, to - first);
    const bytes = await record.read(from, to - from);
    const parity = from & 1;
    for (let pulse = from; pulse < to; pulse++) {
      const at = pulse - from + parity;
      const own = byNibble[(bytes[at >> 1]! >> ((at & 1) * 4)) & 15]!;
      if (own >= 0) words[own]![(pulse - first) >>> 5]! ^= 1 << ((pulse - first) & 31);
    }
    bytes.fill(0);
    return words;
  };
}

function setBits(words: Uint32Array, from: number, to: number): void {
  const [first, last] = [from >>> 5, to >>> 5];
  words.fill(-1, first, last + 1);
  words[first]! &= -1 << (from & 31);
  words[last]! &= ~(-1 << (to & 31));
}

/** Alice, once the slots' pulses are known. */
export async function disclosedClicks(
  pulses: Float64Array,
  outcomes: Uint8Array,
  record: PreparationRecord,
): Promise<DisclosedClicks> {
  let [siftedBits, errors] = [0, 0];
  for (let i = 0; i < outcomes.length; i++) {
    const pulse = pulses[i]!;
    if (!(pulse >= 0 && pulse < record.pulses)) continue;
    const bytes = await record.read(pulse, 1);
    const differs = ((bytes[0]! >> ((pulse & 1) * 4)) ^ outcomes[i]!) & 3;
    bytes.fill(0);
    if (differs < 2) siftedBits++;
    if (differs === 1) errors++;
  }
  return { slots: outcomes.length, siftedBits, errors };
}
