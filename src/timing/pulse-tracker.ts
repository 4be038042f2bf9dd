/**
 * Slots from times: n = round((t − delay_d − c)/P) with a clock (c, P) that follows the detections: groups of them are
 * measured in the gate; where they are not there, along drift lines over the whole period, which is how a lock comes back
 * after a gap.
 */
import type { DetectorBatch } from "./events.js";
import { clockIndex, lowerBound } from "./events.js";
import { FollowedClock, type PulseClock } from "./pulse-clock.js";
import { PulseGate } from "./pulse-gate.js";
import { type Measured, measurePulses } from "./pulse-measure.js";
import { PulseTrack, type Stretch } from "./pulse-track.js";
import type { GateStatistics } from "./types.js";

/** What a batch's detections became; arrays are reused by the next call. */
export interface GatedBatch {
  length: number;
  /** Pulse number; NaN outside the gate. */
  slot: Float64Array;
  detector: Uint8Array;
  /** Time after the anchor of this batch, for the dead-time rule. */
  time: Float64Array;
  /** How far this batch's anchor is after the last one's. */
  anchorStep: number;
  /** Stretches that begin in this batch. */
  stretches: { from: number; stretch: Stretch }[];
}

/** The clock is corrected after this many detections; where they show nothing, after up to the larger number. */
const groupDetections = 200;
const largestGroup = 3200;
/** Once the clock is known to a share of the gate it is left alone so long: it moves by ~10 ps. */
const restPs = 1e9;
const restShare = 1 / 8;
/** Detections that no correction rests on are forgotten after this. */
const forgetPs = 1e12;
/** Below this share of the usual gated detections the gate is not believed before a search. */
const usualShare = 0.5;
/** A group ends at a silence of this many mean spacings. */
const silence = 200;
const spacingGain = 0.002;

export function emptyGated(): GatedBatch {
  return {
    length: 0,
    slot: new Float64Array(0),
    detector: new Uint8Array(0),
    time: new Float64Array(0),
    anchorStep: 0,
    stretches: [],
  };
}

export class PulseTracker {
  private readonly clock: FollowedClock;
  private readonly gates: PulseGate;
  private readonly track: PulseTrack;
  private stretch: Stretch = { reach: 0, shift: 0 };
  /** Delay-corrected times of a batch, and those of earlier batches that no correction rests on yet. */
  private times = new Float64Array(0);
  private pending: number[] = [];
  /** Share of gated detections and mean spacing, as seen last. */
  private share = 0;
  private spacing = 0;
  /** Of detections while the clock is seen: noise alone is sparser. */
  private usualSpacing = 0;
  /** A group that light came back in was cut to where it did. */
  private trimmed = false;
  private lastAnchor: bigint;

  constructor(
    start: PulseClock,
    /** Per detector, ps after the first of the list. */
    private readonly delays: readonly number[],
    halfWidth: number,
  ) {
    this.clock = new FollowedClock(start);
    this.gates = new PulseGate(start.period, delays.length, halfWidth);
    this.track = new PulseTrack({ ...start });
    this.lastAnchor = start.time;
  }

  gate(batch: DetectorBatch, out: GatedBatch): void {
    const { clock, delays } = this;
    const size = batch.dt.length;
    if (out.slot.length < size) {
      out.slot = new Float64Array(size);
      out.detector = new Uint8Array(size);
      out.time = new Float64Array(size);
    }
    if (this.times.length < size) this.times = new Float64Array(size);
    out.anchorStep = Number(clock.time - this.lastAnchor);
    this.lastAnchor = clock.time;
    const shift = Number(batch.base - clock.time);
    const { dt, detector } = batch;
    const { times } = this;
    let n = 0;
    for (let i = 0; i < size; i++) {
      const d = detector[i]!;
      if (d === clockIndex) continue;
      const time = shift + dt[i]!;
      out.detector[n] = d;
      out.time[n] = time;
      times[n++] = time - delays[d]!;
    }
    out.length = n;
    out.stretches.length = 0;
    for (let from = 0; from < n; ) {
      const before = this.stretch;
      const to = this.followGroup(from, n);
      if (this.stretch !== before) out.stretches.push({ from, stretch: this.stretch });
      if (this.lost(this.times[from]!)) this.gates.leaveOut(out.slot, from, to);
      else this.gates.assign(times, out, from, to, clock, clock.filter.state);
      from = to;
    }
    const step = clock.moveAnchor(shift + (batch.dt[size - 1] ?? 0));
    this.pending = this.pending.map((t) => t - step);
  }

