/** A run as the pipeline would describe it, with plausible numbers; for the page's tests. */
import type { ReportModel } from "../../src/report/model.js";

function bump(height: number, centre: number, floor: number): number[] {
  return Array.from({ length: 100 }, (_, i) => {
    const at = -2500 + 50 * (i + 0.5);
    return Math.round(height * Math.exp(-((at - centre) ** 2) / (2 * 150 ** 2)) + floor + (i % 3));
  });
}

export const sample: ReportModel = {
  link: 'belval-fibre <& "25 km">',
  protocol: "bb84-two-decoy",
  createdAt: "2026-01-01T12:00:00.000Z",
  summary: {
    secretBits: 1_262_144,
    keys: 3,
    siftedBits: 5_112_777,
    qber: 0.0131,
    durationSeconds: 12,
    pulses: 1.2e9,
    authenticationBits: 3072,
    elapsedSeconds: 8.4,
  },
  epsilon: {
    secrecy: 1e-9,
    correctness: 1e-15,
    authentication: 4e-34,
    blocks: 3,
    proof: "lim2014-two-decoy",
    accounting: "one-way",
    split: [
      { name: "decoy estimates (12 terms)", value: 12e-9 / 21 },
      { name: "smoothing (6 terms)", value: 6e-9 / 21 },
      { name: "hashing and the rest (3)", value: 3e-9 / 21 },
    ],
    assumptions: [
      "Phase-randomised pulses with exact Poisson photon numbers.",
      "Detection does not depend on the basis.",
    ],
  },
  rates: Array.from({ length: 24 }, (_, i) => ({
    seconds: 0.25 + i / 2,
    detections: 900_000 + 30_000 * Math.sin(i / 3),
    sifted: 430_000 + 14_000 * Math.sin(i / 3),
    qber: 0.013,
  })),
  blocks: [0, 1, 2, 3].map((index) => ({
    index,
    keyBits: 1_100_000 + 9000 * index,
    errors: 14_000 + 350 * index,
    testBits: 122_000,
    testErrors: 1830 + 60 * index,
    leakedBits: 129_000 + 3000 * index,
    efficiency: 1.17 + 0.01 * index,
    frames: 5,
    framesFailed: index === 2 ? 1 : 0,
    frameBits: 262_144,
    phaseError: index === 3 ? 0.5 : 0.043 + 0.002 * index,
    secretBits: index === 3 ? 0 : 420_000 + index,
    accounting: "one-way",
    ...(index === 3 ? { reason: "PHASE_ERROR_UNBOUNDED" } : {}),
  })),
  qberLimit: 0.11,
  timing: {
    gateCentrePs: 0,
    gateHalfWidthPs: 500,
    backgroundPerBin: 4,
    histograms: [
      { detector: "Z0", startPs: -2500, binPs: 50, counts: bump(90_000, 0, 4), delayPs: 0 },
      { detector: "Z1", startPs: -2500, binPs: 50, counts: bump(86_000, 10, 5), delayPs: 140 },
      { detector: "X0", startPs: -2500, binPs: 50, counts: bump(10_000, -12, 4), delayPs: -90 },
      { detector: "X1", startPs: -2500, binPs: 50, counts: bump(9_400, 4, 6), delayPs: 60 },
    ],
  },
  clock: {
    offsetPs: "43943038958",
    referencePs: "0",
    driftPpb: 5441.04,
    track: Array.from({ length: 120 }, (_, i) => ({ seconds: i / 10, residualPs: 90 * Math.sin(i / 3.6) })),
  },
  waterfall: [
    { step: "Detections", left: 10_800_000 },
    { step: "In the gate", left: 10_512_000 },
    { step: "After the dead time", left: 10_300_000 },
    { step: "Sifted", left: 5_112_777 },
    { step: "Key basis", left: 4_454_000, note: "test basis revealed" },
    { step: "Single photons", left: 2_610_000 },
    { step: "After phase errors", left: 1_980_000 },
    { step: "After leakage", left: 1_263_000 },
    { step: "Secret bits", left: 1_262_144 },
  ],
  ledger: [
    { reason: "syndrome", bits: 501_000 },
    { reason: "further-syndrome", bits: 22_000 },
    { reason: "revealed-frame", bits: 262_144 },
    { reason: "reconciliation-tag", bits: 2560 },
  ],
  alarms: [
    { name: "doubleClickRate", block: 3, value: 0.004, limit: 0.05, raised: false },
    { name: "efficiencyRatio", block: 3, value: 2.7, limit: 2.5, raised: true },
  ],
  warnings: ["bob: 3 bytes after the last whole record were ignored"],
  stages: { read: 0.4, timing: 0.6, sift: 0.1, reconcile: 5.2, amplify: 1.1 },
  files: [
    { end: "alice", path: "alice.bin", format: "preparation" },
    { end: "bob", path: "bob.ptu", format: "ptu" },
  ],
  software: {
    version: "0.1.0",
    wasmSha256: "5cdf3ff0c2a1a9a5a6bb3a4ad4ce1fb2a0a0f3a47f25c1d1d1cfb8f4e9a2d3c4",
    node: "v20.20.2",
    platform: "linux x64",
    workers: 2,
  },
};
