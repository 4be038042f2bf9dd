/**
 * Slots from times: n = round((t − delay_d − c)/P) with a clock (c, P) that follows the detections. Times are taken
 * relative to an anchor that moves along, so that float64 stays exact however long the dump (FORMATS.md: never a time
 * through float64).
 */
import type { DetectorBatch } from "./events.js";
import { clockIndex } from "./events.js";
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
}

/** The clock is corrected after this many gated detections, or this long. */
const trackDetections = 200;
const trackPs = 5e10;
/**
 * A correction needs more gated detections than a flat background puts there, by this many sigmas: on noise alone (source
 * off, light cut) the clock runs on unchanged. What has not reached that after `forgetPs` is forgotten.
 */
const trackSigmas = 3;
const forgetPs = 1e12;
/** Share of the measured deviation that a correction takes, and the share that goes to the period. */
const phaseGain = 0.7;
const periodGain = 0.15;

export function emptyGated(): GatedBatch {
  return {
    length: 0,
    slot: new Float64Array(0),
    detector: new Uint8Array(0),
    time: new Float64Array(0),
    anchorStep: 0,
  };
}

export class PulseTracker {
  readonly histogram: Float64Array[];
  readonly binPs: number;
  inside = 0;
  outside = 0;
  /** Sums for the mean clock over the acquisition: Σ1, Σn, Σn², Σδ, Σnδ with δ against the first clock. */
  private readonly fit = new Float64Array(5);
  private readonly firstClock: PulseClock;
  private readonly track: { pulse: number; offsetPs: number }[] = [];
  private deviation = 0;
  private counted = 0;
  /** Detections in and out of the gate since the last correction. */
  private passed = 0;
  private since = 0;
  private lastAnchor: bigint;

  constructor(
    readonly clock: PulseClock,
    /** Per detector, ps after the first of the list. */
    readonly delays: readonly number[],
    readonly halfWidth: number,
    bins = 64,
  ) {
    this.firstClock = { ...clock };
    this.lastAnchor = clock.time;
    const reach = Math.min(clock.period / 2, 2 * halfWidth);
    this.binPs = (2 * reach) / bins;
    this.histogram = delays.map(() => new Float64Array(bins));
  }

  gate(batch: DetectorBatch, out: GatedBatch): void {
    const { clock, delays, halfWidth, binPs } = this;
    const size = batch.dt.length;
    if (out.slot.length < size) {
      out.slot = new Float64Array(size);
      out.detector = new Uint8Array(size);
      out.time = new Float64Array(size);
    }
    out.anchorStep = Number(clock.time - this.lastAnchor);
    this.lastAnchor = clock.time;
    const anchor = clock.time;
    const shift = Number(batch.base - anchor);
    let origin = clock.fraction;
    let n = 0;
    const half = this.histogram[0]!.length / 2;
    for (let i = 0; i < size; i++) {
      const d = batch.detector[i]!;
      if (d === clockIndex) continue;
      const time = shift + batch.dt[i]!;
      const t = time - delays[d]! - origin;
      const k = Math.round(t / clock.period);
      const residual = t - k * clock.period;
      const bin = Math.floor(residual / binPs + half);
      if (bin >= 0 && bin < 2 * half) this.histogram[d]![bin]!++;
      out.detector[n] = d;
      out.time[n] = time;
      // Before the stretch that the clock was found on it is only extended, not corrected.
      const follow = clock.pulse + k >= this.firstClock.pulse;
      if (follow) this.passed++;
      if (Math.abs(residual) <= halfWidth) {
        out.slot[n] = clock.pulse + k;
        this.inside++;
        if (follow) {
          this.deviation += residual;
          this.counted++;
          if (this.counted >= trackDetections || t - this.since > trackPs) {
            if (this.aboveNoise()) {
              this.correct(t, k);
              origin = clock.fraction;
              this.forget(time - origin);
            } else if (t - this.since > forgetPs) this.forget(t);
          }
        }
      } else {
        out.slot[n] = Number.NaN;
        this.outside++;
      }
      n++;
    }
    out.length = n;
    this.moveAnchor(shift + (batch.dt[size - 1] ?? 0));
  }