  /** Corrects the clock by detections from `from` on, if it can. @returns where they end */
  private followGroup(from: number, n: number): number {
    const { clock, times, track } = this;
    // Before the stretch that the clock was found on it is only extended, not corrected.
    const known = clock.fraction + (track.first.pulse - clock.pulse - 0.5) * clock.period;
    if (times[from]! < known) {
      let to = from + 1;
      while (to < n && times[to]! < known) to++;
      return to;
    }
    const rested = clock.filter.state.at + restPs;
    if (
      times[from]! < rested &&
      this.pending.length === 0 &&
      clock.filter.sigmas.offset < restShare * this.gates.halfWidth
    )
      return from + lowerBound(times.subarray(from, n), rested);
    let size = groupDetections;
    let to = this.groupEnd(from, n, size);
    let seen = this.measure(from, to);
    while (!seen && size < largestGroup && to < n && to - from === size) {
      size *= 2;
      to = this.groupEnd(from, n, size);
      seen = this.measure(from, to);
    }
    if (seen) {
      const lit = this.litFrom(from, to);
      const reach = this.lost(lit);
      this.pending = [];
      if (reach > 0 && lit > times[from]! && !this.trimmed) {
        this.trimmed = true;
        return from + lowerBound(times.subarray(from, to), lit);
      }
      if (reach > 0) {
        this.stretch = { reach: this.stretch.reach + reach, shift: undefined };
        clock.restart(seen);
      } else {
        // Not where light came back: what is seen first there is half noise.
        track.note(seen, clock, this.stretch);
        clock.correct(seen);
      }
      const share = seen.counted / seen.size;
      this.share = this.share > 0 ? 0.8 * this.share + 0.2 * share : share;
      this.trimmed = false;
    } else if (to < n) {
      this.pending = [];
      // Light may have come back in the middle of it.
      return Math.min(to, from + groupDetections);
    } else {
      const last = times[to - 1]!;
      for (let i = from; i < to; i++) this.pending.push(times[i]!);
      this.pending = this.pending.filter((t) => t > last - forgetPs).slice(-largestGroup);
    }
    return to;
  }

  /** Where light begins in a group: at its usual rate so many detections began no sooner; noise before it is sparser. */
  private litFrom(from: number, to: number): number {
    const { times, usualSpacing: usual } = this;
    const [first, last] = [times[from]!, times[to - 1]!];
    const own = (last - first) / (to - from);
    this.usualSpacing = usual > 0 ? 0.8 * usual + 0.2 * Math.min(own, 2 * usual) : own;
    return usual > 0 ? Math.max(first, last - (to - from) * usual) : first;
  }

  /** Pulses by which numbers may be off at a time: 0 but after a silence, or where nothing was seen for as long. */
  private lost(time: number): number {
    const { usualSpacing, clock } = this;
    return time - clock.filter.state.at < silence * usualSpacing ? 0 : clock.unsure(time);
  }

  private groupEnd(from: number, n: number, size: number): number {
    const { times } = this;
    const last = Math.min(n, from + size);
    let { spacing } = this;
    let to = from + 1;
    for (; to < last; to++) {
      const step = times[to]! - times[to - 1]!;
      if (spacing <= 0) spacing = Math.max(1, step);
      const silent = step > silence * spacing;
      spacing += spacingGain * ((silent ? silence * spacing : step) - spacing);
      if (silent) break;
    }
    this.spacing = spacing;
    return to;
  }

  private measure(from: number, to: number): Measured | undefined {
    const { clock, gates, pending, share } = this;
    const size = pending.length + to - from;
    let times = this.times.subarray(from, to);
    if (pending.length > 0) {
      times = new Float64Array(size);
      times.set(pending);
      times.set(this.times.subarray(from, to), pending.length);
    }
    return measurePulses(times, clock, clock.filter, gates.halfWidth, usualShare * share * size);
  }

  /** Pulse numbers move by `shift`: Alice told which pulse slot 0 is. */
  renumber(shift: number): void {
    this.clock.pulse += shift;
    this.track.first.pulse += shift;
  }

  /** Statistics of what was gated since the last call. */
  statistics(): GateStatistics {
    return this.gates.statistics();
  }

  meanClock() {
    return this.track.meanClock();
  }
}
