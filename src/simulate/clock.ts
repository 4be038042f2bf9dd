/**
 * Bob's clock against Alice's:
 *   t_bob = offset + t (1 + drift) + wander sin 2π(0.7 Hz·t + φ) + A (1 − cos 2πft)/(2πf) + Doppler (t − t²/S)
 * A is the amplitude of the slow change of the drift, f its frequency, S the length of the acquisition.
 */
import type { Simulation } from "../link.js";
import type { Generator } from "./generator.js";
import { sinTurns } from "./math.js";

const wanderHz = 0.7;
const second = 1e12;

export interface ClockTruth {
  readonly offsetPs: string;
  readonly referencePs: "0";
  readonly driftPpb: number;
  readonly definition: string;
  /** The line's parameters before wander, drift changes and Doppler. */
  readonly drawn: { readonly offsetPs: number; readonly driftPpb: number };
  readonly track: readonly { readonly seconds: number; readonly offsetPs: string }[];
}

export class BobClock {
  readonly offset: number;
  readonly drift: number;
  private readonly phase: number;
  private readonly wander: number;
  private readonly changeRate: number;
  private readonly changeAmplitude: number;
  private readonly doppler: number;

  constructor(
    settings: Simulation,
    private readonly durationPs: number,
    random: Generator,
  ) {
    const reach = Math.min(second, durationPs / 4);
    const [u, v, w] = [random.uniform(), random.uniform(), random.uniform()];
    this.offset = settings.offsetPs ?? Math.round((2 * u - 1) * reach);
    this.drift = (settings.driftPpb ?? (2 * v - 1) * 10_000) * 1e-9;
    this.phase = w;
    this.wander = settings.wanderPs;
    this.changeRate = settings.driftWanderHz / second;
    this.changeAmplitude = (settings.driftWanderPpb * 1e-9) / (2 * Math.PI * this.changeRate);
    this.doppler = settings.dopplerPpm * 1e-6;
  }

  /** What is added to t, ps. */
  shift(t: number): number {
    let shift = this.offset + t * this.drift;
    if (this.wander !== 0)
      shift += this.wander * (sinTurns((t / second) * wanderHz + this.phase) - sinTurns(this.phase));
    if (this.changeAmplitude !== 0) shift += this.changeAmplitude * (1 - sinTurns(t * this.changeRate + 0.25));
    if (this.doppler !== 0) shift += this.doppler * (t - (t / this.durationPs) * t);
    return shift;
  }

  toBob(t: number): number {
    return t + this.shift(t);
  }

  /** Inverse: the constant drift divided out, then fixed-point steps that gain four digits each (Doppler < 10⁻⁴). */
  toAlice(bob: number): number {
    let t = (bob - this.offset) / (1 + this.drift);
    for (let step = 0; step < 3; step++) t = bob - this.shift(t);
    return t;
  }

  /** Least-squares line over [from, to] of Alice's time: the mean offset and drift of the acquisition. */
  truth(from: number, to: number, firstDelay: number, definition: string): ClockTruth {
    const points = 200;
    const at = Array.from({ length: points + 1 }, (_, i) => from + ((to - from) * i) / points);
    const rest = at.map((t) => this.shift(t) - this.offset - t * this.drift);
    const meanT = at.reduce((sum, t) => sum + t, 0) / at.length;
    const meanR = rest.reduce((sum, r) => sum + r, 0) / at.length;
    let [cross, square] = [0, 0];
    for (const [i, t] of at.entries()) {
      cross += (t - meanT) * (rest[i]! - meanR);
      square += (t - meanT) ** 2;
    }
    const slope = square > 0 ? cross / square : 0;
    return {
      offsetPs: String(Math.round(this.offset + firstDelay + meanR - slope * meanT)),
      referencePs: "0",
      driftPpb: (this.drift + slope) * 1e9,
      definition,
      drawn: { offsetPs: this.offset, driftPpb: this.drift * 1e9 },
      track: at.map((t) => ({ seconds: t / second, offsetPs: this.shift(t).toFixed(1) })),
    };
  }
}
