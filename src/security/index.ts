/** Finite-key security of a block: pure functions, no I/O. */
export {
  type AuditFacts,
  type AuditRecord,
  auditRecord,
  auditSchema,
  auditVersion,
  parseAudit,
  type Recomputed,
  recompute,
} from "./audit.js";
export {
  collisionEpsilon,
  type Epsilon,
  EpsilonBudget,
  grantedBits,
  type LengthMode,
  shortestTag,
  sumEpsilon,
  tagEpsilon,
  totalEpsilon,
  type Verification,
} from "./budget.js";
export { entropy } from "./entropy.js";
export type { KeyLengthRequest, ProofName, SecurityInput } from "./input.js";
export { type NoKeyReason, type SecretKeyLength, secretKeyLength } from "./key-length.js";
export { type LeakEntry, LeakLedger, type LeakReason } from "./ledger.js";
export { type PhaseErrorBound, phaseErrorBound } from "./sampling.js";
export { tagsEqual, verificationTag, verificationTagBits } from "./verification.js";
