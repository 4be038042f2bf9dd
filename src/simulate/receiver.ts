/**
 * A set of detectors and their tagger, event by event in the end's own time: jitter, delay, dead time of each detector
 * (non-paralysable), dark counts, background, afterpulses. Photons come from the source in order of time; the rest
 * is drawn here between them. Recorded events wait in a short buffer until no earlier one can come.
 */
import type { Simulation } from "../link.js";
import type { Generator } from "./generator.js";

/** Recorded events in order of time; parallel arrays, valid up to `length`. */
export interface Recorded {
  /** Whole picoseconds of the end's own clock. */
  readonly time: Float64Array;
  /** Index in the link's list of detectors, or `clockMark`. */
  readonly detector: Uint8Array;
  /** Pulse or pair of the photon; −1 for a dark count, background or an afterpulse. */
  readonly origin: Float64Array;
  /** Photons that the pulse held at the source; 0 for noise. */
  readonly photons: Uint8Array;
  length: number;
}

export const clockMark = 255;

/** Leaves out, in place, what falls into a pause of the tagger. */
export function withoutPauses(events: Recorded, pauses: Simulation["pauses"], end: "alice" | "bob"): Recorded {
  const own = pauses.filter((pause) => pause.end === end);
  if (own.length === 0) return events;
  const { time, detector, origin, photons } = events;
  let kept = 0;
  for (let i = 0; i < events.length; i++) {
    const seconds = time[i]! / 1e12;
    if (own.some(({ fromSeconds, toSeconds }) => seconds >= fromSeconds && seconds < toSeconds)) continue;
    time[kept] = time[i]!;
    detector[kept] = detector[i]!;
    origin[kept] = origin[i]!;
    photons[kept++] = photons[i]!;
  }
  events.length = kept;
  return events;
}

export interface ReceiverSettings {
  readonly detectors: number;
  readonly delaysPs: readonly number[];
  readonly simulation: Simulation;
  /** The tagger runs from 0 to here, own time, ps. */
  readonly untilPs: number;
}

export class Receiver {
  readonly counts = { photons: 0, noise: 0, afterpulses: 0, lostToDeadTime: 0, clock: 0 };
  private readonly deadUntil: Float64Array;
  private readonly noiseMean: number;
  private nextNoise: number;
  /** Afterpulses to come, a handful at a time: [time, detector]. */
  private readonly pending: [number, number][] = [];
  private nextPending = Number.POSITIVE_INFINITY;
  private events: Recorded = allocate(1 << 14);

  constructor(
    private readonly settings: ReceiverSettings,
    private readonly random: Generator,
  ) {
    const { simulation, detectors } = settings;
    const rate = simulation.darkCountsHz * detectors + simulation.backgroundHz;
    this.deadUntil = new Float64Array(detectors).fill(Number.NEGATIVE_INFINITY);
    this.noiseMean = rate > 0 ? 1e12 / rate : Number.POSITIVE_INFINITY;
    this.nextNoise = rate > 0 ? random.exponential(this.noiseMean) : Number.POSITIVE_INFINITY;
  }

  /** A photon absorbed at `time` (own clock, before delay and jitter). True if the tagger recorded it. */
  photon(time: number, detector: number, origin: number, photons: number): boolean {
    this.advance(time);
    const seen = time + this.settings.delaysPs[detector]! + this.settings.simulation.jitterPs * this.random.gaussian();
    return this.click(seen, detector, origin, photons);
  }

  /** An event of the source's clock: no detector, no dead time. */
  clock(time: number): void {
    this.record(time, clockMark, -1, 0);
    this.counts.clock++;
  }

