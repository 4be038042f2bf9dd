/** Input that no length can be given for: its code, in the stated order, and never a length (FORMULAS.md 1). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QkdError } from "../../src/errors.js";
import { secretKeyLength } from "../../src/security/index.js";

const good = {
  mu: ["0.5", "0.1", "0.0002"],
  p: ["0.7", "0.2", "0.1"],
  n_key: [9451073, 550997, 637],
  n_test: [116530, 6661, 10],
  m_test: [1747, 112, 0],
  leak: 1285058,
  eps_sec: "1e-9",
  eps_cor: "1e-15",
  tag_bits: 128,
};
const entangled = { n: 100000, k: 10000, m: 159, leak: 12922, eps_sec: "1e-10", eps_cor: "1e-15", tag_bits: 0 };
const codeOf = (proof: string, input: Record<string, unknown>) => {
  try {
    secretKeyLength({ proof, input });
    return "none";
  } catch (error) {
    return (error as QkdError).code;
  }
};
const twoDecoy = (change: Record<string, unknown>) => codeOf("lim2014-two-decoy", { ...good, ...change });

describe("the first fault in the stated order is the one reported", () => {
  const faults: [code: string, change: Record<string, unknown>][] = [
    ["SECURITY_EPS_RANGE", { eps_sec: 0 }],
    ["SECURITY_LEAK_NEGATIVE", { leak: -1 }],
    ["SECURITY_ARITY", { n_key: [1, 2] }],
    ["SECURITY_INTENSITY_ORDER", { mu: ["0.3", "0.2", "0.1"] }],
    ["SECURITY_PROBABILITY", { p: ["0.7", "0.2", "0.2"] }],
    ["SECURITY_COUNT_NEGATIVE", { n_test: [-1, 6661, 10] }],
    ["SECURITY_COUNT_INCONSISTENT", { m_test: [1747, 6662, 0] }],
  ];
  it.each(faults.map((fault, i) => [fault[0], i] as const))("%s", (code, i) => {
    expect(twoDecoy(faults[i]![1])).toBe(code);
    // with every later fault present too
    const later = Object.assign(
      {},
      ...faults
        .slice(i)
        .reverse()
        .map(([, change]) => change),
    );
    expect(twoDecoy(later)).toBe(code);
  });
});

describe("values that are no numbers fail the check of their kind", () => {
  it.each([
    ["SECURITY_EPS_RANGE", { eps_sec: "nan" }],
    ["SECURITY_EPS_RANGE", { eps_sec: 1 }],
    ["SECURITY_EPS_RANGE", { eps_cor: undefined }],
    ["SECURITY_EPS_RANGE", { eps_cor: "1e-400" }],
    ["SECURITY_LEAK_NEGATIVE", { leak: Number.NaN }],
    ["SECURITY_LEAK_NEGATIVE", { leak: Number.POSITIVE_INFINITY }],
    ["SECURITY_LEAK_NEGATIVE", { tag_bits: -128 }],
    ["SECURITY_ARITY", { mu: "0.5" }],
    ["SECURITY_INTENSITY_ORDER", { mu: ["inf", "0.1", "0"] }],
    ["SECURITY_INTENSITY_ORDER", { mu: [Number.POSITIVE_INFINITY, 0.1, 0] }],
    ["SECURITY_INTENSITY_ORDER", { mu: [0.5, 0.1, -0.1] }],
    ["SECURITY_PROBABILITY", { p: [0.7, Number.NaN, 0.1] }],
    ["SECURITY_PROBABILITY", { p: [1, 0, 0] }],
    ["SECURITY_COUNT_NEGATIVE", { n_key: [Number.NaN, 1, 1] }],
    ["SECURITY_COUNT_NEGATIVE", { n_key: [null, 1, 1] }],
    ["SECURITY_COUNT_INCONSISTENT", { n_key: [1.5, 1, 1] }],
    ["SECURITY_COUNT_INCONSISTENT", { n_key: [2 ** 53, 1, 1] }],
    ["SECURITY_COUNT_INCONSISTENT", { n_key: [2 ** 52, 2 ** 52, 1] }],
    ["SECURITY_COUNT_INCONSISTENT", { n_key: [Number.POSITIVE_INFINITY, 1, 1] }],
    ["SECURITY_INPUT_INVALID", { pattern_public: "yes" }],
  ] as [string, Record<string, unknown>][])("%s %o", (code, change) => {
    expect(twoDecoy(change)).toBe(code);
  });
  it("BBM92 more errors than tests, a missing count", () => {
    expect(codeOf("tomamichel2012-bbm92", { ...entangled, m: 10001 })).toBe("SECURITY_COUNT_INCONSISTENT");
    expect(codeOf("tomamichel2012-bbm92", { ...entangled, k: undefined })).toBe("SECURITY_COUNT_NEGATIVE");
  });
});

it("empty counts are no error: phase error 1/2, no key", () => {
  const none = [0, 0, 0];
  const empty = secretKeyLength({
    proof: "lim2014-two-decoy",
    input: { ...good, n_key: none, n_test: none, m_test: none, leak: 0 },
  });
  expect(empty).toMatchObject({ phi: 0.5, ell: 0, reason: "PHASE_ERROR_UNBOUNDED" });
  const noTest = secretKeyLength({ proof: "tomamichel2012-bbm92", input: { ...entangled, k: 0, m: 0 } });
  expect(noTest).toMatchObject({ phi: 0.5, phi_serfling: 0.5, ell: 0 });
});

it("numbers and decimal strings are the same input", () => {
  const numbers = { ...good, mu: good.mu.map(Number), p: good.p.map(Number), eps_sec: 1e-9, leak: "1285058" };
  expect(secretKeyLength({ proof: "lim2014-two-decoy", input: numbers })).toEqual(
    secretKeyLength({ proof: "lim2014-two-decoy", input: good }),
  );
});

it("whatever is given, the answer is a whole number of bits no larger than the key, or a SECURITY error", () => {
  const nasty = fc.oneof(
    fc.double(),
    fc.integer({ min: -3, max: 1e6 }),
    fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 5e-324, 1e308, 2 ** 53, "1e-9", "x", "", null, undefined, 700),
  );
  const list = (size: number) => fc.oneof(fc.array(nasty, { minLength: size, maxLength: size }), nasty);
  const input = fc.record({
    ...{ mu: fc.oneof(fc.constant(good.mu), list(3)), p: fc.oneof(fc.constant(good.p), list(3)) },
    ...{ n_key: fc.oneof(fc.constant(good.n_key), list(3)), n_test: fc.oneof(fc.constant(good.n_test), list(3)) },
    ...{ m_test: fc.oneof(fc.constant([0, 0, 0]), list(3)), leak: fc.oneof(fc.constant(0), nasty) },
    ...{ eps_sec: fc.oneof(fc.constant(1e-9), nasty), eps_cor: fc.oneof(fc.constant(1e-15), nasty) },
    ...{ n: nasty, k: nasty, m: nasty },
  });
  const proof = fc.constantFrom("lim2014-two-decoy", "tomamichel2012-bbm92");
  let lengths = 0;
  fc.assert(
    fc.property(proof, input, (name, values) => {
      try {
        const { ell } = secretKeyLength({ proof: name, input: values });
        const total = name === "lim2014-two-decoy" ? values.n_key : [values.n];
        expect(Number.isSafeInteger(ell) && ell! >= 0).toBe(true);
        expect(ell!).toBeLessThanOrEqual((total as number[]).reduce((sum, n) => sum + Number(n), 0));
        lengths++;
      } catch (error) {
        expect(error).toBeInstanceOf(QkdError);
        expect((error as QkdError).code).toMatch(/^SECURITY_/);
      }
    }),
    { numRuns: 3000, seed: 34 },
  );
  expect(lengths).toBeGreaterThan(20);
});
