/**
 * Sift: keep the slots in which both ends used the same basis; reveal the check basis whole; key basis bits stay home
 * (FORMULAS.md 9, DESIGN.md decision 10). Both ends hold the same slots in the same order.
 *
 *   Bob → Alice  sift.bases    his basis of every slot, which slots his dead time vetoes
 *   Alice → Bob  sift.same     where bases are equal, her vetoes
 *   Alice → Bob  sift.answer   intensities of kept slots, her bits of the check basis, also of vetoed slots, so that their
 *                              errors can be counted
 *   Bob → Alice  sift.check    his bits of the check basis
 *
 * All of them in pieces (channel/pieces.ts).
 *
 * Vetoed slots of the key basis stay closed: a detector that is dead does not click, so such a bit would tell the key bits
 * beside it. Nothing here depends on a key-basis bit, so nothing enters the leak ledger.
 */
import { BitString, byteLength, countOnes, xorBits } from "../bits.js";
import { packPairs, unpackPairs } from "../channel/encoding.js";
import { receiveBytes, sendBytes } from "../channel/pieces.js";
import { wireBits } from "../channel/schemas.js";
import type { Link } from "../link.js";
import type { StageContext } from "./context.js";

type SiftContext = Pick<StageContext, "channel" | "link" | "executor">;

/** One end's view of a block's slots. `basis`: 1 = X. */
export interface OwnSlots {
  readonly count: number;
  readonly basis: BitString;
  readonly bit: BitString;
  /** 1 = this party takes the slot out: by the dead-time rule, or for another reason. */
  readonly vetoed: BitString;
  /** Bob: 1 = for another reason alone: what was disclosed of it, or a detector that may be dead. */
  readonly withheld?: BitString;
  /** Alice, prepare-and-measure: index of the pulse's intensity. */
  readonly intensity?: Uint8Array;
  /** Bob: 1 = one click at each party, what click statistics count. */
  readonly single?: BitString;
}

export interface SiftedBlock {
  /** This end's bits in the key basis, in slot order. */
  readonly key: BitString;
  /** Those that a dead time took out of it: as secret, and told only with the whole block. */
  readonly lost: BitString;
  /** Intensity of each key bit. */
  readonly keyIntensity: Uint8Array;
  /** Detections by intensity. */
  readonly nKey: number[];
  readonly nTest: number[];
  /** Errors by intensity in the check basis. */
  readonly mTest: number[];
  /** Share of ones among this end's bits, by basis, for alarms. */
  readonly onesKey: number;
  readonly onesTest: number;
  readonly bases: BasisCounts;
  /** Bob alone. */
  readonly clicks?: SingleClicks;
}

/** Of all slots, also those with unequal bases, for alarms. */
export interface BasisCounts {
  readonly slots: number;
  readonly equal: number;
  /** Slots in X at either end. */
  readonly aliceX: number;
  readonly bobX: number;
}

/** Single clicks before the dead-time rule (CONTRACT.md, "Clicks"). */
export interface SingleClicks {
  readonly siftedBits: number;
  /** Of the check basis. */
  readonly compared: number;
  readonly errors: number;
  /** 1 = this bit of `key` or `lost` comes from a single click. */
  readonly inKey: BitString;
  readonly inLost: BitString;
  readonly deadTimeVetoed: number;
}

export async function siftAsAlice(context: SiftContext, slots: OwnSlots): Promise<SiftedBlock> {
  const { channel, link } = context;
  const mask = byteLength(slots.count);
  const bob = await receiveBytes(channel, "sift.bases", { bases: mask, vetoed: mask });
  const bases = wireBits(bob.bases, slots.count);
  const vetoedBob = wireBits(bob.vetoed, slots.count);
  const same = equalBits(slots.basis, bases);
  const sorted = await sortSlots(context, slots, same, slots.vetoed, vetoedBob, slots.intensity);
  await sendBytes(channel, "sift.same", { same: same.bytes, vetoed: slots.vetoed.bytes });
  await sendBytes(channel, "sift.answer", {
    intensities: packPairs(sorted.intensities),
    check: sorted.check.bytes,
    spare: sorted.spare.bytes,
  });
  const { check } = await receiveBytes(channel, "sift.check", { check: sorted.check.bytes.length });
  const counts = { slots: slots.count, equal: countOnes(same), aliceX: countOnes(slots.basis), bobX: countOnes(bases) };
  return { ...counted(link, sorted, wireBits(check, sorted.check.length)), bases: counts };
}

