/**
 * Intervals between a channel's events, by bin (log-bins.ts), for the channels that there are. Past `wholeEvents` events
 * one batch in `thinned` is binned and counts that many times, so that large files are read nearly as fast as counted.
 */
import { eventsPerBatch } from "../records.js";
import { binCount, highOffset, highShift } from "./log-bins.js";

const codes = 256;
export const wholeEvents = 2 ** 21;
const thinned = 16;
/** A u32 count cannot overflow between two settlings. */
const settleAfter = 2 ** 31;

export class IntervalBins {
  /** Last event of each channel, units after the batch's base. */
  readonly latest = new Float64Array(codes).fill(Infinity);
  /** Of the batch binned last, each event's interval; −∞ for a channel's first event. */
  readonly delta = new Float64Array(eventsPerBatch);
  private readonly deltaHigh = new Int32Array(this.delta.buffer);
  /** Bins of the channels, one after the other; a channel's begin at `place`. */
  private counts = new Uint32Array(0);
  private settled = new Float64Array(0);
  private readonly place = new Int32Array(codes).fill(-1);
  private used = 0;
  private unsettled = 0;
  private weight = 1;
  private binned = 0;
  private batches = 0;
  /** Sums of weights and of their squares. */
  private readonly weights: [number, number] = [0, 0];

  constructor(private readonly whole: number) {}

  /** Whether this batch is binned; otherwise the caller keeps `latest`. Every channel of it must have its place. */
  add(time: Float64Array, code: Uint8Array, length: number): boolean {
    const weight = this.binned <= this.whole ? 1 : thinned;
    if (weight > 1 && this.batches++ % thinned !== 0) return false;
    if (weight !== this.weight || this.unsettled > settleAfter) this.settle();
    this.weight = weight;
    const { counts, latest, delta, deltaHigh, place } = this;
    for (let i = 0; i < length; i++) {
      const t = time[i]!;
      const c = code[i]!;
      delta[i] = t - latest[c]!;
      latest[c] = t;
    }
    for (let i = 0; i < length; i++) {
      const b = (deltaHigh[2 * i + 1]! >> highShift) - highOffset;
      counts[place[code[i]!]! + Math.max(b, 0)]!++;
    }
    this.unsettled += length;
    this.binned += length;
    this.weights[0] += weight * length;
    this.weights[1] += weight * weight * length;
    return true;
  }

  makeRoom(code: number): void {
    if (this.place[code]! >= 0) return;
    if (this.used === this.counts.length) {
      this.settle();
      const settled = new Float64Array(Math.max(4 * binCount, 2 * this.used));
      settled.set(this.settled);
      this.settled = settled;
      this.counts = new Uint32Array(settled.length);
    }
    this.place[code] = this.used;
    this.used += binCount;
  }

  /** A channel's first event ends no interval; binned, it went into bin 0. */
  dropFirst(code: number): void {
    this.counts[this.place[code]!]!--;
  }

  /** Of a channel, thinned ones multiplied; bin 0: equal times and steps back. */
  of(code: number): Float64Array {
    this.settle();
    return this.settled.slice(this.place[code]!, this.place[code]! + binCount);
  }

  /** Variance of a count over that of plain counting: 1 where nothing was thinned. */
  get noise(): number {
    return this.weights[0] > 0 ? this.weights[1] / this.weights[0] : 1;
  }

  private settle(): void {
    const { counts, settled, weight } = this;
    if (this.unsettled > 0) for (let at = 0; at < this.used; at++) settled[at]! += weight * counts[at]!;
    counts.fill(0, 0, this.used);
    this.unsettled = 0;
  }
}
