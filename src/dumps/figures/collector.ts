/**
 * What `inspect` gathers in its one pass, with bounded memory: counts, order, rates over time, intervals between a
 * channel's events, long silences, T3 delays. Times are float64 offsets from a batch's exact base; a channel's last event
 * is carried from base to base. Unit: a tick; T3: a unit of dtime, the sync period being a multiple of it.
 *
 * Cost a record: one pass for rate, order and silence; two for intervals, which past `wholeEvents` are taken in
 * every `thinned`-th batch alone and count that many times, so that large files are read nearly as fast as just counted.
 */
import { eventsPerBatch } from "../records.js";
import type { DumpInfo, NativeBatch } from "../types.js";
import { binCount, highOffset, highShift } from "./log-bins.js";
import { RateTable } from "./rate-table.js";
import { LongestSilences } from "./silences.js";

const codes = 256;
const wholeEvents = 2 ** 21;
const thinned = 16;
/** A u32 count cannot overflow between two settlings. */
const settleAfter = 2 ** 31;
/** Batches whose intervals are kept as they are, and how many of a channel. */
const sampledBatches = 16;
export const mostSamples = 1024;
/** Every so many batches are looked at for clusters. */
const clusterBatches = 16;
const dtimes = 2 ** 15;

export interface NativeTime {
  readonly base: bigint;
  readonly tick: number;
  readonly dtime: number;
}

export class Collector {
  events = 0;
  outOfOrderSteps = 0;
  first: NativeTime | undefined;
  last: NativeTime | undefined;
  /** Batches that begin after data that the instrument lost. */
  reportedGaps = 0;
  readonly rates = new RateTable();
  readonly silences = new LongestSilences();
  /** Greatest common divisor of the first steps: what times are multiples of. T3: unknown, 0. */
  granularity = 0;
  /** Intervals between neighbours above two and above five mean intervals, in the batches looked at. */
  readonly above: [two: number, five: number] = [0, 0];
  /** T3: events by dtime, by channel. */
  readonly decay = new Map<number, Float64Array>();
  /** First and last event of a channel, units after zero. */
  readonly firstOf = new Float64Array(codes).fill(Infinity);
  readonly lastOf = new Float64Array(codes).fill(-Infinity);
  /** Some channels' first intervals, in order. */
  readonly samples = new Map<number, number[]>();
  /** Ticks from which units count. */
  zero = 0n;

  /** Units of a tick. */
  readonly unitsPerTick: number;
  /** Bins of the channels seen, one after the other; a channel's begin at `place`. */
  private intervals = new Uint32Array(0);
  private settled = new Float64Array(0);
  private readonly place = new Int32Array(codes).fill(-1);
  private used = 0;
  private unsettled = 0;
  private weight = 1;
  private binned = 0;
  /** Sums of weights and of their squares. */
  private readonly weights: [number, number] = [0, 0];
  private batches = 0;
  private previous = 0n;
  private lastTick: { base: bigint; tick: number } | undefined;
  private before = -Infinity;
  private cut = -Infinity;
  private readonly tally = new Uint32Array(codes);
  /** Channels of this batch. */
  private readonly present = new Uint8Array(codes);
  /** Last event of each channel, units after the batch's base. */
  private readonly latest = new Float64Array(codes).fill(Infinity);
  private time: Float64Array = new Float64Array(0);
  private readonly delta = new Float64Array(eventsPerBatch);
  private readonly deltaHigh = new Int32Array(this.delta.buffer);

  private readonly binnedWhole: number;

  /** @param binnedWhole for tests: events up to which every interval is binned */
  constructor(info: DumpInfo, { binnedWhole = wholeEvents }: { binnedWhole?: number } = {}) {
    this.binnedWhole = binnedWhole;
    this.unitsPerTick = info.dtimeResolutionPs ? info.resolutionPs / info.dtimeResolutionPs : 1;
    if (info.dtimeResolutionPs) this.time = new Float64Array(eventsPerBatch);
  }

