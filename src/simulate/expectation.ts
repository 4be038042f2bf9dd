/**
 * What a described link is expected to count: the means behind the simulator, for planning and for its tests.
 *
 * A pulse reaches detector d with Poisson mean λ_d = μη·P(basis)·P(detector | state)·G, G the part of the jitter inside
 * the gate; noise adds ν_d = (dark + background/D + afterpulse·rate)·gate. A detector of raw rate r and dead time τ is
 * live for 1/(1 + rτ) of the time. Given the photons' basis the detectors click independently, which gives single,
 * double and cross clicks in closed form. Dead times that span only a few pulses are treated to first order.
 */
import { simulationDefaults } from "../link/simulation.js";
import type { Link, Simulation } from "../link.js";
import { erf } from "./math.js";

export interface ClickExpectation {
  /** Probabilities a pulse (bbm92: rates a second). */
  readonly single: number;
  readonly sifted: number;
  readonly errors: number;
  /** With multi-clicks kept at random bits, as the protocol does. */
  readonly kept: number;
  readonly keptErrors: number;
  readonly sameBasis: number;
  readonly crossBasis: number;
}

export interface PreparedExpectation {
  /** [intensity][0 = Z, 1 = X], given that the pulse was prepared so. */
  readonly byClass: readonly (readonly [ClickExpectation, ClickExpectation])[];
  /** Probability of a pulse with any accepted click. */
  readonly click: number;
  /** Recorded events a second of each detector. */
  readonly detectorHz: readonly number[];
}

export function expectPrepared(link: Link, lossDb?: number): PreparedExpectation {
  const simulation = link.simulation ?? simulationDefaults;
  const source = link.source!;
  const detectors = link.bob.detectors!;
  const single = link.protocol === "bb84-single-photon";
  const efficiency = simulation.efficiency.bob * 10 ** (-(lossDb ?? simulation.lossDb) / 10);
  const half = gateHalfWidth(link);
  const inside = within(half, simulation.jitterPs);
  const shareZ = (simulation.receiverBasis ?? source.basisProbability).Z;
  const shares = [shareZ, 1 - shareZ];
  const misalignment = [simulation.misalignment.Z, simulation.misalignment.X];
  const basisOf = detectors.map((d) => (d.basis === "Z" ? 0 : 1));

  /** Alternatives of where the photons go: weight and probability that each detector absorbs one (before the gate). */
  const alternatives = (mean: number, basis: number, bit: number) => {
    const aim = detectors.map((d, i) => {
      const flip = basisOf[i] === basis ? misalignment[basis]! : 0.5;
      return d.bit === bit ? 1 - flip : flip;
    });
    if (single) {
      const at = detectors.map((_, i) => mean * efficiency * shares[basisOf[i]!]! * aim[i]!);
      const none = 1 - at.reduce((sum, p) => sum + p, 0);
      return [
        { weight: none, absorb: detectors.map(() => 0) },
        ...at.map((weight, i) => ({ weight, absorb: detectors.map((_, j) => (i === j ? 1 : 0)) })),
      ];
    }
    const absorb = (share: (i: number) => number) =>
      detectors.map((_, i) => -Math.expm1(-mean * efficiency * share(i) * aim[i]!));
    if (simulation.receiver === "passive") return [{ weight: 1, absorb: absorb((i) => shares[basisOf[i]!]!) }];
    return shares.map((weight, chosen) => ({ weight, absorb: absorb((i) => (basisOf[i] === chosen ? 1 : 0)) }));
  };

  const classes = source.intensities.flatMap((intensity) =>
    [0, 1].map((basis) => ({
      share: (single ? 1 : intensity.probability) * (basis ? source.basisProbability.X : source.basisProbability.Z),
      bits: [0, 1].map((bit) => alternatives(intensity.mean, basis, bit)),
    })),
  );
  const pulseRate = 1e12 / source.pulsePeriodPs;
  const absorbed = detectors.map((_, i) =>
    classes.reduce(
      (sum, { share, bits }) =>
        sum + share * mean(bits.map((list) => list.reduce((s, { weight, absorb }) => s + weight * absorb[i]!, 0))),
      0,
    ),
  );
  const { live, noiseHz, recordedHz } = detectorRates(
    simulation,
    absorbed.map((p) => p * pulseRate),
    detectors.length,
  );
  const noise = noiseHz.map((hz) => -Math.expm1((-hz * 2 * half) / 1e12));

  const byClass = source.intensities.map((_, k) =>
    [0, 1].map((basis) => {
      const { bits } = classes[2 * k + basis]!;
      const parts = bits.flatMap((list, bit) =>
        list.map(({ weight, absorb }) => {
          const click = absorb.map((p, i) => live[i]! * (1 - (1 - p * inside) * (1 - noise[i]!)));
          return scale(
            patterns(
              click,
              basisOf,
              detectors.map((d) => d.bit),
              basis,
              bit,
            ),
            weight / 2,
          );
        }),
      );
      return parts.reduce(add);
    }),
  ) as unknown as [ClickExpectation, ClickExpectation][];
  const click = source.intensities.reduce(
    (sum, _, k) =>
      sum +
      [0, 1].reduce((s, basis) => {
        const { single: one, sameBasis, crossBasis } = byClass[k]![basis]!;
        return s + classes[2 * k + basis]!.share * (one + sameBasis + crossBasis);
      }, 0),
    0,
  );
  return { byClass, click, detectorHz: recordedHz };
}

