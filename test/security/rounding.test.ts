/** Float64 never gives more key than exact arithmetic, and hardly ever a bit less (FORMULAS.md 4, "Rounding guard"). */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { phaseErrorBound, secretKeyLength } from "../../src/security/index.js";
import { entangledInput, oneDecoyInput, twoDecoyInput } from "./arbitrary.js";
import {
  ceil,
  div,
  entropy,
  exactDecoy,
  exp,
  fixed,
  fixedDouble,
  floor,
  ln,
  log2,
  mul,
  reachesH,
  reachesS,
  sqrt,
  toNumber,
} from "./exact.js";

vi.setConfig({ testTimeout: 120_000 });
const runs = process.env.QKD_SLOW ? 3000 : 60;
/** φ is found to this relative precision. */
const precision = 4e-15;
const widened = (phi: number, by: number) => {
  const value = fixedDouble(phi);
  return value + mul(value, fixedDouble(by));
};

it("the exact arithmetic is right where the answer is known", () => {
  expect(toNumber(exp(fixed(1)))).toBe(Math.E);
  expect(toNumber(ln(fixed(10)))).toBe(Math.LN10);
  expect(toNumber(mul(sqrt(fixed(2)), sqrt(fixed(2))))).toBeCloseTo(2, 15);
  expect(toNumber(entropy(fixed("0.11")))).toBeCloseTo(0.499915958164528, 14);
  expect(toNumber(log2(exp(fixed("-3.7"))))).toBeCloseTo(-3.7 / Math.LN2, 14);
});

describe("the sampling bound is the root, kept at its upper end", () => {
  const sample = fc
    .record({
      logD: fc.double({ min: 0, max: 12, noNaN: true }),
      logC: fc.double({ min: 0, max: 12, noNaN: true }),
      rate: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.3, noNaN: true })),
      logAlpha: fc.integer({ min: 1, max: 60 }),
    })
    .map(({ logD, logC, rate, logAlpha }) => {
      const d = Math.ceil(10 ** logD);
      return { x: Math.floor(d * rate), d, c: Math.ceil(10 ** logC), bound: logAlpha * Math.LN10 };
    });

  it("to a relative precision of 4e-15", () => {
    fc.assert(
      fc.property(sample, ({ x, d, c, bound }) => {
        const { phiH, phiS } = phaseErrorBound(x, d, c, bound);
        const exactBound = fixedDouble(bound);
        for (const [phi, reaches] of [
          [phiH, reachesH],
          [phiS, reachesS],
        ] as const) {
          if (phi < 0.5) expect(reaches(widened(phi, precision), x, d, c, exactBound)).toBe(true);
          // below φ the bound is not reached; from 1/2 on there is nothing to show for
          expect(reaches(widened(phi, -precision), x, d, c, exactBound)).toBe(false);
        }
      }),
      { numRuns: runs * 4, seed: 31 },
    );
  });
});

describe("the decoy key length is never above the exact one", () => {
  for (const [proof, constant, arbitrary] of [
    ["lim2014-two-decoy", 21, twoDecoyInput],
    ["rusca2018-one-decoy", 19, oneDecoyInput],
  ] as const)
    it(proof, () => {
      let withKey = 0;
      fc.assert(
        fc.property(arbitrary as typeof twoDecoyInput, (input) => {
          const got = secretKeyLength({ proof, input });
          const lnInverseE = ln(div(fixed(constant), fixed(input.eps_sec)));
          const exact = exactDecoy(input, lnInverseE);
          const [x, d, c] = [got.x, got.d, got.c] as [number, number, number];
          expect(BigInt(x)).toBeGreaterThanOrEqual(ceil(exact.v1));
          expect(BigInt(d)).toBeLessThanOrEqual(floor(exact.s1Test));
          expect(BigInt(c)).toBeLessThanOrEqual(floor(exact.s1));
          const rest = fixed(input.leak) + 6n * div(lnInverseE, ln(fixed(2))) + correctness(input);
          const length = (phi: bigint) => exact.s0 + mul(exact.s1, (1n << 256n) - entropy(phi)) - rest;
          // φ + precision is proven to be at or above the root; the length falls with φ
          const upper = length(widened(got.phi, got.phi < 0.5 ? precision : 0));
          expect(BigInt(got.ell!)).toBeLessThanOrEqual(upper < 0n ? 0n : floor(upper));
          const guard = got.terms.roundingGuard as number;
          expect(got.ell!).toBeGreaterThanOrEqual(toNumber(length(widened(got.phi, -precision))) - 1 - 2 * guard);
          if (got.ell! > 0) withKey++;
        }),
        { numRuns: runs, seed: 32 },
      );
      expect(withKey).toBeGreaterThan(runs / 5);
    });
});

it("the BBM92 key length is never above the exact one", () => {
  let withKey = 0;
  fc.assert(
    fc.property(entangledInput, (input) => {
      const got = secretKeyLength({ proof: "tomamichel2012-bbm92", input });
      const { n, k, m } = input;
      const lnInverseE = ln(div(fixed(4), fixed(input.eps_sec)));
      const root = sqrt(mul(mul(div(fixed(n + k), fixed(n) * BigInt(k)), div(fixed(k + 1), fixed(k))), lnInverseE));
      expect(Math.abs(toNumber(root) / (got.mu as number) - 1)).toBeLessThan(1e-14);
      const rest = fixed(input.leak) + 2n * -log2(fixed(input.eps_sec)) + correctness(input);
      const length = (phi: bigint) => BigInt(n) * ((1n << 256n) - entropy(phi)) - rest;
      const upper = length(widened(got.phi, got.phi < 0.5 ? precision : 0));
      expect(BigInt(got.ell!)).toBeLessThanOrEqual(upper < 0n ? 0n : floor(upper));
      expect(m).toBeLessThanOrEqual(k);
      if (got.ell! > 0) withKey++;
    }),
    { numRuns: runs, seed: 33 },
  );
  expect(withKey).toBeGreaterThan(runs / 5);
});

function correctness({ eps_cor, tag_bits }: { eps_cor: string; tag_bits: number }): bigint {
  return [log2(div(fixed(2), fixed(eps_cor))), fixed(tag_bits)].sort((a, b) => (a > b ? -1 : 1))[0]!;
}
