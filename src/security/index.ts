/** Finite-key security of a block: pure functions, no I/O. */
export type { KeyLengthRequest, ProofName, SecurityInput } from "./input.js";
export { entropy, type NoKeyReason, type SecretKeyLength, secretKeyLength } from "./key-length.js";
export { type LeakEntry, LeakLedger, type LeakReason } from "./ledger.js";
export { type PhaseErrorBound, phaseErrorBound } from "./sampling.js";
