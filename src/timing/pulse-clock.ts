/**
 * The clock (c, P) of a pulse train as detections correct it: a line that they are numbered by, and a filter of what is
 * known beyond it. Times are taken relative to an anchor that moves along, so that float64 stays exact however long the
 * dump (FORMATS.md: never a time through float64).
 */
import { ClockFilter, offsetAt } from "./clock-filter.js";
import type { Measured } from "./pulse-measure.js";

/** A pulse's middle: number and time. */
export interface PulseClock {
  /** Anchor: middle of pulse `pulse` is at `time` + `fraction` ps. */
  time: bigint;
  fraction: number;
  pulse: number;
  period: number;
}

/** The filter's sigmas within which a lost clock is: beyond half a period pulse numbers are open. */
const lostSigmas = 6;
/** Uncertainty of the clock that the train was found with. */
const firstSigmas = { offset: 3000, drift: 2e-7, rate: 1e-17 };

export class FollowedClock implements PulseClock {
  time: bigint;
  fraction: number;
  pulse: number;
  period: number;
  filter: ClockFilter;

  constructor(start: PulseClock) {
    ({ time: this.time, fraction: this.fraction, pulse: this.pulse, period: this.period } = start);
    this.filter = new ClockFilter({ at: start.fraction, offset: 0, drift: 0, rate: 0 }, firstSigmas);
  }

  /** Pulses by which numbers may be off at a time; 0 where they are known. */
  unsure(time: number): number {
    const ahead = this.filter.copy();
    ahead.predict(time);
    const reach = lostSigmas * ahead.sigmas.offset;
    return reach > this.period / 2 ? Math.ceil(reach / this.period) : 0;
  }

  correct(seen: Measured): void {
    const { filter } = this;
    filter.predict(seen.at);
    filter.seeOffset(offsetAt(seen.state, seen.at) + seen.offset - filter.state.offset, seen.offsetVariance);
    if (Number.isFinite(seen.driftVariance)) {
      const drift = seen.state.drift + seen.state.rate * (seen.at - seen.state.at) + seen.drift;
      filter.seeDrift(drift - filter.state.drift, seen.driftVariance);
    }
    this.fold(seen.at);
  }

  /** The clock is seen again after it was lost: a new filter, its pulse numbers open. */
  restart(seen: Measured): void {
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
    this.fold(seen.at);
  }

  /** Moves the anchor to the last pulse before a time. @returns by how much */
  moveAnchor(last: number): number {
    const k = Math.floor((last - this.fraction) / this.period);
    if (!(k > 0)) return 0;
    const step = k * this.period + this.fraction;
    const whole = Math.floor(step);
    this.time += BigInt(whole);
    this.fraction = step - whole;
    this.pulse += k;
    this.filter.shift(whole);
    return whole;
  }

  /** The line that detections are numbered by takes over what the filter knows. */
  private fold(at: number): void {
    const { offset, drift } = this.filter.fold();
    this.fraction += offset - drift * (at - this.fraction);
    this.period *= 1 + drift;
  }
}
