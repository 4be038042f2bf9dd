/**
 * Secure: the key length from counts and ledger, the same at both ends or nothing (FORMULAS.md 4, 10). Each end computes
 * it alone; Alice's length comes with the seed (amplify.ts) and Bob stops where his differs.
 */
import { QkdError } from "../errors.js";
import { grantedBits, type SecretKeyLength, secretKeyLength } from "../security/index.js";
import { type BlockCounts, lengthMode, proofInput } from "../security/proof.js";
import type { BlockReason, StageContext } from "./context.js";
import { verificationTagBits } from "./verify.js";

export interface SecuredLength {
  /** Bits of key that the block gives to the sink, whole keys of `keyBits` where the link splits it; 0 with a reason. */
  readonly bits: number;
  /** Bits that it puts into the authentication pool beside them. */
  readonly poolBits: number;
  readonly reason?: BlockReason;
  readonly bound: SecretKeyLength;
  readonly leak: number;
}

export function secure({ link, ledger }: StageContext, counts: BlockCounts): SecuredLength {
  const leak = ledger.total;
  const bound = secretKeyLength(proofInput(link, counts, leak, verificationTagBits));
  const possible = bound.ell ?? 0;
  if (!Number.isSafeInteger(possible) || possible < 0)
    throw new QkdError("INTERNAL_ERROR", "The key-length bound gave no length; nothing is made of the block.");
  return { ...grantedBits(lengthMode(link), possible, link.keyBits, link.authentication.replenish), bound, leak };
}