export interface EntangledExpectation {
  /** Coincidences a second of each kind, sifted ones by basis. */
  readonly coincidences: number;
  readonly accidentals: number;
  readonly sifted: readonly [Z: number, X: number];
  readonly errors: readonly [Z: number, X: number];
  readonly singlesHz: { readonly alice: number; readonly bob: number };
}

export function expectEntangled(link: Link, lossDb?: number): EntangledExpectation {
  const simulation = link.simulation ?? simulationDefaults;
  const arm = 10 ** (-(lossDb ?? simulation.lossDb) / 10);
  const shareZ = (simulation.receiverBasis ?? { Z: 0.5 }).Z;
  const end = (name: "alice" | "bob") => {
    const detectors = link[name].detectors!;
    const photons = detectors.map(
      (d) => (simulation.pairRateHz * simulation.efficiency[name] * arm * (d.basis === "Z" ? shareZ : 1 - shareZ)) / 2,
    );
    const { live, recordedHz } = detectorRates(simulation, photons, detectors.length);
    const share = (basis: "Z" | "X") =>
      detectors.reduce((sum, d, i) => sum + (d.basis === basis ? recordedHz[i]! : 0), 0);
    return { live: mean(live), total: recordedHz.reduce((sum, r) => sum + r, 0), Z: share("Z"), X: share("X") };
  };
  const [alice, bob] = [end("alice"), end("bob")];
  const half = gateHalfWidth(link);
  const width = (2 * half) / 1e12;
  const pairs =
    simulation.pairRateHz *
    simulation.efficiency.alice *
    simulation.efficiency.bob *
    arm ** 2 *
    alice.live *
    bob.live *
    within(half, simulation.jitterPs * Math.SQRT2);
  // a pair is exclusive if no further event of either end falls in the window of its partner
  const alone = Math.exp(-(alice.total + bob.total) * width);
  const same = [shareZ ** 2, (1 - shareZ) ** 2];
  // nor is an accidental one whose events have their own partners
  const lonely = (1 - pairs / alice.total) * (1 - pairs / bob.total);
  const accidentalIn = [alice.Z * bob.Z * width * lonely, alice.X * bob.X * width * lonely];
  const misalignment = [simulation.misalignment.Z, simulation.misalignment.X];
  const sifted = [0, 1].map((b) => alone * (pairs * same[b]! + accidentalIn[b]!));
  const errors = [0, 1].map((b) => alone * (pairs * same[b]! * misalignment[b]! + accidentalIn[b]! / 2));
  return {
    coincidences: pairs + alice.total * bob.total * width,
    accidentals: alice.total * bob.total * width,
    sifted: sifted as [number, number],
    errors: errors as [number, number],
    singlesHz: { alice: alice.total, bob: bob.total },
  };
}

