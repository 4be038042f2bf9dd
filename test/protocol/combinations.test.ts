/** Whatever a link description combines: the same keys at both ends or a reason, and audits from which they follow. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { distillText } from "../../src/cli/distill-text.js";
import { distill } from "../../src/distill.js";
import type { LinkInput } from "../../src/link.js";
import { parseAudit, recompute } from "../../src/security/audit.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { bothKeys, simulated, smallBbm92, smallDecoy } from "./links.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());

const intensities = {
  "bb84-two-decoy": [
    { name: "signal", mean: 0.5, probability: 0.5 },
    { name: "decoy", mean: 0.12, probability: 0.3 },
    { name: "vacuum", mean: 0.0002, probability: 0.2 },
  ],
  "bb84-one-decoy": [
    { name: "signal", mean: 0.5, probability: 0.6 },
    { name: "decoy", mean: 0.15, probability: 0.4 },
  ],
  "bb84-single-photon": [{ name: "photon", mean: 0.5, probability: 1 }],
};

const choices = fc.record({
  protocol: fc.constantFrom("bbm92", "bb84-two-decoy", "bb84-one-decoy", "bb84-single-photon"),
  keyBasis: fc.constantFrom("Z", "X"),
  shareZ: fc.constantFrom(0.5, 0.7, 0.85),
  errors: fc.constantFrom(0, 0.002, 0.01, 0.03, 0.06),
  reconciliation: fc
    .record({
      method: fc.constantFrom("ldpc", "cascade", "auto"),
      mode: fc.constantFrom("throughput", "efficiency", "auto"),
      accounting: fc.constantFrom("one-way", "pattern-public"),
    })
    .filter(({ method, accounting }) => method !== "cascade" || accounting === "pattern-public"),
  keyBits: fc.option(fc.constantFrom(128, 1000), { nil: undefined }),
  fixed: fc.option(fc.constantFrom(1000, 50_000), { nil: undefined }),
  replenish: fc.constantFrom(0, 4, 16),
  cut: fc.boolean(),
  clock: fc.boolean(),
  receiver: fc.constantFrom("passive", "active"),
  formats: fc.record({
    alice: fc.constantFrom("ptu", "qutag", "swabian16", "csv"),
    bob: fc.constantFrom("ptu", "qutag", "swabian16", "csv"),
  }),
} as const);
type Choice = typeof choices extends fc.Arbitrary<infer T> ? T : never;

function linkOf(choice: Choice): LinkInput {
  const { protocol, keyBasis, shareZ, errors, reconciliation, keyBits, fixed, replenish, cut } = choice;
  const change: Partial<LinkInput> = {
    protocol,
    keyBasis,
    epsilon: { secrecy: 1e-6, correctness: 1e-9 },
    reconciliation,
    ...(keyBits ? { keyBits } : {}),
    ...(fixed ? { security: { length: "fixed", secretBits: fixed } } : {}),
    authentication: { mode: "wegman-carter", replenish },
  };
  const physics = { misalignment: { Z: errors, X: errors } };
  if (protocol === "bbm92")
    return smallBbm92(
      { ...change, ...(cut ? { blocks: { seconds: 0.5 } } : {}) },
      { ...physics, formats: choice.formats },
    );
  const { clockChannel, ...bob } = smallDecoy().bob!;
  return smallDecoy(
    {
      ...change,
      source: {
        pulsePeriodPs: 100_000,
        basisProbability: { Z: shareZ, X: Number((1 - shareZ).toFixed(2)) },
        intensities: intensities[protocol],
      },
      bob: choice.clock ? { ...bob, clockChannel: { channel: 9, everyPulses: 1000 } } : bob,
      ...(cut ? { blocks: { pulses: 4e6 } } : {}),
    },
    { ...physics, lossDb: 5, receiver: choice.receiver, formats: { bob: choice.formats.bob } },
  );
}

/** `QKD_SLOW`: 30 links. */
const links = process.env.QKD_SLOW ? 30 : 3;

test(`${links} links of random choices`, async () => {
  await fc.assert(
    fc.asyncProperty(choices, fc.integer({ min: 1, max: 1000 }), async (choice, seed) => {
      const link = await simulated(linkOf(choice), 1, seed);
      const out = join(link.folder, "out");
      const report = await distill(executor, { ...link, out });
      const [alice, bob] = bothKeys(out);
      expect(alice).toBe(bob);
      expect(report.secretBits > 0 || report.reason !== undefined).toBe(true);
      expect(distillText(report) + JSON.stringify(report)).not.toMatch(/NaN|undefined|Infinity/);
      for (const role of ["alice", "bob"]) {
        const audit = parseAudit(readFileSync(join(out, role, "audit.jsonl"), "utf8"), "audit.jsonl");
        expect(audit.map(recompute).filter(({ same }) => !same)).toEqual([]);
        expect(audit.reduce((sum, { secretBits }) => sum + secretBits, 0)).toBe(report.secretBits);
      }
    }),
    { numRuns: links, seed: 20261127, endOnFailure: true },
  );
}, 1_800_000);
