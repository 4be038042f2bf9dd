/**
 * Bob's slots by block: cut by pulse number alone, never by counts (FORMULAS.md 9). Clicks of one slot are one entry with
 * a mask of detectors.
 */
import type { Link } from "../link.js";
import type { EventStream } from "./events.js";
import { emptyGated } from "./pulse-tracker.js";
import type { BobPulses } from "./pulses.js";
import { DeadTime, type GateStatistics } from "./types.js";

export interface PulseBlock {
  readonly index: number;
  readonly firstPulse: number;
  /** Pulses of the block, detected or not. */
  readonly pulses: number;
  /** Ascending, counted from the block's first pulse. */
  readonly slots: Float64Array;
  /** Mask over Bob's detectors. */
  readonly clicks: Uint8Array;
  /** 1 = the dead-time rule takes the slot out. */
  readonly vetoed: Uint8Array;
  readonly gate: GateStatistics;
}

/** Without `blocks.pulses` a block is this long, so that memory stays bounded. */
const defaultPulses = 1e10;

export async function* pulseBlocks(lock: BobPulses, events: EventStream, link: Link): AsyncGenerator<PulseBlock> {
  const { tracker, pulses, disclosedTo } = lock;
  const size = link.blocks.pulses ?? defaultPulses;
  const dead = new DeadTime(link.bob.deadTimePs ?? 0);
  const gated = emptyGated();
  let draft = new Draft(0, size);
  let end = 0;
  for await (const batch of events) {
    tracker.gate(batch, gated);
    dead.shift(gated.anchorStep);
    for (let i = 0; i < gated.length; i++) {
      const slot = gated.slot[i]!;
      const vetoed = dead.vetoes(gated.time[i]!, slot);
      if (!(slot >= disclosedTo && slot < pulses)) continue;
      while (slot >= draft.first + size) {
        yield draft.done(size, tracker.statistics());
        draft = new Draft(draft.index + 1, size);
      }
      if (slot < draft.first) continue;
      draft.add(slot, gated.detector[i]!, vetoed);
      end = slot + 1;
    }
  }
  // The last block ends with the shorter dump: with Bob's last click, at most with the record.
  if (end > draft.first || draft.index === 0) yield draft.done(Math.max(0, end - draft.first), tracker.statistics());
}

class Draft {
  readonly first: number;
  private slots = new Float64Array(4096);
  private clicks = new Uint8Array(4096);
  private vetoed = new Uint8Array(4096);
  private length = 0;

  constructor(
    readonly index: number,
    size: number,
  ) {
    this.first = index * size;
  }

  add(pulse: number, detector: number, vetoed: boolean): void {
    const slot = pulse - this.first;
    let at = this.length - 1;
    // Delay correction can swap neighbours; look back a few places.
    while (at >= 0 && this.slots[at]! > slot) at--;
    if (at >= 0 && this.slots[at] === slot) {
      this.clicks[at]! |= 1 << detector;
      return;
    }
    if (this.length === this.slots.length) this.grow();
    for (let j = this.length; j > at + 1; j--) {
      this.slots[j] = this.slots[j - 1]!;
      this.clicks[j] = this.clicks[j - 1]!;
      this.vetoed[j] = this.vetoed[j - 1]!;
    }
    this.slots[at + 1] = slot;
    this.clicks[at + 1] = 1 << detector;
    this.vetoed[at + 1] = vetoed ? 1 : 0;
    this.length++;
  }

  done(pulses: number, gate: GateStatistics): PulseBlock {
    const { index, first, length } = this;
    return {
      index,
      firstPulse: first,
      pulses,
      slots: this.slots.subarray(0, length),
      clicks: this.clicks.subarray(0, length),
      vetoed: this.vetoed.subarray(0, length),
      gate,
    };
  }

  private grow(): void {
    const size = this.slots.length * 2;
    const [slots, clicks, vetoed] = [new Float64Array(size), new Uint8Array(size), new Uint8Array(size)];
    slots.set(this.slots);
    clicks.set(this.clicks);
    vetoed.set(this.vetoed);
    this.slots = slots;
    this.clicks = clicks;
    this.vetoed = vetoed;
  }
}
