/**
 * Slots from times: n = round((t − delay_d − c)/P) with a clock (c, P) that follows the detections: groups of them are
 * measured in the gate; where they are not there, along drift lines over the whole period, which is how a lock comes back
 * after a gap. Times are taken relative to an anchor that moves along, so that float64 stays exact however long the dump
 * (FORMATS.md: never a time through float64).
 */
import { ClockFilter, offsetAt } from "./clock-filter.js";
import type { DetectorBatch } from "./events.js";
import { clockIndex, lowerBound } from "./events.js";
import { type Measured, measurePulses } from "./pulse-measure.js";
import { thin, trackReport } from "./track.js";
import type { GateStatistics } from "./types.js";

/** A pulse's middle: number and time. */
export interface PulseClock {
  /** Anchor: middle of pulse `pulse` is at `time` + `fraction` ps. */
  time: bigint;
  fraction: number;
  pulse: number;
  period: number;
}

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

/** Detections numbered without a break; after a long gap their numbers are right but for a common shift. */
export interface Stretch {
  /** Pulses that the shift can be; 0 for the first stretch. */
  readonly reach: number;
  /** What to add, once Alice has told (pulse-relock.ts). */
  shift: number | undefined;
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
/** The filter's sigmas within which a lost clock is: beyond half a period pulse numbers are open. */
const lostSigmas = 6;
const spacingGain = 0.002;
/** Uncertainty of the clock that the train was found with. */
const firstSigmas = { offset: 3000, drift: 2e-7, rate: 1e-17 };

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
  /** By detector: counts of `bins` bins. */
  private readonly histogram: Float64Array;
  private readonly binPs: number;
  private inside = 0;
  private outside = 0;
  private readonly firstClock: PulseClock;
  /** Corrections: detections they rest on, and the offset against the first clock. */
  private readonly track: { pulse: number; offsetPs: number; weight: number; stretch: Stretch }[] = [];
  private filter: ClockFilter;
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
    readonly clock: PulseClock,
    /** Per detector, ps after the first of the list. */
    readonly delays: readonly number[],
    readonly halfWidth: number,
    private readonly bins = 64,
  ) {
    this.firstClock = { ...clock };
    this.lastAnchor = clock.time;
    this.filter = new ClockFilter({ at: clock.fraction, offset: 0, drift: 0, rate: 0 }, firstSigmas);
    const reach = Math.min(clock.period / 2, 2 * halfWidth);
    this.binPs = (2 * reach) / bins;
    this.histogram = new Float64Array(delays.length * bins);
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
      if (this.lost(this.times[from]!)) this.leaveOut(out, from, to);
      else this.assign(out, from, to);
      from = to;
    }
    this.moveAnchor(shift + (batch.dt[size - 1] ?? 0));
  }

  /** Corrects the clock by detections from `from` on, if it can. @returns where they end */
  private followGroup(from: number, n: number): number {
    const { clock, times } = this;
    // Before the stretch that the clock was found on it is only extended, not corrected.
    const known = clock.fraction + (this.firstClock.pulse - clock.pulse - 0.5) * clock.period;
    if (times[from]! < known) {
      let to = from + 1;
      while (to < n && times[to]! < known) to++;
      return to;
    }
    const rested = this.filter.state.at + restPs;
    if (times[from]! < rested && this.pending.length === 0 && this.filter.sigmas.offset < restShare * this.halfWidth)
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
      if (reach > 0) this.restart(seen, reach);
      else this.correct(seen);
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
    const { filter, usualSpacing, clock } = this;
    if (time - filter.state.at < silence * usualSpacing) return 0;
    const ahead = filter.copy();
    ahead.predict(time);
    const reach = lostSigmas * ahead.sigmas.offset;
    return reach > clock.period / 2 ? Math.ceil(reach / clock.period) : 0;
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
    const { clock, halfWidth, pending, filter, share } = this;
    const size = pending.length + to - from;
    let times = this.times.subarray(from, to);
    if (pending.length > 0) {
      times = new Float64Array(size);
      times.set(pending);
      times.set(this.times.subarray(from, to), pending.length);
    }
    return measurePulses(times, clock, filter, halfWidth, usualShare * share * size);
  }

  private assign(out: GatedBatch, from: number, to: number): void {
    const { clock, halfWidth, binPs, times, bins, histogram } = this;
    const { slot, detector } = out;
    const { fraction, period, pulse } = clock;
    const { at, offset, drift, rate } = this.filter.state;
    const [perPeriod, perBin] = [1 / period, 1 / binPs];
    const [half, bend, start] = [bins / 2, rate / 2, fraction + offset];
    let inside = 0;
    for (let i = from; i < to; i++) {
      const t = times[i]!;
      const x = t - at;
      const rest = t - start - x * (drift + x * bend);
      const k = Math.floor(rest * perPeriod + 0.5);
      const residual = rest - k * period;
      const bin = Math.floor(residual * perBin + half);
      if (bin >= 0 && bin < bins) histogram[detector[i]! * bins + bin]!++;
      if (residual <= halfWidth && residual >= -halfWidth) {
        slot[i] = pulse + k;
        inside++;
      } else slot[i] = Number.NaN;
    }
    this.inside += inside;
    this.outside += to - from - inside;
  }

  private leaveOut(out: GatedBatch, from: number, to: number): void {
    out.slot.fill(Number.NaN, from, to);
    this.outside += to - from;
  }

  /** Offset of pulse 0 and period over all that was gated, from a straight line through the corrections. */
  meanClock() {
    const first = this.firstClock;
    let [s, sn, snn, sd, snd] = [0, 0, 0, 0, 0];
    for (const { pulse, offsetPs, weight } of this.numbered()) {
      s += weight;
      sn += weight * pulse;
      snn += weight * pulse * pulse;
      sd += weight * offsetPs;
      snd += weight * pulse * offsetPs;
    }
    const spread = s * snn - sn * sn;
    const slope = spread > 0 ? (s * snd - sn * sd) / spread : 0;
    const level = s > 0 ? (sd - slope * sn) / s : 0;
    const period = first.period + slope;
    const offsetPs = first.fraction + level - first.pulse * period;
    return {
      offsetPs,
      anchor: first.time,
      driftOf: (nominal: number) => period / nominal - 1,
      /** By pulse times at their nominal period. */
      trackOf: (nominal: number) =>
        trackReport(
          this.numbered().map(({ pulse, offsetPs }) => ({ at: (pulse + first.pulse) * nominal, offsetPs })),
          { offset: level - slope * first.pulse, drift: slope / nominal },
        ),
    };
  }

  /** Pulse numbers move by `shift`: Alice told which pulse slot 0 is. */
  renumber(shift: number): void {
    this.clock.pulse += shift;
    this.firstClock.pulse += shift;
  }

  /** Statistics of what was gated since the last call. */
  statistics(): GateStatistics {
    const { inside, outside, bins, binPs, halfWidth } = this;
    const histogram = this.delays.map((_, d) => [...this.histogram.subarray(d * bins, (d + 1) * bins)]);
    const outer = histogram.reduce((sum, counts) => {
      const edge = counts.filter((_, bin) => Math.abs((bin + 0.5 - bins / 2) * binPs) > 1.2 * halfWidth);
      return edge.length > 0 ? sum + edge.reduce((total, n) => total + n, 0) / (edge.length * binPs) : sum;
    }, 0);
    const result: GateStatistics = {
      halfWidthPs: halfWidth,
      binPs,
      histogram,
      inside,
      outside,
      background: Math.round(outer * 2 * halfWidth),
    };
    this.histogram.fill(0);
    this.inside = 0;
    this.outside = 0;
    return result;
  }

  /** The track where pulse numbers are known. */
  private numbered(): { pulse: number; offsetPs: number; weight: number }[] {
    const { period } = this.firstClock;
    return this.track.flatMap(({ pulse, offsetPs, weight, stretch: { shift } }) =>
      shift === undefined ? [] : [{ pulse: pulse + shift, offsetPs: offsetPs - shift * period, weight }],
    );
  }

  /** The clock is seen again after it was lost: a new filter, its pulse numbers open. */
  private restart(seen: Measured, reach: number): void {
    const filter = this.filter.copy();
    filter.predict(seen.at);
    const { at, drift, rate } = filter.state;
    const { sigmas } = filter;
    const measured = Number.isFinite(seen.driftVariance);
    this.filter = new ClockFilter(
      {
        at,
        offset: offsetAt(seen.state, at) + seen.offset,
        drift: measured ? seen.state.drift + seen.state.rate * (at - seen.state.at) + seen.drift : drift,
        rate,
      },
      {
        offset: Math.sqrt(seen.offsetVariance),
        drift: measured ? Math.sqrt(seen.driftVariance) : sigmas.drift,
        rate: sigmas.rate,
      },
    );
    this.stretch = { reach: this.stretch.reach + reach, shift: undefined };
    this.corrected(seen);
  }

  private correct(seen: Measured): void {
    const { filter } = this;
    filter.predict(seen.at);
    filter.seeOffset(offsetAt(seen.state, seen.at) + seen.offset - filter.state.offset, seen.offsetVariance);
    if (Number.isFinite(seen.driftVariance)) {
      const drift = seen.state.drift + seen.state.rate * (seen.at - seen.state.at) + seen.drift;
      filter.seeDrift(drift - filter.state.drift, seen.driftVariance);
    }
    // Not where light came back: what is seen first there is half noise.
    this.noted(seen);
    this.corrected(seen);
  }

  /** For the report: where the detections say a pulse is, against the first clock. */
  private noted(seen: Measured): void {
    const { clock, firstClock } = this;
    const k = (seen.at - clock.fraction) / clock.period;
    const relative = clock.pulse - firstClock.pulse + k;
    const now = Number(clock.time - firstClock.time) + clock.fraction - firstClock.fraction;
    const delta = now + k * clock.period + offsetAt(seen.state, seen.at) + seen.offset - relative * firstClock.period;
    this.track.push({ pulse: relative, offsetPs: delta, weight: seen.counted, stretch: this.stretch });
    thin(this.track);
  }

  /** The line that detections are numbered by takes over what the filter knows. */
  private corrected(seen: Measured): void {
    const { clock, filter } = this;
    const { offset, drift } = filter.fold();
    clock.fraction += offset - drift * (seen.at - clock.fraction);
    clock.period *= 1 + drift;
    const share = seen.counted / seen.size;
    this.share = this.share > 0 ? 0.8 * this.share + 0.2 * share : share;
  }

  private moveAnchor(last: number): void {
    const { clock } = this;
    const k = Math.floor((last - clock.fraction) / clock.period);
    if (!(k > 0)) return;
    const step = k * clock.period + clock.fraction;
    const whole = Math.floor(step);
    clock.time += BigInt(whole);
    clock.fraction = step - whole;
    clock.pulse += k;
    this.filter.shift(whole);
    this.pending = this.pending.map((t) => t - whole);
  }
}
