/** What a user of the library imports. */
export { BitString } from "./bits.js";
export type { DistillOptions } from "./distill.js";
export { createEngine, type Engine, type EngineOptions, type Party } from "./engine.js";
export { type ErrorCode, errorTable, QkdError } from "./errors.js";
export { JsonlSink } from "./keys/jsonl-sink.js";
export { AuthKeyPool } from "./keys/pool.js";
export type { KeySink, SecretKey } from "./keys/types.js";
export { type Link, type LinkInput, parseLink } from "./link.js";
export type { DistillReport } from "./report/distill-report.js";
export type { PartyOptions, PartyReport } from "./session/party-run.js";
export type { PairOptions, ReconcileResult } from "./stages/reconcile/pair.js";
