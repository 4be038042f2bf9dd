/** What a user of the library imports. */
export { BitString } from "./bits.js";
export { type ErrorCode, errorTable, QkdError } from "./errors.js";