export async function siftAsBob(context: SiftContext, slots: OwnSlots): Promise<SiftedBlock> {
  const { channel, link } = context;
  await sendBytes(channel, "sift.bases", { bases: slots.basis.bytes, vetoed: slots.vetoed.bytes });
  const mask = byteLength(slots.count);
  const told = await receiveBytes(channel, "sift.same", { same: mask, vetoed: mask });
  const same = wireBits(told.same, slots.count);
  const vetoedAlice = wireBits(told.vetoed, slots.count);
  const draft = await sortSlots(context, slots, same, vetoedAlice, slots.vetoed, undefined);
  const kept = draft.key.length + draft.check.length;
  const alice = await receiveBytes(channel, "sift.answer", {
    intensities: Math.ceil(kept / 4),
    check: draft.check.bytes.length,
    spare: draft.spare.bytes.length,
  });
  const sorted = { ...draft, intensities: unpackPairs(alice.intensities, kept, intensityCount(link)) };
  const check = wireBits(alice.check, sorted.check.length);
  const spare = wireBits(alice.spare, sorted.spare.length);
  await sendBytes(channel, "sift.check", { check: sorted.check.bytes });
  const aliceX = slots.count - countOnes(xorBits(slots.basis, same));
  return {
    ...counted(link, sorted, check),
    bases: { slots: slots.count, equal: countOnes(same), aliceX, bobX: countOnes(slots.basis) },
    clicks: singleClicks(link, slots, same, vetoedAlice, { own: sorted, check, spare }),
  };
}

function intensityCount(link: Link): number {
  return link.source?.intensities.length ?? 1;
}

interface SortedSlots {
  readonly key: BitString;
  readonly check: BitString;
  /** Equal bases, but vetoed by either dead time: of the key basis and of the check basis. */
  readonly lost: BitString;
  readonly spare: BitString;
  /** Of key and check slots together, in slot order. */
  readonly intensities: Uint8Array;
  /** For key and check slots together, in slot order: 1 = key. */
  readonly isKey: Uint8Array;
}

/** Compaction runs as a kernel on the pool; which kept slot is key, and its intensity, is told beside it. */
async function sortSlots(
  { link, executor }: SiftContext,
  own: OwnSlots,
  same: BitString,
  vetoedAlice: BitString,
  vetoedBob: BitString,
  intensity: Uint8Array | undefined,
): Promise<SortedSlots> {
  const keyBasis = link.keyBasis === "X" ? 1 : 0;
  const kept = new Uint8Array(same.bytes.length);
  const spared = new Uint8Array(same.bytes.length);
  for (let i = 0; i < kept.length; i++) {
    const vetoed = vetoedAlice.bytes[i]! | vetoedBob.bytes[i]!;
    kept[i] = same.bytes[i]! & ~vetoed;
    spared[i] = same.bytes[i]! & vetoed;
  }
  const isKept = kept.slice();
  const input = {
    count: own.count,
    bit: own.bit.bytes.slice(),
    basis: own.basis.bytes.slice(),
    kept,
    spared,
    keyBasis,
  } as const;
  // Moved, not cloned: a clone would leave a copy in memory that nobody can zeroise.
  const transfer = [input.bit, input.basis, input.kept, input.spared].map(({ buffer }) => buffer as ArrayBuffer);
  const sifted = await executor.run("sift", input, { transfer }).finally(() => {
    // A job that was refused has moved nothing.
    if (input.bit.length > 0) input.bit.fill(0);
  });
  const intensities = new Uint8Array(sifted.keyBits + sifted.checkBits);
  const isKey = new Uint8Array(intensities.length);
  for (let i = 0, at = 0; i < own.count; i++) {
    if (!((isKept[i >>> 3]! >>> (i & 7)) & 1)) continue;
    if (intensity) intensities[at] = intensity[i]!;
    isKey[at++] = own.basis.get(i) === keyBasis ? 1 : 0;
  }
  return {
    key: BitString.adopt(sifted.key, sifted.keyBits),
    check: BitString.adopt(sifted.check, sifted.checkBits),
    lost: BitString.adopt(sifted.lost, sifted.lostBits),
    spare: BitString.adopt(sifted.spare, sifted.spareBits),
    intensities,
    isKey,
  };
}