  /** Draws noise and afterpulses up to `time`. */
  advance(time: number): void {
    while (this.nextNoise < time || this.nextPending < time) {
      if (this.nextNoise <= this.nextPending) {
        const at = this.nextNoise;
        this.nextNoise = at + this.random.exponential(this.noiseMean);
        // background photons and dark counts fall on any detector alike
        this.click(at, Math.floor((1 - this.random.uniform()) * this.settings.detectors), -1, 0);
      } else {
        const next = this.pending.findIndex(([at]) => at === this.nextPending);
        const [[at, detector]] = this.pending.splice(next, 1) as [[number, number]];
        this.nextPending = this.pending.reduce((least, [t]) => Math.min(least, t), Number.POSITIVE_INFINITY);
        if (this.click(at, detector, -1, 0)) {
          this.counts.afterpulses++;
          this.counts.noise--;
        }
      }
    }
  }

  /** Gives the recorded events before `time` to `use`, in order, and forgets them. */
  async flush(time: number, use: (events: Recorded) => Promise<void> | void): Promise<void> {
    const events = this.events;
    sortByTime(events);
    let ready = events.length;
    while (ready > 0 && events.time[ready - 1]! >= time) ready--;
    let first = 0;
    while (first < ready && events.time[first]! < 0) first++;
    let last = ready;
    while (last > first && events.time[last - 1]! > this.settings.untilPs) last--;
    if (last > first) await use(slice(events, first, last));
    const rest = slice(events, ready, events.length);
    events.time.set(rest.time);
    events.detector.set(rest.detector);
    events.origin.set(rest.origin);
    events.photons.set(rest.photons);
    events.length = rest.length;
  }

  private click(time: number, detector: number, origin: number, photons: number): boolean {
    const { simulation } = this.settings;
    if (time < this.deadUntil[detector]!) {
      this.counts.lostToDeadTime++;
      return false;
    }
    this.deadUntil[detector] = time + simulation.deadTimePs;
    this.record(time, detector, origin, photons);
    if (origin >= 0) this.counts.photons++;
    else this.counts.noise++;
    if (simulation.afterpulse > 0 && this.random.chance(simulation.afterpulse)) {
      const at = time + simulation.deadTimePs + this.random.exponential(simulation.afterpulseDecayPs);
      this.pending.push([at, detector]);
      if (at < this.nextPending) this.nextPending = at;
    }
    return true;
  }

  private record(time: number, detector: number, origin: number, photons: number): void {
    if (this.events.length === this.events.time.length) this.events = grow(this.events);
    const events = this.events;
    const i = events.length++;
    events.time[i] = Math.round(time);
    events.detector[i] = detector;
    events.origin[i] = origin;
    events.photons[i] = photons;
  }
}

function allocate(size: number): Recorded {
  return {
    time: new Float64Array(size),
    detector: new Uint8Array(size),
    origin: new Float64Array(size),
    photons: new Uint8Array(size),
    length: 0,
  };
}

function grow(events: Recorded): Recorded {
  const larger = allocate(events.time.length * 2);
  larger.time.set(events.time);
  larger.detector.set(events.detector);
  larger.origin.set(events.origin);
  larger.photons.set(events.photons);
  larger.length = events.length;
  return larger;
}

function slice(events: Recorded, from: number, to: number): Recorded {
  return {
    time: events.time.slice(from, to),
    detector: events.detector.slice(from, to),
    origin: events.origin.slice(from, to),
    photons: events.photons.slice(from, to),
    length: to - from,
  };
}

/** Insertion sort: events are out of order by jitter and delays only, so it is linear. Stable. */
function sortByTime({ time, detector, origin, photons, length }: Recorded): void {
  for (let i = 1; i < length; i++) {
    const t = time[i]!;
    if (time[i - 1]! <= t) continue;
    const [d, o, p] = [detector[i]!, origin[i]!, photons[i]!];
    let j = i;
    for (; j > 0 && time[j - 1]! > t; j--) {
      time[j] = time[j - 1]!;
      detector[j] = detector[j - 1]!;
      origin[j] = origin[j - 1]!;
      photons[j] = photons[j - 1]!;
    }
    time[j] = t;
    detector[j] = d;
    origin[j] = o;
    photons[j] = p;
  }
}
