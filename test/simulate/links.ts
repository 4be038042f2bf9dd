/** Small links for the simulator's tests, with strong effects so that each shows within a second. */
import { type Link, type LinkInput, parseLink } from "../../src/link.js";

const detectors = [
  { channel: 1, basis: "Z", bit: 0 },
  { channel: 2, basis: "Z", bit: 1 },
  { channel: 3, basis: "X", bit: 0 },
  { channel: 4, basis: "X", bit: 1 },
] as const;

export function prepared(simulation: LinkInput["simulation"] = {}, more: Partial<LinkInput> = {}): Link {
  return parseLink({
    version: 1,
    name: "test-bb84",
    protocol: "bb84-two-decoy",
    source: {
      pulsePeriodPs: 100_000,
      basisProbability: { Z: 0.7, X: 0.3 },
      intensities: [
        { name: "signal", mean: 0.5, probability: 0.6 },
        { name: "decoy", mean: 0.1, probability: 0.3 },
        { name: "vacuum", mean: 0, probability: 0.1 },
      ],
    },
    bob: { detectors: [...detectors], clockChannel: { channel: 0, everyPulses: 1000 } },
    window: { halfWidthPs: 500 },
    simulation: { offsetPs: 40_000_000, lossDb: 3, deadTimePs: 300_000, ...simulation },
    ...more,
  });
}

export function entangled(simulation: LinkInput["simulation"] = {}, more: Partial<LinkInput> = {}): Link {
  return parseLink({
    version: 1,
    name: "test-bbm92",
    protocol: "bbm92",
    alice: { detectors: [...detectors] },
    bob: { detectors: [...detectors] },
    window: { halfWidthPs: 1000 },
    correlation: "opposite",
    simulation: { offsetPs: 20_000_000_000, lossDb: 1, deadTimePs: 50_000, backgroundHz: 20_000, ...simulation },
    ...more,
  });
}
