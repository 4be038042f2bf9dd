/**
 * Secret key length of a block from its counts (FORMULAS.md 4).
 *
 *   decoy BB84 [L14 Eq. 1; R18 A25]:
 *     ℓ = ⌊ s0 + s1 (1 − h(φ)) − leak − 6 log2(C/ε_sec) − max(log2(2/ε_cor), T) ⌋    C = 21 two-decoy, 19 one-decoy
 *   BBM92 and single-photon BB84 [T12 Eqs. 2, S3, S15]:
 *     ℓ = ⌊ n (1 − h(φ)) − leak − 2 log2(1/ε_sec) − max(log2(2/ε_cor), T) ⌋
 *
 * [L14] Lim et al., PRA 89, 022307. [R18] Rusca et al., APL 112, 171104. [T12] Tomamichel et al., Nat. Commun. 3, 634.
 * φ comes from sampling.ts at α = (ε_sec/C)², (ε_sec/4)² for [T12]. Where Bob's messages depend on the error pattern,
 * the vacuum credit s0 is dropped (FORMULAS.md 5b, accounting B). γ as published is reported beside, never used.
 */

import { QkdError } from "../errors.js";
import { oneDecoy, twoDecoy } from "./decoy.js";
import { entropy } from "./entropy.js";
import { gammaPhaseError } from "./gamma.js";
import {
  type DecoyProof,
  type KeyLengthRequest,
  readDecoy,
  readEntangled,
  readSample,
  type SecurityInput,
} from "./input.js";
import { phaseErrorBound } from "./sampling.js";

/** Why a block gives no secret bit. */
export type NoKeyReason =
  /** The check basis bounds no phase error below 1/2: too few detections or too many errors. */
  | "PHASE_ERROR_UNBOUNDED"
  /** Leakage and penalties take all that privacy amplification could leave. */
  | "LEAK_EXCEEDS_SECRECY";

/**
 * The fields of the known answers (vectors/security.json) by their names there; `null` where the published form is
 * undefined.
 */
export interface SecretKeyLength {
  /** Secret bits, a whole number ≥ 0; absent for `hypergeometric-chernoff`, which is a bound alone. */
  readonly ell?: number;
  /** ℓ of accounting B (FORMULAS.md 5b), beside the one asked for. */
  readonly ell_pattern_public?: number;
  /** ℓ before the rounding guard, the floor and the clamp at 0. */
  readonly ell_raw?: number;
  readonly phi: number;
  readonly phi_H: number;
  readonly phi_S: number;
  /** Every term of the length, so that it can be redone with a pocket calculator. */
  readonly terms: Readonly<Record<string, number | readonly number[]>>;
  readonly reason?: NoKeyReason;
  readonly [field: string]: unknown;
}

/** Failure terms into which ε_sec is split: [L14] B4, [R18] A24. */
export const failureTerms = { "lim2014-two-decoy": 21, "rusca2018-one-decoy": 19 } as const;

/**
 * Subtracted before the floor: float64 must not round in favour of a longer key. 5·10⁻⁵ bit covers blocks up to ~10⁹
 * bits (FORMULAS.md 4); above, the bound on the rounding error takes over.
 */
const roundingGuard = 5e-5;
const relativeRounding = 2 ** -48;

/** @throws QkdError SECURITY_* for input that no length can be given for */
export function secretKeyLength({ proof, input }: KeyLengthRequest): SecretKeyLength {
  const result = lengthBy(proof, input);
  for (const [field, value] of [...Object.entries(result), ...Object.entries(result.terms)])
    if (typeof value === "number" && Number.isNaN(value))
      throw new QkdError("SECURITY_NOT_A_NUMBER", `Key length: ${field} is no number for this input.`, { field });
  return result;
}

function lengthBy(proof: string, input: SecurityInput): SecretKeyLength {
  switch (proof) {
    case "lim2014-two-decoy":
    case "rusca2018-one-decoy":
      return decoyLength(proof, input);
    case "tomamichel2012-bbm92":
      return entangledLength(input);
    case "hypergeometric-chernoff":
      return sampleBound(input);
    default:
      throw new QkdError("SECURITY_PROOF_UNKNOWN", `Key length: there is no proof named ${JSON.stringify(proof)}.`);
  }
}

function sampleBound(input: SecurityInput): SecretKeyLength {
  const { x, d, c, lnInverseAlpha } = readSample(input);
  const { phiH, phiS, phi } = phaseErrorBound(x, d, c, lnInverseAlpha);
  return { phi_H: phiH, phi_S: phiS, phi, terms: { x, d, c, lnInverseAlpha } };
}

