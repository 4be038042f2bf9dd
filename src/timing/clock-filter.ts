/**
 * A clock followed by a Kalman filter of three states: offset, its rate (drift), and the rate's change, which a pass
 * overhead needs. The noise put in is what a wandering crystal and a harsh pass do; where nothing is seen the uncertainty
 * grows, and with it the range in which the clock is searched again.
 */

export interface ClockState {
  /** Time of the state; offset ps, drift, and its change a picosecond. */
  readonly at: number;
  readonly offset: number;
  readonly drift: number;
  readonly rate: number;
}

export interface ClockSigmas {
  readonly offset: number;
  readonly drift: number;
  readonly rate: number;
}

/** Change of the rate of change: 2 ppm/s after a second, growing as its root. */
const jerkNoise = 2e-18 ** 2 / 1e12;
/** White frequency noise: 300 ps after a second. */
const frequencyNoise = 300 ** 2 / 1e12;

export class ClockFilter {
  private at = 0;
  private offset = 0;
  private drift = 0;
  private rate = 0;
  /** Covariance: oo, od, or, dd, dr, rr. */
  private p: [number, number, number, number, number, number] = [0, 0, 0, 0, 0, 0];

  constructor(start: ClockState, sigmas: ClockSigmas) {
    ({ at: this.at, offset: this.offset, drift: this.drift, rate: this.rate } = start);
    this.p = [sigmas.offset ** 2, 0, 0, sigmas.drift ** 2, 0, sigmas.rate ** 2];
  }

  get state(): ClockState {
    const { at, offset, drift, rate } = this;
    return { at, offset, drift, rate };
  }

  get sigmas(): ClockSigmas {
    return { offset: Math.sqrt(this.p[0]), drift: Math.sqrt(this.p[3]), rate: Math.sqrt(this.p[5]) };
  }

  copy(): ClockFilter {
    const copy = new ClockFilter(this.state, this.sigmas);
    copy.p = [...this.p];
    return copy;
  }

  /** Hands offset and drift over to the line that it is counted from; the change of the drift stays. */
  fold(): { offset: number; drift: number } {
    const { offset, drift } = this;
    this.offset = 0;
    this.drift = 0;
    return { offset, drift };
  }

  /** Moves the origin of times. */
  shift(by: number): void {
    this.at -= by;
  }

  /** Forward or back. */
  predict(to: number): void {
    const t = to - this.at;
    const h = (t * t) / 2;
    this.at = to;
    this.offset += this.drift * t + this.rate * h;
    this.drift += this.rate * t;
    const [oo, od, or, dd, dr, rr] = this.p;
    const q = jerkNoise * Math.abs(t);
    const t2 = t * t;
    this.p = [
      oo +
        2 * t * od +
        2 * h * or +
        t2 * dd +
        2 * t * h * dr +
        h * h * rr +
        (q * t2 * t2) / 20 +
        frequencyNoise * Math.abs(t),
      od + t * or + t * dd + (t2 + h) * dr + t * h * rr + (q * t2 * t) / 8,
      or + t * dr + h * rr + (q * t2) / 6,
      dd + 2 * t * dr + t2 * rr + (q * t2) / 3,
      dr + t * rr + (q * t) / 2,
      rr + q,
    ];
  }

  /** Offset seen at the filter's time, less the prediction. */
  seeOffset(residual: number, variance: number): void {
    const [oo, od, or] = this.p;
    this.update([oo, od, or], oo + variance, residual);
  }

  /** Drift seen at the filter's time, less the prediction. */
  seeDrift(residual: number, variance: number): void {
    const [, od, , dd, dr] = this.p;
    this.update([od, dd, dr], dd + variance, residual);
  }

  private update([a, b, c]: readonly [number, number, number], total: number, residual: number): void {
    const [ka, kb, kc] = [a / total, b / total, c / total];
    this.offset += ka * residual;
    this.drift += kb * residual;
    this.rate += kc * residual;
    const [oo, od, or, dd, dr, rr] = this.p;
    this.p = [oo - ka * a, od - ka * b, or - ka * c, dd - kb * b, dr - kb * c, rr - kc * c];
  }
}

/** Where a state puts the offset at another time. */
export function offsetAt(state: ClockState, time: number): number {
  const t = time - state.at;
  return state.offset + t * (state.drift + (t * state.rate) / 2);
}
