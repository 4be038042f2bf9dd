/** What a user of the library imports. */
export { BitString } from "./bits.js";
export { type ErrorCode, errorTable, QkdError } from "./errors.js";
export { JsonlSink } from "./keys/jsonl-sink.js";
export { AuthKeyPool } from "./keys/pool.js";
export type { KeySink, SecretKey } from "./keys/types.js";
