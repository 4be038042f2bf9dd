/**
 * An end's events by block of clock time (FORMULAS.md 9: never by counts), times as ps after the block's start, with the
 * dead-time rule applied to all of its clicks.
 */
import type { DetectorBatch } from "./events.js";
import { checkBlockSize, DeadTime, mostBlockEvents } from "./types.js";

/** Of an end's clock, ps: `to` not included. */
export interface Stretch {
  readonly from: bigint;
  readonly to: bigint;
}

export interface EventBlock {
  readonly index: number;
  /** Clock time of the block's start, ps. */
  readonly start: bigint;
  /** After `start`, ps, ascending. */
  readonly times: Float64Array;
  readonly detector: Uint8Array;
  /** 1 = vetoed by the dead-time rule, 2 = makes no key for other reasons. */
  readonly vetoed: Uint8Array;
  /** The dump ends in it. */
  readonly last: boolean;
}

/**
 * Blocks without events are left out, but for the first: a long pause costs nothing.
 * @param boundary clock time at which block `index` starts; events before block 0 are left out
 * @param togetherPs clicks this close to an accepted one belong to its slot
 * @param opened stretches whose clicks were disclosed: vetoed
 * @throws QkdError BLOCK_TOO_LARGE
 */
export async function* eventBlocks(
  events: AsyncIterable<DetectorBatch>,
  boundary: (index: number) => bigint,
  deadTimePs: number,
  togetherPs: number,
  opened: readonly Stretch[] = [],
  most = mostBlockEvents,
): AsyncGenerator<EventBlock> {
  const dead = new DeadTime(deadTimePs);
  let draft = new Draft(0, boundary(0), opened, most);
  let end = Number(boundary(1) - draft.start);
  if (!(end > 0)) throw new RangeError("a block needs a length");
  let group = 0;
  let last = Number.NEGATIVE_INFINITY;
  for await (const { base, dt, detector } of events) {
    let shift = Number(base - draft.start);
    for (let i = 0; i < dt.length; i++) {
      let t = shift + dt[i]!;
      while (t >= end) {
        if (!draft.empty || draft.index === 0) yield draft.done();
        // Boundaries are evenly spaced but for rounding by 1 ps: far ahead, and never too far.
        const index = draft.index + Math.max(1, Math.floor(t / (end + 1)) - 1);
        const step = Number(boundary(index) - draft.start);
        draft = new Draft(index, boundary(index), opened, most);
        end = Number(boundary(draft.index + 1) - draft.start);
        dead.shift(step);
        last -= step;
        shift = Number(base - draft.start);
        t = shift + dt[i]!;
      }
      if (t - last > togetherPs) group++;
      const vetoed = dead.flags(t, group);
      if (vetoed !== 1) last = t;
      if (t >= 0) draft.add(t, detector[i]!, vetoed);
    }
  }
  if (!draft.empty || draft.index === 0) yield draft.done(true);
}

class Draft {
  private times = new Float64Array(16_384);
  private detector = new Uint8Array(16_384);
  private vetoed = new Uint8Array(16_384);
  private length = 0;
  private readonly opened: readonly (readonly [number, number])[];

  constructor(
    readonly index: number,
    readonly start: bigint,
    opened: readonly Stretch[],
    private readonly most: number,
  ) {
    this.opened = opened
      .filter(({ to }) => to > start)
      .map(({ from, to }) => [Number(from - start), Number(to - start)] as const);
  }

  get empty(): boolean {
    return this.length === 0;
  }

  add(time: number, detector: number, vetoed: number): void {
    if (this.length === this.times.length) this.grow();
    this.times[this.length] = time;
    this.detector[this.length] = detector;
    const known = this.opened.some(([from, to]) => time >= from && time < to);
    this.vetoed[this.length++] = vetoed | (known ? 2 : 0);
  }

  done(last = false): EventBlock {
    const { index, start, length } = this;
    const [times, detector, vetoed] = [this.times, this.detector, this.vetoed].map((list) => list.subarray(0, length));
    return {
      index,
      start,
      times: times as Float64Array,
      detector: detector as Uint8Array,
      vetoed: vetoed as Uint8Array,
      last,
    };
  }

  private grow(): void {
    checkBlockSize(this.index, this.length, this.most);
    const size = this.times.length * 2;
    const [times, detector, vetoed] = [new Float64Array(size), new Uint8Array(size), new Uint8Array(size)];
    times.set(this.times);
    detector.set(this.detector);
    vetoed.set(this.vetoed);
    this.times = times;
    this.detector = detector;
    this.vetoed = vetoed;
  }
}
