/**
 * From clicks to bits: one detector means its basis and bit; several in one basis mean that basis and a uniform random
 * bit; clicks across bases a uniform random basis and bit. Never discarded (FORMULAS.md 9; squashing, Beaudry et al.,
 * PRL 101, 093601).
 */
import { BitString } from "../bits.js";
import type { Detector } from "../link.js";
import type { RandomSource } from "../random.js";

export interface ResolvedClicks {
  /** 1 = X. */
  readonly basis: BitString;
  readonly bit: BitString;
  /** Slots with several clicks within one basis, and across bases. */
  readonly sameBasis: number;
  readonly crossBasis: number;
  /** Clicks of each detector of the list. */
  readonly perDetector: number[];
  /** Basis of each detector, 1 = X. */
  readonly bases: number[];
}

/** @param masks per slot a bit mask over `detectors`, never 0 */
export function resolveClicks(masks: Uint8Array, detectors: readonly Detector[], random: RandomSource): ResolvedClicks {
  const meanings = detectors.map(({ basis, bit }) => (basis === "X" ? 2 : 0) | bit);
  const kinds = Uint8Array.from({ length: 1 << detectors.length }, (_, mask) => meaningOf(mask, meanings));
  const basis = BitString.zeros(masks.length);
  const bit = BitString.zeros(masks.length);
  const perMask = new Float64Array(kinds.length);
  const coins = new Coins(random);
  let [sameBasis, crossBasis] = [0, 0];
  for (let i = 0; i < masks.length; i++) {
    const mask = masks[i]!;
    perMask[mask]!++;
    let meaning = kinds[mask]!;
    if (meaning & randomBit) {
      sameBasis++;
      meaning = (meaning & 2) | coins.next();
    } else if (meaning & randomBasis) {
      crossBasis++;
      meaning = (coins.next() << 1) | coins.next();
    }
    basis.bytes[i >>> 3]! |= (meaning >> 1) << (i & 7);
    bit.bytes[i >>> 3]! |= (meaning & 1) << (i & 7);
  }
  const perDetector = detectors.map((_, d) => perMask.reduce((sum, n, mask) => sum + ((mask >> d) & 1) * n, 0));
  return { basis, bit, sameBasis, crossBasis, perDetector, bases: meanings.map((meaning) => meaning >> 1) };
}

const randomBit = 4;
const randomBasis = 8;

function meaningOf(mask: number, meanings: readonly number[]): number {
  const clicked = meanings.filter((_, d) => (mask >> d) & 1);
  if (clicked.length === 1) return clicked[0]!;
  const bases = new Set(clicked.map((meaning) => meaning & 2));
  return bases.size === 1 ? [...bases][0]! | randomBit : randomBasis;
}

/** Random bits from a few large draws. */
class Coins {
  private bytes: Uint8Array = new Uint8Array(0);
  private used = 0;
  constructor(private readonly random: RandomSource) {}
  next(): number {
    if (this.used === this.bytes.length * 8) {
      this.bytes = this.random(1024);
      this.used = 0;
    }
    const bit = (this.bytes[this.used >>> 3]! >>> (this.used & 7)) & 1;
    this.used++;
    return bit;
  }
}