function decoyLength(proof: DecoyProof, raw: SecurityInput): SecretKeyLength {
  const input = readDecoy(proof, raw);
  const { epsSec, epsCor, leak, tagBits, patternPublic } = input;
  const constant = failureTerms[proof];
  const lnInverseE = Math.log(constant) - Math.log(epsSec);
  const estimate = proof === "lim2014-two-decoy" ? twoDecoy(input, lnInverseE) : oneDecoy(input, lnInverseE);
  const { s0, s1, x, d, c } = estimate;
  const { phiH, phiS, phi } = phaseErrorBound(x, d, c, 2 * lnInverseE);
  const secrecyPenalty = (6 * lnInverseE) / Math.LN2;
  const correctnessPenalty = correctnessBits(epsCor, tagBits);
  const guard = estimate.rounding + guardOf([s0, s1, leak, secrecyPenalty, correctnessPenalty]);
  const length = (phaseError: number, vacuum: number) =>
    vacuum + s1 * (1 - entropy(phaseError)) - leak - secrecyPenalty - correctnessPenalty;

  const vacuumCredit = patternPublic ? 0 : s0;
  const exact = length(phi, vacuumCredit);
  const gamma = gammaPhaseError(estimate, constant, epsSec);
  const published = gamma === null ? null : length(gamma, vacuumCredit);
  return {
    ...estimate.more,
    s0,
    s1,
    v1_published: estimate.v1Published,
    v1: estimate.v1,
    s1_test: estimate.s1Test,
    x,
    d,
    c,
    alpha: Math.exp(-2 * lnInverseE),
    phi_H: phiH,
    phi_S: phiS,
    phi_gamma: gamma,
    phi,
    ell_gamma: published === null ? null : wholeBits(published, guard),
    ell_gamma_raw: published,
    ell_raw: exact,
    ell_pattern_public: wholeBits(length(phi, 0), guard),
    ...lengthOrReason(wholeBits(exact, guard), phi),
    terms: {
      C: constant,
      lnCOverEpsSec: lnInverseE,
      ...estimate.terms,
      vacuumCredit,
      singlePhotons: s1,
      phaseErrorEntropy: entropy(phi),
      singlePhotonSecrecy: s1 * (1 - entropy(phi)),
      leak,
      secrecyPenalty,
      correctnessPenalty,
      roundingGuard: guard,
    },
  };
}

function entangledLength(raw: SecurityInput): SecretKeyLength {
  const { n, k, m, epsSec, epsCor, leak, tagBits } = readEntangled(raw);
  const lnInverseE = Math.log(4) - Math.log(epsSec);
  const sampled = n > 0 && k > 0;
  const mu = sampled ? Math.sqrt(((n + k) / n / k) * ((k + 1) / k) * lnInverseE) : Number.POSITIVE_INFINITY;
  const serfling = sampled ? Math.min(0.5, m / k + mu) : 0.5;
  const hypergeometric = phaseErrorBound(m, k, n, 2 * lnInverseE);
  const phi = Math.min(serfling, hypergeometric.phi);
  const secrecyPenalty = -2 * Math.log2(epsSec);
  const correctnessPenalty = correctnessBits(epsCor, tagBits);
  const guard = guardOf([n, leak, secrecyPenalty, correctnessPenalty]);
  const length = (phaseError: number) => n * (1 - entropy(phaseError)) - leak - secrecyPenalty - correctnessPenalty;
  const exact = length(phi);
  return {
    mu,
    alpha: Math.exp(-2 * lnInverseE),
    phi_serfling: serfling,
    phi_H: hypergeometric.phiH,
    phi_S: hypergeometric.phiS,
    phi,
    ell_serfling: wholeBits(length(serfling), guard),
    ell_serfling_raw: length(serfling),
    ell_raw: exact,
    ...lengthOrReason(wholeBits(exact, guard), phi),
    terms: {
      C: 4,
      lnCOverEpsSec: lnInverseE,
      keyBits: n,
      testBits: k,
      testErrors: m,
      phaseErrorEntropy: entropy(phi),
      keySecrecy: n * (1 - entropy(phi)),
      leak,
      secrecyPenalty,
      correctnessPenalty,
      roundingGuard: guard,
    },
  };
}

/** max(log2(2/ε_cor), T): the tag published, or what the proof takes at least. */
function correctnessBits(epsCor: number, tagBits: number): number {
  return Math.max(1 - Math.log2(epsCor), tagBits);
}

function guardOf(summands: readonly number[]): number {
  return Math.max(roundingGuard, summands.reduce((sum, summand) => sum + Math.abs(summand), 0) * relativeRounding);
}

/** NaN never gets here as a length: secretKeyLength refuses it. */
function wholeBits(bits: number, guard: number): number {
  return Math.max(0, Math.floor(bits - guard));
}

function lengthOrReason(ell: number, phi: number): { ell: number; reason?: NoKeyReason } {
  if (ell > 0) return { ell };
  return { ell, reason: phi < 0.5 ? "LEAK_EXCEEDS_SECRECY" : "PHASE_ERROR_UNBOUNDED" };
}