  add(batch: NativeBatch): void {
    const { length, code } = batch;
    if (length === 0) return;
    const base = batch.base + (batch.wrapped ?? 0n);
    if (batch.gapBefore) this.reportedGaps++;
    const time = batch.dtime ? this.withDelays(batch) : batch.tick;
    const shift = this.moveTo(base);
    const backward = this.count(time, code, length, shift);
    const steps = batch.dtime ? stepsBack(batch.tick, length, this.tickBefore(base)) : backward;
    this.outOfOrderSteps += steps;
    this.ends(batch, base, steps > 0);
    this.events += length;
    this.lastTick = { base, tick: batch.tick[length - 1]! };
    if (this.batches === 0 && !batch.dtime) this.granularity = commonDivisor(batch.tick, length);
    this.note(time, code, length, shift);
    this.batches++;
  }

  /** Intervals of a channel by bin (log-bins.ts), thinned ones multiplied; bin 0: equal times and steps back. */
  intervalsOf(code: number): Float64Array {
    this.settle();
    return this.settled.slice(this.place[code]!, this.place[code]! + binCount);
  }

  /** Variance of an interval count over that of plain counting: 1 where nothing was thinned. */
  get noise(): number {
    return this.weights[0] > 0 ? this.weights[1] / this.weights[0] : 1;
  }

  /** T3: sync number of the last event, from this base. */
  private tickBefore(base: bigint): number | undefined {
    const { lastTick } = this;
    return lastTick && lastTick.tick + Number(lastTick.base - base);
  }

  /** Carries what is kept from the last base to this one. Returns this one after zero, units. */
  private moveTo(base: bigint): number {
    if (this.batches === 0) {
      this.zero = base;
      this.previous = base;
      return 0;
    }
    const step = Number(this.previous - base) * this.unitsPerTick;
    if (step !== 0) {
      for (let code = 0; code < codes; code++) this.latest[code]! += step;
      this.before += step;
    }
    this.previous = base;
    return Number(base - this.zero) * this.unitsPerTick;
  }

  /** T3: times in units of dtime, and the delays' histograms. */
  private withDelays({ tick, dtime, code, length }: NativeBatch): Float64Array {
    const { time, unitsPerTick } = this;
    for (let i = 0; i < length; i++) {
      const delay = dtime![i]!;
      time[i] = tick[i]! * unitsPerTick + delay;
      const c = code[i]!;
      let counts = this.decay.get(c);
      if (!counts) {
        counts = new Float64Array(dtimes);
        this.decay.set(c, counts);
      }
      counts[delay & (dtimes - 1)]!++;
    }
    return time;
  }

  /** Rate, order and silence of every event, bin of time by bin of time. Returns the steps back. */
  private count(time: Float64Array, code: Uint8Array, length: number, shift: number): number {
    const { rates, tally, silences } = this;
    let { before, cut } = this;
    let backward = 0;
    if (before === -Infinity) {
      before = time[0]!;
      rates.begin(shift + before, time[length - 1]! - before);
    }
    for (let i = 0; i < length; ) {
      const start = i;
      rates.find(shift + time[i]!);
      const from = rates.from - shift;
      const to = rates.to - shift;
      do {
        const t = time[i]!;
        tally[code[i]!]!++;
        const step = t - before;
        if (step > cut) cut = silences.add(shift + before, step);
        else if (step < 0) backward++;
        before = t;
      } while (++i < length && time[i]! < to && time[i]! >= from);
      this.enter(code, start, i);
    }
    this.before = before;
    this.cut = cut;
    return backward;
  }

  /** The tally of events [from, to) into the bin of time that was found. */
  private enter(code: Uint8Array, from: number, to: number): void {
    const { tally, present } = this;
    const { rows, row } = this.rates;
    const put = (c: number) => {
      if (tally[c] === 0) return;
      rows[row + c]! += tally[c]!;
      present[c] = 1;
      tally[c] = 0;
    };
    if (to - from < codes) for (let i = from; i < to; i++) put(code[i]!);
    else for (let c = 0; c < codes; c++) put(c);
  }

  private ends(batch: NativeBatch, base: bigint, disordered: boolean): void {
    const { tick, length, dtime } = batch;
    let [low, high] = [0, length - 1];
    if (disordered)
      for (let i = 0; i < length; i++) {
        if (tick[i]! < tick[low]!) low = i;
        if (tick[i]! >= tick[high]!) high = i;
      }
    const at = (i: number) => ({ base, tick: tick[i]!, dtime: dtime?.[i] ?? 0 });
    if (!this.first || isBefore(at(low), this.first)) this.first = at(low);
    if (!this.last || !isBefore(at(high), this.last)) this.last = at(high);
  }

