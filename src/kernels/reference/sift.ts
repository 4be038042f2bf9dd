/** Sifting as it is defined, one detection after the other (../sift.ts for formula and layout). */
import { BitString } from "../../bits.js";
import {
  type AliceSift,
  type AliceSiftInput,
  type BobSift,
  type BobSiftInput,
  checkLargest,
  checkLengths,
} from "../sift.js";

export function siftAlice({ preparation, slots, bobBasis, keyBasis }: AliceSiftInput): AliceSift {
  checkLengths(slots.length, [bobBasis]);
  for (const slot of slots) checkLargest(slot, preparation);
  const same = BitString.zeros(slots.length);
  const [key, check]: [number[], number[]] = [[], []];
  const [nKey, nCheck] = [
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ];
  slots.forEach((slot, i) => {
    const byte = preparation[Math.floor(slot / 2)]!;
    const nibble = slot % 2 === 0 ? byte % 16 : Math.floor(byte / 16);
    const bit = nibble & 1;
    const basis = (nibble >> 1) & 1;
    const intensity = nibble >> 2;
    if (basis !== bobBasis.get(i)) return;
    same.bytes[i >> 3]! |= 1 << (i & 7);
    if (basis === keyBasis) {
      key.push(bit);
      nKey[intensity]!++;
    } else {
      check.push(bit);
      nCheck[intensity]!++;
    }
  });
  return { same, key: packed(key), check: packed(check), nKey, nCheck };
}

export function siftBob({ bit, basis, same, keyBasis }: BobSiftInput): BobSift {
  checkLengths(same.length, [bit, basis]);
  const [key, check]: [number[], number[]] = [[], []];
  for (let i = 0; i < same.length; i++) {
    if (same.get(i)) (basis.get(i) === keyBasis ? key : check).push(bit.get(i));
  }
  return { key: packed(key), check: packed(check) };
}

function packed(bits: readonly number[]): BitString {
  const out = BitString.zeros(bits.length);
  bits.forEach((bit, i) => {
    out.bytes[i >> 3]! |= bit << (i & 7);
  });
  return out;
}
