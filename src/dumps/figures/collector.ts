/**
 * What `inspect` gathers in its one pass, with bounded memory: counts, order, rates over time, intervals between a
 * channel's events, long silences, T3 delays. Times are float64 offsets from a batch's exact base; a channel's last event
 * is carried from base to base. Unit: a tick; T3: a unit of dtime, the sync period being a multiple of it.
 *
 * Cost a record: one pass for rate, order and silence; two for intervals, of most batches while there are few.
 */
import { eventsPerBatch } from "../records.js";
import type { DumpInfo, NativeBatch } from "../types.js";
import { IntervalBins, wholeEvents } from "./interval-bins.js";
import { RateTable } from "./rate-table.js";
import { LongestSilences } from "./silences.js";

const codes = 256;
/** Up to so many events some intervals are kept as they are, and steps are looked at closely. */
const earlyEvents = 2 ** 20;
/** Intervals kept of a channel. */
const mostSamples = 1024;
/** Later on, every so many batches are looked at for clusters; a short one has no mean of its own. */
const clusterBatches = 16;
const fewestForClusters = 1000;
/** Steps after which their common divisor is known. */
const divisorSteps = 1000;
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

  readonly bins: IntervalBins;
  /** Units of a tick. */
  readonly unitsPerTick: number;
  private divided = 0;
  private batches = 0;
  private previous = 0n;
  private lastTick: { base: bigint; tick: number } | undefined;
  private before = -Infinity;
  private cut = -Infinity;
  private readonly tally = new Uint32Array(codes);
  /** Channels of this batch. */
  private readonly present = new Uint8Array(codes);
  private time: Float64Array = new Float64Array(0);

  /** @param binnedWhole for tests: events up to which every interval is binned */
  constructor(info: DumpInfo, { binnedWhole = wholeEvents }: { binnedWhole?: number } = {}) {
    this.bins = new IntervalBins(binnedWhole);
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
    if (this.divided < divisorSteps && !batch.dtime) {
      this.granularity = commonDivisor(batch.tick, length, this.granularity);
      this.divided += length - 1;
    }
    this.note(time, code, length, shift);
    this.batches++;
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
      for (let code = 0; code < codes; code++) this.bins.latest[code]! += step;
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
    const { bins, firstOf, lastOf, present } = this;
    const { latest } = bins;
    for (let c = 0; c < codes; c++) if (present[c] === 1) bins.makeRoom(c);
    const isBinned = bins.add(time, code, length);
    for (let c = 0; c < codes; c++) {
      if (present[c] === 0) continue;
      present[c] = 0;
      if (!isBinned) latest[c] = time[code.lastIndexOf(c, length - 1)]!;
      lastOf[c] = latest[c]! + shift;
      if (firstOf[c] !== Infinity) continue;
      firstOf[c] = time[code.indexOf(c)]! + shift;
      if (isBinned) bins.dropFirst(c);
    }
    const isEarly = this.events < earlyEvents;
    if (isEarly && isBinned) this.sample(code, length);
    if (length >= fewestForClusters && (isEarly || this.batches % clusterBatches === 0)) this.clusters(time, length);
  }

  private sample(code: Uint8Array, length: number): void {
    const { samples } = this;
    const { delta } = this.bins;
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

function commonDivisor(tick: Float64Array, length: number, divisor: number): number {
  let found = divisor;
  for (let i = 1; i < length && found !== 1; i++)
    for (let rest = Math.abs(tick[i]! - tick[i - 1]!); rest > 0; ) [found, rest] = [rest, found % rest];
  return found;
}
