/**
 * Reads the input of a key-length request: numbers, or decimal strings as in the known answers. Checks in the order of
 * FORMULAS.md 1, each with its own code; a value that is no finite number fails the check of its kind (comparisons are
 * written so that NaN fails them), so nothing else ever reaches a bound.
 */
import type { ErrorCode } from "../errors.js";
import { QkdError } from "../errors.js";
import type { DecoyInput } from "./decoy.js";

export type SecurityInput = Readonly<Record<string, unknown>>;

export type DecoyProof = "lim2014-two-decoy" | "rusca2018-one-decoy";
export type ProofName = DecoyProof | "tomamichel2012-bbm92";

export interface KeyLengthRequest {
  /** A `ProofName`, or `hypergeometric-chernoff` for the sampling bound alone. */
  readonly proof: string;
  readonly input: SecurityInput;
}

export interface CommonInput {
  readonly epsSec: number;
  readonly epsCor: number;
  readonly leak: number;
  readonly tagBits: number;
  readonly patternPublic: boolean;
}

export function readDecoy(proof: DecoyProof, raw: SecurityInput): DecoyInput & CommonInput {
  const common = readCommon(raw);
  const size = proof === "lim2014-two-decoy" ? 3 : 2;
  const list = (name: string) => readList(raw, name, size);
  const [mu, p, nKey, nTest, mTest] = [list("mu"), list("p"), list("n_key"), list("n_test"), list("m_test")];
  const mKey = size === 2 ? list("m_key") : undefined;
  const [mu1, mu2, mu3 = 0] = mu as [number, number, number?];
  const ordered = size === 2 ? mu1 > mu2 && mu2 > 0 : mu1 > mu2 + mu3 && mu2 > mu3 && mu3 >= 0;
  if (!ordered || mu1 === Number.POSITIVE_INFINITY)
    throw fault(
      "SECURITY_INTENSITY_ORDER",
      size === 2 ? "intensities need mu1 > mu2 > 0" : "intensities need mu1 > mu2 + mu3 and mu2 > mu3 >= 0",
      { mu },
    );
  const total = p.reduce((sum, share) => sum + share, 0);
  if (!p.every((share) => share > 0 && share < 1) || !(Math.abs(total - 1) <= 1e-9))
    throw fault("SECURITY_PROBABILITY", `probabilities must lie in (0, 1) and sum to 1, not ${total}`, { p });
  checkCounts({ n_key: nKey, n_test: nTest, m_test: mTest, ...(mKey ? { m_key: mKey } : {}) });
  checkErrors("m_test", mTest, nTest);
  if (mKey) checkErrors("m_key", mKey, nKey);
  return { mu, p, nKey, nTest, mTest, ...(mKey ? { mKey } : {}), ...common };
}

export function readEntangled(raw: SecurityInput): { n: number; k: number; m: number } & CommonInput {
  const common = readCommon(raw);
  const [n, k, m] = [toNumber(raw.n), toNumber(raw.k), toNumber(raw.m)];
  checkCounts({ n: [n], k: [k], m: [m] });
  checkErrors("m", [m], [k]);
  return { n, k, m, ...common };
}

/** Errors rounded up, rounds rounded down. */
export function readSample(raw: SecurityInput): { x: number; d: number; c: number; lnInverseAlpha: number } {
  const alpha = toNumber(raw.alpha);
  if (!(alpha > 0 && alpha < 1)) throw fault("SECURITY_EPS_RANGE", "alpha must lie in (0, 1)", { alpha });
  const [x, d, c] = [Math.ceil(toNumber(raw.x)), Math.floor(toNumber(raw.d)), Math.floor(toNumber(raw.c))];
  checkCounts({ x: [x], d: [d], c: [c] });
  return { x, d, c, lnInverseAlpha: -Math.log(alpha) };
}

function readCommon(raw: SecurityInput): CommonInput {
  const [epsSec, epsCor] = [toNumber(raw.eps_sec), toNumber(raw.eps_cor)];
  for (const [name, eps] of [
    ["eps_sec", epsSec],
    ["eps_cor", epsCor],
  ] as const)
    if (!(eps > 0 && eps < 1)) throw fault("SECURITY_EPS_RANGE", `${name} must lie in (0, 1)`, { field: name });
  const leak = toNumber(raw.leak);
  const tagBits = raw.tag_bits === undefined ? 0 : toNumber(raw.tag_bits);
  for (const [name, bits] of [
    ["leak", leak],
    ["tag_bits", tagBits],
  ] as const)
    if (!(bits >= 0 && bits < Number.POSITIVE_INFINITY))
      throw fault("SECURITY_LEAK_NEGATIVE", `${name} must be a number of bits, at least 0`, { field: name });
  const patternPublic = raw.pattern_public ?? false;
  if (typeof patternPublic !== "boolean")
    throw fault("SECURITY_INPUT_INVALID", "pattern_public must be true or false", { field: "pattern_public" });
  return { epsSec, epsCor, leak, tagBits, patternPublic };
}

function readList(raw: SecurityInput, name: string, size: number): number[] {
  const value = raw[name];
  if (!Array.isArray(value) || value.length !== size)
    throw fault("SECURITY_ARITY", `${name} must hold ${size} numbers, one per intensity`, { field: name });
  return value.map(toNumber);
}

const decimal = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

function toNumber(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && decimal.test(value) ? Number(value) : Number.NaN;
}

function checkCounts(lists: Readonly<Record<string, readonly number[]>>): void {
  const entries = Object.entries(lists);
  for (const [field, list] of entries)
    if (!list.every((count) => count >= 0))
      throw fault("SECURITY_COUNT_NEGATIVE", `${field} must hold counts, at least 0`, { field });
  for (const [field, list] of entries)
    if (!list.every((count) => Number.isSafeInteger(count)) || !Number.isSafeInteger(list.reduce((a, b) => a + b, 0)))
      throw fault("SECURITY_COUNT_INCONSISTENT", `${field} must hold whole numbers whose sum is below 2^53`, { field });
}

function checkErrors(field: string, errors: readonly number[], detections: readonly number[]): void {
  errors.forEach((m, index) => {
    if (!(m <= detections[index]!))
      throw fault("SECURITY_COUNT_INCONSISTENT", `${field}: ${m} errors among ${detections[index]} detections`, {
        field,
        index,
      });
  });
}

function fault(code: ErrorCode, message: string, details: Record<string, unknown>): QkdError {
  return new QkdError(code, `Key length: ${message}.`, details);
}
