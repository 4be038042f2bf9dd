/** The two links of `npm start`: realistic, and long enough that the finite-key bound leaves a key. */
import type { LinkInput } from "../link.js";

export interface Demo {
  readonly link: LinkInput;
  readonly seconds: number;
  readonly seed: number;
}

const detectors = [
  { channel: 1, basis: "Z", bit: 0 },
  { channel: 2, basis: "Z", bit: 1 },
  { channel: 3, basis: "X", bit: 0 },
  { channel: 4, basis: "X", bit: 1 },
] as const;

/**
 * 100 MHz laser, 40 km of fibre (8 dB), superconducting nanowire detectors, 10⁸ pulses. Bob's tagger starts 0.12 s
 * before the first pulse arrives and also records every 1000th pulse of the laser's clock.
 */
export const demoDecoy: Demo = {
  seconds: 1,
  seed: 20260101,
  link: {
    version: 1,
    name: "demo-decoy-bb84",
    protocol: "bb84-two-decoy",
    keyBasis: "Z",
    epsilon: { secrecy: 1e-9, correctness: 1e-15 },
    source: {
      pulsePeriodPs: 10_000,
      basisProbability: { Z: 0.75, X: 0.25 },
      intensities: [
        { name: "signal", mean: 0.5, probability: 0.65 },
        { name: "decoy", mean: 0.12, probability: 0.25 },
        { name: "vacuum", mean: 0.0002, probability: 0.1 },
      ],
    },
    alice: { format: "preparation" },
    bob: {
      format: "auto",
      detectors: [...detectors],
      clockChannel: { channel: 0, everyPulses: 1000 },
      deadTimePs: 50_000,
    },
    window: { halfWidthPs: 500 },
    simulation: {
      lossDb: 8,
      efficiency: { bob: 0.55 },
      darkCountsHz: 200,
      backgroundHz: 400,
      jitterPs: 60,
      deadTimePs: 40_000,
      afterpulse: 0.0005,
      misalignment: { Z: 0.006, X: 0.009 },
      offsetPs: 123_456_789_012,
      driftWanderPpb: 2,
    },
  },
};

/** Entangled pairs at 2 MHz, 3 dB to each end, avalanche detectors, opposite bits; no clock channel: 8 seconds. */
export const demoBbm92: Demo = {
  seconds: 8,
  seed: 20260102,
  link: {
    version: 1,
    name: "demo-bbm92",
    protocol: "bbm92",
    keyBasis: "Z",
    epsilon: { secrecy: 1e-9, correctness: 1e-15 },
    alice: { format: "auto", detectors: [...detectors], deadTimePs: 50_000 },
    bob: { format: "auto", detectors: [...detectors], deadTimePs: 50_000 },
    window: { halfWidthPs: 750 },
    correlation: "opposite",
    simulation: {
      lossDb: 3,
      pairRateHz: 2_000_000,
      efficiency: { alice: 0.4, bob: 0.4 },
      darkCountsHz: 300,
      backgroundHz: 4000,
      jitterPs: 120,
      deadTimePs: 45_000,
      afterpulse: 0.003,
      misalignment: { Z: 0.01, X: 0.014 },
      driftWanderPpb: 1,
    },
  },
};
