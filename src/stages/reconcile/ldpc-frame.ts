/**
 * A frame whose decoding is not finished, as either end sees it: which positions Alice has shown, and how many come next.
 * A frame is shown whole when syndrome and shown bits would reach its length: nothing of it can stay secret any more.
 */
import { BitString } from "../../bits.js";
import { decodeSlots, encodeSlots } from "../../channel/encoding.js";
import type { FramePlan } from "../../codes/adapt.js";
import { agreedPlaces } from "../places.js";
import { realBits } from "./frames.js";
import { type AskedPositions, misbehaves } from "./ldpc-messages.js";
import type { Accounting } from "./types.js";

/** Bits of a round as a share of the syndrome: `steady` rounds of the first share, then growing by `growth`. */
const schedule: Readonly<Record<Accounting, { least: number; steady: number; growth: number }>> = {
  "pattern-public": { least: 8, steady: 10, growth: 1.3 },
  "one-way": { least: 16, steady: 1, growth: 1.2 },
};

/** Small syndromes lose less of the key to a larger share of them, and save rounds (measured at 1, 3 and 8 %). */
function shareOf({ m, n }: FramePlan, accounting: Accounting): number {
  if (accounting === "one-way") return 0.02;
  return m < 0.11 * n ? 0.008 : m < 0.18 * n ? 0.006 : 0.004;
}

export function roundBits(plan: FramePlan, round: number, accounting: Accounting): number {
  const { least, steady, growth } = schedule[accounting];
  return Math.ceil(Math.max(least, shareOf(plan, accounting) * plan.m) * growth ** Math.max(0, round - steady + 1));
}

export class OpenFrame {
  shownWhole = false;
  readonly real: number;
  private readonly shown = new Set<number>();
  private readonly places: number[] = [];
  private readonly bits: number[] = [];
  private agreed = 0;
  private left: number;

  constructor(
    readonly index: number,
    private readonly plan: FramePlan,
    private readonly accounting: Accounting,
  ) {
    this.real = realBits(index, plan);
    this.left = this.real;
  }

  /** Bob, pattern-public: what he asks for, of the positions that his decoder is least sure of. */
  ask(weakest: Uint32Array, round: number): AskedPositions {
    const count = roundBits(this.plan, round, this.accounting);
    const places = Float64Array.from(weakest.subarray(0, count));
    return { count: places.length, places: new Uint8Array(encodeSlots(places)) };
  }

  /** Both ends: positions that Alice shows in this round. @param asked Bob's choice, pattern-public */
  next(round: number, asked: AskedPositions | undefined): Uint32Array {
    const count = roundBits(this.plan, round, this.accounting);
    if (asked && asked.count > count) throw misbehaves("Bob asks for more bits than a round has");
    const wanted = asked
      ? Uint32Array.from(decodeSlots(asked.places, asked.count, this.plan.n))
      : agreedPlaces(this.real, this.agreed, count);
    for (const place of wanted) {
      if (place >= this.real || this.shown.has(place))
        throw misbehaves("a position is asked for twice, or holds no key bit");
    }
    const shown = this.real - this.left + Math.max(count, wanted.length);
    if (this.plan.m + shown >= this.real || wanted.length === 0) {
      this.shownWhole = true;
      return Uint32Array.from({ length: this.real }, (_, place) => place).filter((place) => !this.shown.has(place));
    }
    for (const place of wanted) this.shown.add(place);
    this.agreed += wanted.length;
    this.left -= wanted.length;
    return wanted;
  }

  /** Bob: Alice's bits at these places. */
  learn(places: Uint32Array, values: BitString): void {
    places.forEach((place, i) => {
      this.places.push(place);
      this.bits.push(values.get(i));
    });
  }

  /** Bob: puts all that Alice has shown into his frame. */
  correct(frame: Uint8Array): void {
    this.places.forEach((place, i) => {
      frame[place >>> 3] = (frame[place >>> 3]! & ~(1 << (place & 7))) | (this.bits[i]! << (place & 7));
    });
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