function counted(link: Link, sorted: SortedSlots, peerCheck: BitString): Omit<SiftedBlock, "bases"> {
  const zeros = () => new Array<number>(intensityCount(link)).fill(0);
  const [nKey, nTest, mTest] = [zeros(), zeros(), zeros()];
  const keyIntensity = new Uint8Array(sorted.key.length);
  let [key, check, onesKey, onesTest] = [0, 0, 0, 0];
  for (let i = 0; i < sorted.isKey.length; i++) {
    const k = sorted.intensities[i]!;
    if (sorted.isKey[i]) {
      onesKey += sorted.key.get(key);
      keyIntensity[key++] = k;
      nKey[k]!++;
    } else {
      const own = sorted.check.get(check);
      onesTest += own;
      nTest[k]!++;
      if (own !== peerCheck.get(check++)) mTest[k]!++;
    }
  }
  return { key: sorted.key, lost: sorted.lost, keyIntensity, nKey, nTest, mTest, onesKey, onesTest };
}

function singleClicks(
  link: Link,
  slots: OwnSlots,
  same: BitString,
  vetoedAlice: BitString,
  bits: { own: SortedSlots; check: BitString; spare: BitString },
): SingleClicks {
  const keyBasis = link.keyBasis === "X" ? 1 : 0;
  const [inKey, inLost] = [new BitCollector(bits.own.key.length), new BitCollector(bits.own.lost.length)];
  let [siftedBits, compared, errors, check, spare, deadTimeVetoed] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < slots.count; i++) {
    const vetoed = vetoedAlice.get(i) || slots.vetoed.get(i);
    if (vetoed && !slots.withheld?.get(i)) deadTimeVetoed++;
    if (!same.get(i)) continue;
    const single = slots.single?.get(i) ?? 1;
    siftedBits += single;
    if (slots.basis.get(i) === keyBasis) (vetoed ? inLost : inKey).push(single);
    else {
      compared += single;
      errors += single & (slots.bit.get(i) ^ (vetoed ? bits.spare.get(spare++) : bits.check.get(check++)));
    }
  }
  return { siftedBits, compared, errors, inKey: inKey.done(), inLost: inLost.done(), deadTimeVetoed };
}

function equalBits(a: BitString, b: BitString): BitString {
  const out = new Uint8Array(a.bytes.length);
  for (let i = 0; i < out.length; i++) out[i] = ~(a.bytes[i]! ^ b.bytes[i]!);
  return BitString.adopt(out, a.length);
}

/** Bits one after the other into a bit string of at most `capacity`. */
class BitCollector {
  private readonly bytes: Uint8Array;
  private length = 0;
  constructor(capacity: number) {
    this.bytes = new Uint8Array(Math.ceil(capacity / 8));
  }
  push(bit: number): void {
    this.bytes[this.length >>> 3]! |= bit << (this.length & 7);
    this.length++;
  }
  done(): BitString {
    return BitString.adopt(this.bytes.slice(0, Math.ceil(this.length / 8)), this.length);
  }
}
