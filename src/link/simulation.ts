/** The simulator's part of the link description. */
import { z } from "zod";
import { picoseconds, probability } from "./scalars.js";

export const simulation = z
  .strictObject({
    lossDb: z.number().min(0).default(0).describe("loss of the channel, dB (bbm92: of each arm)"),
    pairRateHz: z.number().positive().default(400_000).describe("bbm92: pairs a second at the source"),
    efficiency: z
      .strictObject({
        alice: z.number().gt(0).max(1).default(0.25).describe("detection efficiency at Alice (bbm92)"),
        bob: z.number().gt(0).max(1).default(0.2).describe("detection efficiency at Bob"),
      })
      .prefault({}),
    darkCountsHz: z.number().min(0).default(500).describe("dark counts a second of each detector"),
    backgroundHz: z.number().min(0).default(0).describe("background photons a second at each end, over its detectors"),
    jitterPs: z.number().min(0).default(110).describe("sigma of the timing jitter, ps"),
    delaysPs: z
      .array(z.number())
      .default([0, 140, -90, 60])
      .describe("delay of each of Bob's detectors, ps, in the list's order"),
    aliceDelaysPs: z.array(z.number()).default([0, -70, 110, 40]).describe("bbm92: the same at Alice"),
    deadTimePs: z.number().min(0).default(600_000).describe("dead time of each detector, ps"),
    afterpulse: z.number().min(0).lt(1).default(0.006).describe("probability of an afterpulse"),
    afterpulseDecayPs: z
      .number()
      .positive()
      .default(500_000)
      .describe("mean time of an afterpulse past the dead time, ps"),
    receiver: z
      .enum(["passive", "active"])
      .default("passive")
      .describe("basis chosen by each photon at a beam splitter, or once a pulse"),
    receiverBasis: z
      .strictObject({ Z: probability, X: probability })
      .optional()
      .describe("probability of each basis at the receivers; absent: the source's, or 1/2"),
    clockDelayPs: z.number().default(4321).describe("delay of the clock channel, ps"),
    clockMissing: z.number().min(0).lt(1).default(0.002).describe("share of clock events that are missing"),
    misalignment: z
      .strictObject({
        Z: z.number().min(0).max(0.5).default(0.01).describe("error probability of a signal photon in Z"),
        X: z.number().min(0).max(0.5).default(0.015).describe("error probability of a signal photon in X"),
      })
      .prefault({}),
    offsetPs: picoseconds
      .optional()
      .describe("Bob's clock minus Alice's, ps; absent: drawn in ± 1 s, but ± a quarter of the acquisition at most"),
    driftPpb: z.number().optional().describe("relative drift of Bob's clock, ppb; absent: drawn in ± 10 000"),
    driftWanderPpb: z.number().min(0).default(0).describe("amplitude of the slow change of the drift, ppb"),
    driftWanderHz: z.number().positive().default(0.1).describe("frequency of that change, Hz"),
    wanderPs: z.number().min(0).default(80).describe("amplitude of a slow (0.7 Hz) wander of Bob's clock, ps"),
    dopplerPpm: z
      .number()
      .min(0)
      .max(50)
      .default(0)
      .describe("offset rate at the start of a pass, ppm, to minus it at the end"),
    pauses: z
      .array(z.strictObject({ end: z.enum(["alice", "bob"]), fromSeconds: z.number(), toSeconds: z.number() }))
      .max(1000)
      .default([])
      .describe("stretches of an end's own clock that its tagger does not record"),
    formats: z
      .strictObject({ alice: z.string().optional(), bob: z.string().optional() })
      .prefault({})
      .describe("dump formats written where the ends say `auto`; default ptu"),
  })
  .describe("what `simulate` and `plan` read; the pipeline never does");

export type Simulation = z.output<typeof simulation>;

export const simulationDefaults: Simulation = simulation.parse({});