  /** Offset of pulse 0 and period over all that was gated, from a straight line through the corrections. */
  meanClock(): { offsetPs: number; anchor: bigint; driftOf(nominal: number): number } {
    const [s, sn, snn, sd, snd] = this.fit as unknown as [number, number, number, number, number];
    const first = this.firstClock;
    const spread = s * snn - sn * sn;
    const slope = spread > 0 ? (s * snd - sn * sd) / spread : 0;
    const level = s > 0 ? (sd - slope * sn) / s : 0;
    const period = first.period + slope;
    const offsetPs = first.fraction + level - first.pulse * period;
    return { offsetPs, anchor: first.time, driftOf: (nominal) => period / nominal - 1 };
  }

  /** Pulse numbers move by `shift`: Alice told which pulse slot 0 is. */
  renumber(shift: number): void {
    this.clock.pulse += shift;
    this.firstClock.pulse += shift;
  }

  /** Statistics of what was gated since the last call. */
  statistics(): GateStatistics {
    const { inside, outside, histogram, binPs, halfWidth } = this;
    const bins = histogram[0]!.length;
    const outer = histogram.reduce((sum, counts) => {
      const edge = counts.filter((_, bin) => Math.abs((bin + 0.5 - bins / 2) * binPs) > 1.2 * halfWidth);
      return edge.length > 0 ? sum + edge.reduce((total, n) => total + n, 0) / (edge.length * binPs) : sum;
    }, 0);
    const result: GateStatistics = {
      halfWidthPs: halfWidth,
      binPs,
      histogram: histogram.map((counts) => [...counts]),
      inside,
      outside,
      background: Math.round(outer * 2 * halfWidth),
      track: this.trackPoints(),
    };
    for (const counts of histogram) counts.fill(0);
    this.inside = 0;
    this.outside = 0;
    return result;
  }

  trackPoints(limit = 400): { seconds: number; offsetPs: number }[] {
    const step = Math.max(1, Math.ceil(this.track.length / limit));
    return this.track
      .filter((_, i) => i % step === 0)
      .map(({ pulse, offsetPs }) => ({ seconds: (pulse * this.firstClock.period) / 1e12, offsetPs }));
  }

  private aboveNoise(): boolean {
    const share = Math.min(1, (2 * this.halfWidth) / this.clock.period);
    const flat = this.passed * share;
    return this.counted >= flat + trackSigmas * Math.sqrt(flat * (1 - share)) && this.counted > trackSigmas;
  }

  private forget(now: number): void {
    this.deviation = 0;
    this.counted = 0;
    this.passed = 0;
    this.since = now;
  }

  private correct(t: number, k: number): void {
    const { clock, firstClock } = this;
    const mean = this.deviation / this.counted;
    const pulsesSince = Math.max(1, (t - this.since) / clock.period);
    // Where the detections say pulse clock.pulse + k is, against the first clock.
    const relative = clock.pulse - firstClock.pulse + k;
    const now = Number(clock.time - firstClock.time) + clock.fraction - firstClock.fraction;
    const seen = now + k * clock.period + mean;
    const delta = seen - relative * firstClock.period;
    const weight = this.counted;
    const values = [weight, weight * relative, weight * relative * relative, weight * delta, weight * relative * delta];
    values.forEach((value, i) => {
      this.fit[i]! += value;
    });
    this.track.push({ pulse: relative, offsetPs: delta });
    if (this.track.length > 20_000)
      this.track.splice(0, this.track.length, ...this.track.filter((_, i) => i % 2 === 0));
    const before = clock.period;
    clock.period += (periodGain * mean) / pulsesSince;
    // The period turns about the pulse just seen, not about the anchor.
    clock.fraction += phaseGain * mean - k * (clock.period - before);
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
    this.since -= k * clock.period;
  }
}