export function gateHalfWidth(link: Link): number {
  return link.window?.halfWidthPs ?? Math.min(1000, (link.source?.pulsePeriodPs ?? 2000) / 2);
}

/** Part of a normal jitter of deviation `sigma` inside ± half. */
function within(half: number, sigma: number): number {
  return sigma > 0 ? erf(half / (sigma * Math.SQRT2)) : 1;
}

/** Live share, noise and recorded rate of each detector from the photons it absorbs a second. */
function detectorRates(simulation: Simulation, photonsHz: readonly number[], count: number) {
  const own = simulation.darkCountsHz + simulation.backgroundHz / count;
  const dead = simulation.deadTimePs / 1e12;
  const recordedHz = photonsHz.map((photons) => {
    let recorded = photons + own;
    for (let round = 0; round < 20; round++) {
      const raw = photons + own + simulation.afterpulse * recorded;
      recorded = raw / (1 + raw * dead);
    }
    return recorded;
  });
  return {
    recordedHz,
    noiseHz: recordedHz.map((recorded) => own + simulation.afterpulse * recorded),
    live: recordedHz.map((recorded) => 1 - recorded * dead),
  };
}

/** Click patterns of independent detectors for a pulse prepared as (basis, bit). */
function patterns(
  click: readonly number[],
  basisOf: readonly number[],
  bitOf: readonly number[],
  basis: number,
  bit: number,
): ClickExpectation {
  const silent = click.map((p) => 1 - p);
  const all = silent.reduce((product, p) => product * p, 1);
  const one = click.map((p, i) => (p === 0 ? 0 : (all * p) / silent[i]!));
  const silentIn = [0, 1].map((b) => silent.reduce((product, p, i) => (basisOf[i] === b ? product * p : product), 1));
  const oneIn = [0, 1].map((b) => one.reduce((sum, p, i) => (basisOf[i] === b ? sum + p : sum), 0));
  const double = [0, 1].map((b) => (1 - silentIn[b]!) * silentIn[1 - b]! - oneIn[b]!);
  const cross = (1 - silentIn[0]!) * (1 - silentIn[1]!);
  const sifted = oneIn[basis]!;
  const errors = one.reduce((sum, p, i) => (basisOf[i] === basis && bitOf[i] !== bit ? sum + p : sum), 0);
  return {
    single: oneIn[0]! + oneIn[1]!,
    sifted,
    errors,
    kept: sifted + double[basis]! + cross / 2,
    keptErrors: errors + double[basis]! / 2 + cross / 4,
    sameBasis: double[0]! + double[1]!,
    crossBasis: cross,
  };
}

function scale(e: ClickExpectation, by: number): ClickExpectation {
  return {
    single: e.single * by,
    sifted: e.sifted * by,
    errors: e.errors * by,
    kept: e.kept * by,
    keptErrors: e.keptErrors * by,
    sameBasis: e.sameBasis * by,
    crossBasis: e.crossBasis * by,
  };
}

function add(a: ClickExpectation, b: ClickExpectation): ClickExpectation {
  return {
    single: a.single + b.single,
    sifted: a.sifted + b.sifted,
    errors: a.errors + b.errors,
    kept: a.kept + b.kept,
    keptErrors: a.keptErrors + b.keptErrors,
    sameBasis: a.sameBasis + b.sameBasis,
    crossBasis: a.crossBasis + b.crossBasis,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}
