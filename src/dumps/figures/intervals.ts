/**
 * A channel's intervals and what chance alone would give: where the rate changes slowly, intervals are a mixture of
 * exponentials, one for each stretch of the rate table, so that changes of the light are not taken for afterpulses.
 */
import { binCount, binOf, binStart } from "./log-bins.js";
import type { RateTable } from "./rate-table.js";
import type { Silence } from "./silences.js";

/**
 * Neighbouring bins of the rate table join until they hold 5·√N events: a rate from n counts is noise that looks like
 * bunching of 1/n, a third of what N intervals tell at best.
 */
const stretchCounts = 5;
const mostStretches = 64;
/** An empty bin where so many events are expected is a pause; one with a quarter of them is of its own, dim stretch. */
const clearCounts = 20;
const dimShare = 0.25;

export interface Stretch {
  readonly events: number;
  /** Units of time. */
  readonly live: number;
}

export class Intervals {
  /** Intervals of at least a unit. */
  readonly total: number;
  /** Mean interval while the channel is live, units. */
  readonly mean: number;
  private readonly before = new Float64Array(binCount + 1);

  /**
   * @param counts by bin (log-bins.ts)  @param noise variance of a count over that of plain counting
   * @param grain what times are multiples of, units
   */
  constructor(
    readonly counts: Float64Array,
    readonly stretches: readonly Stretch[],
    readonly noise: number,
    readonly grain: number,
  ) {
    for (let b = 1; b < binCount; b++) this.before[b + 1] = this.before[b]! + counts[b]!;
    this.total = this.before[binCount]!;
    const events = stretches.reduce((sum, s) => sum + s.events, 0);
    this.mean = events > 0 ? stretches.reduce((sum, s) => sum + s.live, 0) / events : 0;
  }

  /** Counted intervals that are shorter; inside a bin in proportion. */
  shorterThan(units: number): number {
    const b = binOf(units);
    if (b === 0) return 0;
    const share = (units - binStart[b]!) / (binStart[b + 1]! - binStart[b]!);
    return this.before[b]! + Math.min(1, share) * this.counts[b]!;
  }

  /** The same where events come at random at the stretches' rates. */
  expectedShorterThan(units: number): number {
    let [sum, events] = [0, 0];
    for (const { events: n, live } of this.stretches) {
      sum += n * -Math.expm1((-units * n) / live);
      events += n;
    }
    return events > 0 ? (sum * this.total) / events : 0;
  }
}

/** @param gaps without events of any channel: not live */
export function stretchesOf(
  rates: RateTable,
  code: number,
  [first, last]: readonly [number, number],
  gaps: readonly Silence[],
): Stretch[] {
  const range = rates.range();
  if (!range || !(last > first)) return [];
  const counts = rates.of(code, ...range);
  const live = counts.map((_, i) => {
    const from = rates.origin + (range[0] + i) * rates.width;
    const [start, end] = [Math.max(first, from), Math.min(last, from + rates.width)];
    const lost = gaps.reduce((sum, gap) => sum + overlap(start, end, gap), 0);
    return Math.max(0, end - start - lost);
  });
  const spans = live.reduce((sum, units) => sum + units, 0);
  const events = counts.reduce((sum, n) => sum + n, 0);
  const stretches: { events: number; live: number }[] = [];
  const dim = { events: 0, live: 0 };
  const enough = Math.max(stretchCounts * Math.sqrt(events), events / mostStretches);
  let open = { events: 0, live: 0 };
  counts.forEach((count, i) => {
    const expected = (live[i]! * events) / spans;
    const isClear = expected >= clearCounts;
    if (isClear && count === 0) return;
    const into = isClear && count < dimShare * expected ? dim : open;
    into.events += count;
    into.live += live[i]!;
    if (open.events < enough) return;
    stretches.push(open);
    open = { events: 0, live: 0 };
  });
  const tail = stretches.at(-1);
  if (tail) {
    tail.events += open.events;
    tail.live += open.live;
  } else stretches.push(open);
  stretches.push(dim);
  return stretches.filter((s) => s.events > 0 && s.live > 0);
}

function overlap(start: number, end: number, { from, length }: Silence): number {
  return Math.max(0, Math.min(end, from + length) - Math.max(start, from));
}
