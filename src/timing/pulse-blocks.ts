/**
 * Bob's slots by block: cut by pulse number alone, never by counts (FORMULAS.md 9). Clicks of one slot are one entry with
 * a mask of detectors.
 */
import type { Link } from "../link.js";
import type { EventStream } from "./events.js";
import type { Stretch } from "./pulse-track.js";
import { emptyGated, type GatedBatch, type PulseTracker } from "./pulse-tracker.js";
import type { BobPulses } from "./pulses.js";
import { checkBlockSize, DeadTime, type GateStatistics } from "./types.js";

export interface PulseBlock {
  readonly index: number;
  readonly firstPulse: number;
  /** Pulses of the block, detected or not. */
  readonly pulses: number;
  /** Ascending, counted from the block's first pulse. */
  readonly slots: Float64Array;
  /** Mask over Bob's detectors. */
  readonly clicks: Uint8Array;
  /** 1 = the dead-time rule takes the slot out, 2 = it makes no key for other reasons. */
  readonly vetoed: Uint8Array;
  readonly gate: GateStatistics;
  /** Where slots of another stretch begin, whose numbers may be off by a common shift. */
  readonly stretches: readonly BlockStretch[];
}

export interface BlockStretch {
  /** Index of its first slot. */
  readonly from: number;
  readonly stretch: Stretch;
}

/** Without `blocks.pulses` a block is this long, so that memory stays bounded. */
export const defaultPulses = 1e10;

export async function* pulseBlocks(lock: BobPulses, events: EventStream, link: Link): AsyncGenerator<PulseBlock> {
  const cutter = new Cutter(lock, link);
  const gated = emptyGated();
  for await (const batch of events) {
    lock.tracker.gate(batch, gated);
    yield* cutter.cut(gated);
  }
  const last = cutter.last();
  if (last) yield last;
}

class Cutter {
  private readonly size: number;
  private readonly dead: DeadTime;
  private stretch: Stretch | undefined;
  private draft: Draft;
  private end = 0;

  constructor(
    private readonly lock: BobPulses,
    link: Link,
  ) {
    this.size = link.blocks.pulses ?? defaultPulses;
    this.dead = new DeadTime(link.bob.deadTimePs ?? 0);
    this.draft = this.next(0);
  }

  /** Blocks that end within a batch. */
  *cut({ slot: slots, time, detector, length, anchorStep, stretches }: GatedBatch): Generator<PulseBlock> {
    const { dead, size } = this;
    const { disclosedTo, pulses } = this.lock;
    let { draft, end } = this;
    let begun = 0;
    let begins = stretches[0]?.from;
    dead.shift(anchorStep);
    for (let i = 0; i < length; i++) {
      if (i === begins) {
        this.stretch = stretches[begun]!.stretch;
        draft.begin(this.stretch);
        begins = stretches[++begun]?.from;
      }
      const slot = slots[i]!;
      const vetoed = dead.flags(time[i]!, slot);
      if (!(slot >= disclosedTo && slot < pulses)) continue;
      while (slot >= draft.first + size) {
        yield draft.done(size);
        draft = this.next(draft.index + 1);
      }
      if (slot < draft.first) continue;
      draft.add(slot, detector[i]!, vetoed);
      end = slot + 1;
    }
    this.draft = draft;
    this.end = end;
  }

  /** The last block ends with the shorter dump: with Bob's last click, at most with the record. */
  last(): PulseBlock | undefined {
    const { draft, end } = this;
    return end > draft.first || draft.index === 0 ? draft.done(Math.max(0, end - draft.first)) : undefined;
  }

  private next(index: number): Draft {
    return new Draft(index, this.size, this.lock.tracker, this.stretch);
  }
}

class Draft {
  readonly first: number;
  private slots = new Float64Array(4096);
  private clicks = new Uint8Array(4096);
  private vetoed = new Uint8Array(4096);
  private length = 0;
  private readonly stretches: BlockStretch[] = [];

  constructor(
    readonly index: number,
    size: number,
    private readonly tracker: PulseTracker,
    stretch: Stretch | undefined,
  ) {
    this.first = index * size;
    if (stretch) this.begin(stretch);
  }

  begin(stretch: Stretch): void {
    this.stretches.push({ from: this.length, stretch });
  }

  add(pulse: number, detector: number, vetoed: number): void {
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
    this.vetoed[at + 1] = vetoed;
    this.length++;
  }

  done(pulses: number): PulseBlock {
    const { index, first, length, stretches, tracker } = this;
    return {
      index,
      firstPulse: first,
      pulses,
      slots: this.slots.subarray(0, length),
      clicks: this.clicks.subarray(0, length),
      vetoed: this.vetoed.subarray(0, length),
      gate: tracker.statistics(),
      stretches,
    };
  }

  private grow(): void {
    checkBlockSize(this.index, this.length);
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
