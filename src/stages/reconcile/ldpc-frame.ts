/**
 * A frame whose decoding is not finished, as either end sees it: what Alice has shown of it, and what comes next.
 * A frame is shown whole when syndromes and shown bits would reach its length: nothing of it can stay secret any more.
 */
import { BitString } from "../../bits.js";
import { decodeSlots, encodeSlots } from "../../channel/encoding.js";
import type { FramePlan } from "../../codes/adapt.js";
import type { LeakReason } from "../../security/ledger.js";
import { realBits } from "./frames.js";
import { type AskedPositions, misbehaves } from "./ldpc-messages.js";

/** Bits of a round of Bob's requests: ten of one size, then growing. */
const leastBits = 8;
const steadyRounds = 10;
const growth = 1.3;

/** Small syndromes lose less of the key to a larger share of them, and save rounds (measured at 1, 3 and 8 %). */
function shareOf({ m, n }: FramePlan): number {
  return m < 0.11 * n ? 0.008 : m < 0.18 * n ? 0.006 : 0.004;
}

export function roundBits(plan: FramePlan, round: number): number {
  return Math.ceil(Math.max(leastBits, shareOf(plan) * plan.m) * growth ** Math.max(0, round - steadyRounds + 1));
}

/** What Alice shows of a frame in a round. */
export interface Disclosure {
  readonly reason: LeakReason;
  readonly bits: number;
  /** Her bits at these places; */
  readonly places?: Uint32Array;
  /** or the checks of the rows split off since the round before, this many in all. */
  readonly splits?: number;
}

export class OpenFrame {
  shownWhole = false;
  readonly real: number;
  private readonly shown = new Set<number>();
  private readonly places: number[] = [];
  private readonly bits: number[] = [];

  constructor(
    readonly index: number,
    private readonly plan: FramePlan,
  ) {
    this.real = realBits(index, plan);
  }

  /** Bob, pattern-public: what he asks for, of the positions that his decoder is least sure of. */
  ask(weakest: Uint32Array, round: number): AskedPositions {
    const count = roundBits(this.plan, round);
    const places = Float64Array.from(weakest.subarray(0, count));
    return { count: places.length, places: new Uint8Array(encodeSlots(places)) };
  }

  /** Both ends: the checks of `rows` more rows split off, `splits` in all. */
  split(rows: number, splits: number): Disclosure {
    const { m, lifting } = this.plan;
    if (m + splits * lifting + this.shown.size >= this.real) return this.whole();
    return { reason: "further-syndrome", bits: rows * lifting, splits };
  }

  /** Both ends, pattern-public: the bits that Bob asks for. @param syndromeBits that were shown of this frame */
  answer(round: number, asked: AskedPositions, syndromeBits: number): Disclosure {
    const count = roundBits(this.plan, round);
    if (asked.count > count) throw misbehaves("Bob asks for more bits than a round has");
    const places = Uint32Array.from(decodeSlots(asked.places, asked.count, this.plan.n));
    for (const place of places) {
      if (place >= this.real || this.shown.has(place))
        throw misbehaves("a position is asked for twice, or holds no key bit");
    }
    if (syndromeBits + this.shown.size + count >= this.real || places.length === 0) return this.whole();
    for (const place of places) this.shown.add(place);
    return { reason: "revealed-bits", bits: places.length, places };
  }

  private whole(): Disclosure {
    this.shownWhole = true;
    const places = Uint32Array.from({ length: this.real }, (_, place) => place).filter(
      (place) => !this.shown.has(place),
    );
    return { reason: "revealed-frame", bits: places.length, places };
  }

  /** Bob: Alice's bits at these places. */
  learn(places: Uint32Array, values: BitString): void {
    places.forEach((place, i) => {
      this.places.push(place);
      this.bits.push(values.get(i));
    });
  }

  /** Bob: puts all that Alice has shown into his frame. @returns how many bits were wrong */
  correct(frame: Uint8Array): number {
    let wrong = 0;
    this.places.forEach((place, i) => {
      const bit = place & 7;
      const differs = ((frame[place >>> 3]! >>> bit) & 1) ^ this.bits[i]!;
      frame[place >>> 3]! ^= differs << bit;
      wrong += differs;
    });
    return wrong;
  }

  /** Bob: what the decoder may take for certain: the shortened end and Alice's bits. */
  get known(): { positions: Uint32Array; values: Uint8Array } {
    const { real, places, bits } = this;
    const short = this.plan.n - real;
    const positions = Uint32Array.from({ length: short + places.length }, (_, i) =>
      i < short ? real + i : places[i - short]!,
    );
    const values = BitString.zeros(positions.length).bytes;
    bits.forEach((bit, i) => {
      values[(short + i) >>> 3]! |= bit << ((short + i) & 7);
    });
    return { positions, values };
  }
}

/** The packed bits at these places. */
export function bitsAt(word: Uint8Array, places: Uint32Array): BitString {
  const out = BitString.zeros(places.length);
  places.forEach((place, i) => {
    out.bytes[i >>> 3]! |= ((word[place >>> 3]! >>> (place & 7)) & 1) << (i & 7);
  });
  return out;
}