  /** The channels' ends, and in batches that are looked at closer the intervals. */
  private note(time: Float64Array, code: Uint8Array, length: number, shift: number): void {
    const { latest, firstOf, lastOf, present, place } = this;
    for (let c = 0; c < codes; c++) if (present[c] === 1 && place[c]! < 0) this.makeRoom(c);
    const whole = this.binned <= this.binnedWhole;
    const closer = whole || this.batches % thinned === 0;
    if (closer) this.bin(time, code, length, whole ? 1 : thinned);
    for (let c = 0; c < codes; c++) {
      if (present[c] === 0) continue;
      present[c] = 0;
      if (!closer) latest[c] = time[code.lastIndexOf(c, length - 1)]!;
      lastOf[c] = latest[c]! + shift;
      if (firstOf[c] !== Infinity) continue;
      firstOf[c] = time[code.indexOf(c)]! + shift;
      // A channel's first event ends no interval; it went into bin 0.
      if (closer) this.intervals[place[c]!]!--;
    }
    if (this.batches < sampledBatches) this.sample(code, length);
    if (this.batches % clusterBatches === 0) this.clusters(time, length);
  }

  private bin(time: Float64Array, code: Uint8Array, length: number, weight: number): void {
    if (weight !== this.weight || this.unsettled > settleAfter) this.settle();
    this.weight = weight;
    const { intervals, latest, delta, deltaHigh, place } = this;
    for (let i = 0; i < length; i++) {
      const t = time[i]!;
      const c = code[i]!;
      delta[i] = t - latest[c]!;
      latest[c] = t;
    }
    for (let i = 0; i < length; i++) {
      const b = (deltaHigh[2 * i + 1]! >> highShift) - highOffset;
      intervals[place[code[i]!]! + Math.max(b, 0)]!++;
    }
    this.unsettled += length;
    this.binned += length;
    this.weights[0] += weight * length;
    this.weights[1] += weight * weight * length;
  }

  private makeRoom(code: number): void {
    if (this.used === this.intervals.length) {
      this.settle();
      const settled = new Float64Array(Math.max(4 * binCount, 2 * this.used));
      settled.set(this.settled);
      this.settled = settled;
      this.intervals = new Uint32Array(settled.length);
    }
    this.place[code] = this.used;
    this.used += binCount;
  }

  private settle(): void {
    const { intervals, settled, weight } = this;
    if (this.unsettled > 0) for (let at = 0; at < this.used; at++) settled[at]! += weight * intervals[at]!;
    intervals.fill(0, 0, this.used);
    this.unsettled = 0;
  }

  private sample(code: Uint8Array, length: number): void {
    const { delta, samples } = this;
    for (let i = 0; i < length; i++) {
      const kept = samples.get(code[i]!);
      if (!kept) samples.set(code[i]!, delta[i] === -Infinity ? [] : [delta[i]!]);
      else if (kept.length < mostSamples) kept.push(delta[i]!);
    }
  }

  private clusters(time: Float64Array, length: number): void {
    const mean = (time[length - 1]! - time[0]!) / (length - 1);
    if (!(mean > 0)) return;
    for (let i = 1; i < length; i++) {
      const step = time[i]! - time[i - 1]!;
      if (step < 2 * mean) continue;
      this.above[0]++;
      if (step >= 5 * mean) this.above[1]++;
    }
  }
}

function isBefore(a: NativeTime, b: NativeTime): boolean {
  return a.base + BigInt(a.tick) < b.base + BigInt(b.tick);
}

/** Steps back of whole ticks, from the event before on. */
function stepsBack(tick: Float64Array, length: number, before = tick[0]!): number {
  let count = 0;
  for (let i = 0; i < length; i++) {
    if (tick[i]! < before) count++;
    before = tick[i]!;
  }
  return count;
}

function commonDivisor(tick: Float64Array, length: number): number {
  let divisor = 0;
  for (let i = 1; i < length && divisor !== 1; i++)
    for (let rest = Math.abs(tick[i]! - tick[i - 1]!); rest > 0; ) [divisor, rest] = [rest, divisor % rest];
  return divisor;
}
