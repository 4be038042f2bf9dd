/**
 * Prepare and measure: attenuated laser pulses (Poisson photon numbers), or a single-photon source (one photon with
 * probability `mean`), through a lossy channel to Bob's detectors.
 *
 * Of a Poisson number of photons with mean μ, each detected with probability η, the detected and the lost ones are
 * independent Poisson numbers with means μη and μ(1 − η). So only pulses with a detected photon are visited: the next
 * candidate is a geometric step at the strongest intensity's 1 − e^(−μη), thinned by the pulse's own. Cost: one random
 * word for two pulses' preparation and ~30 for a click. Memory: two chunks of the record and the events of one.
 */
import { interrupted } from "../errors.js";
import type { Link, Simulation } from "../link.js";
import { BobClock } from "./clock.js";
import type { DumpFile, OutputFile } from "./dump-file.js";
import { Generator } from "./generator.js";
import { exp, ln, lnOneMinus, oneMinusExp } from "./math.js";
import { PreparedTruth } from "./prepared-truth.js";
import { clockMark, Receiver, type Recorded, withoutPauses } from "./receiver.js";
import { nibbleAt, PulseSource } from "./source.js";

const chunk = 1 << 20;

export interface PreparedRun {
  readonly link: Link;
  readonly simulation: Simulation;
  readonly seed: number | bigint;
  readonly seconds: number;
  readonly alice: OutputFile;
  readonly bob: DumpFile;
  onProgress?(done: number, total: number): void;
  readonly signal?: AbortSignal | undefined;
}

export async function runPrepareAndMeasure(run: PreparedRun): Promise<Record<string, unknown>> {
  const { link, simulation, seed } = run;
  const source = link.source!;
  const detectors = link.bob.detectors!;
  const period = source.pulsePeriodPs;
  const pulses = Math.floor((run.seconds * 1e12) / period);
  const single = link.protocol === "bb84-single-photon";
  const efficiency = simulation.efficiency.bob * exp((-simulation.lossDb / 10) * ln(10));
  const means = source.intensities.map((i) => i.mean);
  const clicks = means.map((mean) => (single ? mean * efficiency : oneMinusExp(mean * efficiency)));
  const strongest = Math.max(...clicks);
  const lnMiss = strongest < 1 ? lnOneMinus(strongest) : Number.NEGATIVE_INFINITY;

  const clock = new BobClock(simulation, pulses * period, new Generator(seed, "clock"));
  const bobEnd = clock.toBob(pulses * period) + 1e9;
  const delays = detectors.map((_, i) => simulation.delaysPs[i] ?? 0);
  const settings = { detectors: detectors.length, delaysPs: delays, simulation, untilPs: bobEnd };
  const receiver = new Receiver(settings, new Generator(seed, "bob detectors"));
  const random = new Generator(seed, "channel");
  const clockRandom = new Generator(seed, "clock channel");
  const preparation = new PulseSource(link, new Generator(seed, "alice source"));
  const choice = new BasisChoice(link, simulation, random);
  const truth = new PreparedTruth(link, clock, delays, pulses, efficiency, new Generator(seed, "truth"));

  const clockChannel = link.bob.clockChannel;
  const codes = Uint8Array.from(detectors, (d) => d.channel);
  let nextClock = clockChannel ? 0 : Number.POSITIVE_INFINITY;
  const clockUpTo = (pulse: number) => {
    for (; nextClock < pulse; nextClock += clockChannel!.everyPulses)
      if (nextClock === 0 || !clockRandom.chance(simulation.clockMissing))
        receiver.clock(clock.toBob(nextClock * period) + simulation.clockDelayPs);
  };
  const write = async (recorded: Recorded) => {
    const events = withoutPauses(recorded, simulation.pauses, "bob");
    truth.add(events);
    const code = events.detector.map((d) => (d === clockMark ? clockChannel!.channel : codes[d]!));
    await run.bob.write(events.time, code, events.length);
  };

  const step = () => (strongest > 0 ? Math.floor(ln(random.uniform()) / lnMiss) : Number.POSITIVE_INFINITY);
  let next = step();
  for (let from = 0; from < pulses; from += chunk) {
    if (run.signal?.aborted) throw interrupted();
    const count = Math.min(chunk, pulses - from);
    const record = new Uint8Array(Math.ceil(count / 2));
    preparation.fill(record);
    if (count % 2 === 1) record[record.length - 1]! &= 15;
    await run.alice.write(record);
    truth.prepared(record, from, count);
    for (; next < from + count; next += 1 + step()) {
      const prepared = nibbleAt(record, next - from);
      const intensity = prepared >>> 2;
      const chance = clicks[intensity]!;
      if (chance < strongest && !random.chance(chance / strongest)) continue;
      const mean = means[intensity]!;
      const detected = single ? 1 : random.poisson(mean * efficiency, 1);
      const photons = single ? 1 : Math.min(255, detected + random.poisson(mean * (1 - efficiency)));
      clockUpTo(next);
      const arrival = clock.toBob(next * period);
      choice.nextPulse();
      for (let photon = 0; photon < detected; photon++) {
        const detector = choice.detector((prepared >>> 1) & 1, prepared & 1);
        if (detector >= 0) receiver.photon(arrival, detector, next, photons);
      }
    }
    clockUpTo(from + count);
    const end = clock.toBob((from + count) * period);
    receiver.advance(end);
    await receiver.flush(end - 200_000, write);
    run.onProgress?.(from + count, pulses);
  }
  receiver.advance(bobEnd);
  await receiver.flush(Number.POSITIVE_INFINITY, write);
  return truth.result(receiver.counts);
}

/** Where a photon ends: Bob's basis, then the bit by the misalignment, or any in the other basis. */
export class BasisChoice {
  private readonly byBasis: readonly (readonly number[])[];
  private readonly shareZ: number;
  private readonly active: boolean;
  private readonly misalignment: readonly [number, number];
  private readonly detectors;
  private pulseBasis = 0;

  constructor(
    link: Link,
    simulation: Simulation,
    private readonly random: Generator,
    end: "alice" | "bob" = "bob",
  ) {
    this.detectors = link[end].detectors!;
    const of = (basis: string, bit: number) => this.detectors.findIndex((d) => d.basis === basis && d.bit === bit);
    this.byBasis = [
      [of("Z", 0), of("Z", 1)],
      [of("X", 0), of("X", 1)],
    ];
    this.shareZ = (simulation.receiverBasis ?? link.source?.basisProbability ?? { Z: 0.5 }).Z;
    this.active = simulation.receiver === "active";
    this.misalignment = [simulation.misalignment.Z, simulation.misalignment.X];
  }

  nextPulse(): void {
    if (this.active) this.pulseBasis = this.random.chance(this.shareZ) ? 0 : 1;
  }

  basis(): number {
    return this.active ? this.pulseBasis : this.random.chance(this.shareZ) ? 0 : 1;
  }

  /** Detector that a photon prepared as (basis, bit) ends in; −1 where the link has no such detector. */
  detector(basis: number, bit: number): number {
    const measured = this.basis();
    const flip = measured === basis ? this.misalignment[basis]! : 0.5;
    return this.byBasis[measured]![bit ^ (this.random.chance(flip) ? 1 : 0)]!;
  }

  at(basis: number, bit: number): number {
    return this.byBasis[basis]![bit]!;
  }
}
