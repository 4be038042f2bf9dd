/** From a block's counts to the input of the key-length bound of its protocol (FORMULAS.md 1, 4). */
import type { Link } from "../link.js";
import type { LengthMode } from "./budget.js";
import type { ProofName } from "./input.js";

export type { ProofName };

/** What a bound sees of a block; public counts, one per intensity (one where there is no decoy). */
export interface BlockCounts {
  readonly nKey: readonly number[];
  readonly nTest: readonly number[];
  readonly mTest: readonly number[];
  /** Key-basis errors, one-decoy only. */
  readonly mKey?: readonly number[];
}

export interface ProofInput {
  readonly proof: ProofName;
  readonly input: Readonly<Record<string, unknown>>;
}

export function proofOf(link: Link): ProofName {
  if (link.protocol === "bb84-two-decoy") return "lim2014-two-decoy";
  return link.protocol === "bb84-one-decoy" ? "rusca2018-one-decoy" : "tomamichel2012-bbm92";
}

/** How long a block's key may be, as the link says. */
export function lengthMode({ security }: Link): LengthMode {
  return security.length === "fixed" ? { length: "fixed", secretBits: security.secretBits! } : { length: "variable" };
}

/** @param leak ledger's total, bits; @param tagBits verification tags published, bits */
export function proofInput(link: Link, counts: BlockCounts, leak: number, tagBits: number): ProofInput {
  const proof = proofOf(link);
  const common = {
    leak,
    tag_bits: tagBits,
    eps_sec: link.epsilon.secrecy,
    eps_cor: link.epsilon.correctness,
    ...(link.reconciliation.accounting === "pattern-public" ? { pattern_public: true } : {}),
  };
  if (proof === "tomamichel2012-bbm92")
    return { proof, input: { n: sum(counts.nKey), k: sum(counts.nTest), m: sum(counts.mTest), ...common } };
  const intensities = link.source!.intensities;
  return {
    proof,
    input: {
      mu: intensities.map((i) => i.mean),
      p: intensities.map((i) => i.probability),
      n_key: counts.nKey,
      n_test: counts.nTest,
      m_test: counts.mTest,
      ...(proof === "rusca2018-one-decoy" ? { m_key: counts.mKey ?? counts.nKey.map(() => 0) } : {}),
      ...common,
    },
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, n) => total + n, 0);
}
