/** Known answers of vectors/security.json, made with 50-digit arithmetic: every field of every row. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { QkdError } from "../../src/errors.js";
import { secretKeyLength } from "../../src/security/index.js";
import { sharedFile, sharedFolder } from "../shared.js";
import { pocketCalculator } from "./pocket-calculator.js";

interface Row {
  id: string;
  proof: string;
  input: Record<string, unknown>;
  expected: Record<string, string | number | null>;
}

const file = sharedFolder ? JSON.parse(readFileSync(sharedFile("vectors/security.json"), "utf8")) : {};
const rows = ["two_decoy", "one_decoy", "bbm92", "sampling_bound"].flatMap((kind) => (file[kind] ?? []) as Row[]);

describe.skipIf(!sharedFolder)("known answers of the key length", () => {
  it.each(rows)("$id", ({ proof, input, expected }) => {
    if (expected.error) {
      expect(() => secretKeyLength({ proof, input })).toThrowError(
        expect.objectContaining({ code: `SECURITY_${expected.error}` }),
      );
      return;
    }
    const got = secretKeyLength({ proof, input });
    for (const [field, value] of Object.entries(expected)) {
      if (value === null) expect(got[field], field).toBeNull();
      else if (Number.isInteger(value)) expect(got[field], field).toBe(value);
      else expect(relativeError(got[field], value), field).toBeLessThan(field === "phi_gamma" ? 1e-9 : 1e-12);
    }
    if (got.ell !== undefined) expect(got.reason === undefined).toBe(got.ell > 0);
  });

  it.each(rows.filter(({ expected }) => expected.ell_pattern_public !== undefined))(
    "$id with the error pattern public",
    ({ proof, input, expected }) => {
      const { ell, s0, terms } = secretKeyLength({ proof, input: { ...input, pattern_public: true } });
      expect(ell).toBe(expected.ell_pattern_public);
      expect(relativeError(s0, expected.s0!)).toBeLessThan(1e-12);
      expect(terms.vacuumCredit).toBe(0);
    },
  );

  it.each(rows.filter(({ expected }) => expected.ell !== undefined))("$id adds up from its terms", (row) => {
    const got = secretKeyLength(row);
    expect(pocketCalculator(got)).toBe(got.ell);
  });
});

it("refuses a proof that it does not know", () => {
  expect(() => secretKeyLength({ proof: "gllp", input: {} })).toThrowError(QkdError);
});

function relativeError(got: unknown, expected: string | number): number {
  const value = Number(expected);
  return Math.abs((got as number) - value) / Math.max(Math.abs(value), 1e-300);
}
