/** The properties that FORMULAS.md 12 asks for: monotone where the proof needs it, no key without a phase-error bound. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { phaseErrorBound, secretKeyLength } from "../../src/security/index.js";
import { entangledInput, oneDecoyInput, twoDecoyInput } from "./arbitrary.js";

vi.setConfig({ testTimeout: 120_000 });
const options = { numRuns: process.env.QKD_SLOW ? 20000 : 1500, seed: 35 };
/** Rounding of the last digit is no change. */
const slack = 1 + 1e-14;

describe("the sampling bound", () => {
  const sample = fc
    .record({
      d: fc.integer({ min: 2, max: 2e6 }),
      c: fc.integer({ min: 1, max: 2e7 }),
      share: fc.double({ min: 0, max: 0.4, noNaN: true }),
      bound: fc.double({ min: 1, max: 120, noNaN: true }),
    })
    .map(({ d, c, share, bound }) => ({ x: Math.floor((d - 2) * share), d, c, bound }));

  it("rises with the errors, falls with the checked and with the key rounds", () => {
    fc.assert(
      fc.property(sample, fc.integer({ min: 1, max: 1000 }), ({ x, d, c, bound }, more) => {
        const here = phaseErrorBound(x, d, c, bound);
        for (const field of ["phiH", "phiS", "phi"] as const) {
          expect(phaseErrorBound(x + 1, d, c, bound)[field] * slack).toBeGreaterThanOrEqual(here[field]);
          expect(phaseErrorBound(x, d + more, c, bound)[field]).toBeLessThanOrEqual(here[field] * slack);
          expect(phaseErrorBound(x, d, c + more, bound)[field]).toBeLessThanOrEqual(here[field] * slack);
          expect(phaseErrorBound(x, d, c, bound + 1)[field] * slack).toBeGreaterThanOrEqual(here[field]);
        }
        expect(here.phi).toBeGreaterThan(Math.min(0.5, x / d) / slack);
      }),
      options,
    );
  });

  it("the other side of one half: a sample that says nothing gives 1/2", () => {
    for (const [x, d, c] of [
      [0, 0, 10],
      [0, 10, 0],
      [7, 7, 100],
      [8, 7, 100],
      [-1, 7, 100],
      [Number.NaN, 7, 100],
    ] as const)
      expect(phaseErrorBound(x, d, c, 10)).toEqual({ phiH: 0.5, phiS: 0.5, phi: 0.5 });
  });

  it("holds where almost all rounds are checked, and at 2^53", () => {
    // the share of checked rounds rounds to 1
    const { phi } = phaseErrorBound(0, 2 ** 53 - 1, 1, 40);
    expect(phi).toBe(0.5);
    // one more error among ten key rounds is possible, two are not to be had within e^-40
    expect(phaseErrorBound(1000, 1e15, 10, 40).phi).toBeCloseTo(0.161, 3);
    expect(phaseErrorBound(10, 2 ** 52, 2 ** 52, 40).phi).toBeGreaterThan(10 / 2 ** 52);
  });
});

describe.each([
  ["lim2014-two-decoy", twoDecoyInput],
  ["rusca2018-one-decoy", oneDecoyInput],
  ["tomamichel2012-bbm92", entangledInput],
] as const)("%s", (proof, arbitrary) => {
  const ell = (input: object) => secretKeyLength({ proof, input: input as Record<string, unknown> }).ell!;
  const inputs = arbitrary as fc.Arbitrary<Record<string, unknown> & { leak: number; eps_sec: string }>;

  it("the length never grows with leakage, tag bits, or a stricter ε", () => {
    fc.assert(
      fc.property(inputs, fc.integer({ min: 1, max: 1e6 }), (input, more) => {
        const here = ell(input);
        expect(ell({ ...input, leak: input.leak + more })).toBeLessThanOrEqual(Math.max(0, here - more + 1));
        expect(ell({ ...input, tag_bits: 1024 })).toBeLessThanOrEqual(here);
        // where the vacuum credit is what the errors leave room for (s0+ < s0-), that room grows with 1/ε
        const { s0, s0_upper } = secretKeyLength({ proof, input });
        if (s0 === undefined || s0 !== s0_upper)
          expect(ell({ ...input, eps_sec: Number(input.eps_sec) / 10 })).toBeLessThanOrEqual(here);
        expect(ell({ ...input, eps_cor: 1e-30 })).toBeLessThanOrEqual(here);
      }),
      options,
    );
  });

  it("errors of the strongest setting never help", () => {
    fc.assert(
      fc.property(inputs, fc.integer({ min: 1, max: 1000 }), (input, more) => {
        const here = ell(input);
        if (proof === "tomamichel2012-bbm92") {
          const { k, m } = input as unknown as { k: number; m: number };
          expect(ell({ ...input, m: Math.min(k, m + more) })).toBeLessThanOrEqual(here);
        } else {
          const { n_test, m_test } = input as unknown as { n_test: number[]; m_test: number[] };
          const worse = [Math.min(n_test[0]!, m_test[0]! + more), ...m_test.slice(1)];
          expect(ell({ ...input, m_test: worse })).toBeLessThanOrEqual(here);
        }
      }),
      options,
    );
  });

  it("no key where the phase error is unbounded and the vacuum credit does not pay the penalties", () => {
    let seen = 0;
    fc.assert(
      fc.property(inputs, (input) => {
        const { phi, s0 = 0, ell: length, terms, reason } = secretKeyLength({ proof, input });
        const penalties = (terms.secrecyPenalty as number) + (terms.correctnessPenalty as number) + input.leak;
        if (phi < 0.5 || (s0 as number) > penalties) return;
        seen++;
        expect(length).toBe(0);
        expect(reason).toBe("PHASE_ERROR_UNBOUNDED");
      }),
      options,
    );
    expect(seen).toBeGreaterThan(10);
  });
});
