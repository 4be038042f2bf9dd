/**
 * The one error class and the one table of its codes (the README's table is checked against it by a test).
 * A code is stable: area first, upper snake case. Messages are for people, `details` for machines; neither may hold
 * key, seed, pad or sifted bits.
 */

export const errorTable = {
  // bit strings and arguments
  BITS_LENGTH_INVALID: "A bit length is negative, not an integer, or larger than the bytes given.",
  USAGE_INVALID: "The command line or an option does not make sense as given.",
  INTERRUPTED: "Stopped by a signal; finished work is kept.",
  INTERNAL_ERROR: "A fault in qkd-distill itself; please report it with the message.",
  // files
  FILE_UNREADABLE: "A file cannot be opened or read (missing, a directory, no permission).",
  FILE_LOCKED: "Another process works in the same output folder.",
  FILE_NOT_JSON: "A file that should be JSON is not.",
  FILE_WRITE_FAILED: "A file could not be written whole; nothing is left under its final name.",
  // link description
  LINK_CONFIG_INVALID: "The link description is wrong; the message names the field.",
  LINK_CHANNEL_UNKNOWN: "The dump's channels do not fit the detectors that the link description names.",
  LINK_DUMP_MISMATCH:
    "A dump is not of the kind that the link description asks for, or the dumps do not overlap in time.",
  // codes
  CODE_ALIST_INVALID: "The text is no alist; the message names the line.",
  CODE_UNKNOWN: "There is no code with that id.",
  // reconciliation
  RECONCILE_PEER_MISBEHAVES: "The peer breaks the rules of reconciliation; the block is dropped.",
  // dumps
  DUMP_BAD_MAGIC: "The file is not of the format named, or of none that is known.",
  DUMP_TRUNCATED_HEADER: "The file ends inside its header.",
  DUMP_BAD_TAG: "A header entry makes no sense (a length out of bounds, a value that cannot be).",
  DUMP_UNKNOWN_TAG_TYPE: "A header entry has an unknown type, so that its length cannot be known.",
  DUMP_UNKNOWN_RECORD_TYPE: "The records are of a type that is not known.",
  DUMP_MISSING_TAG: "The header lacks an entry without which records have no meaning.",
  DUMP_BAD_RECORD: "A record cannot be what it claims to be.",
  DUMP_NO_RECORD_COUNT: "Warning: the header counts no records; the file was read to its end.",
  DUMP_RECORD_COUNT_MISMATCH: "Warning (error with --strict): the header counts more or fewer records than there are.",
  DUMP_TRUNCATED_RECORD: "Warning (error with --strict): the last record is cut.",
  DUMP_REPLACED: "A file that is followed became shorter, or another one took its place; start again with the new one.",
  DUMP_FORMAT_UNSUPPORTED: "There is no reader for that format, or none that reads it from a stream.",
  DUMP_NO_TIMES: "The dump's records say no times, so that it cannot be used as a stream of events.",
  DUMP_UNIT_UNKNOWN: "The dump does not say the unit of its times; name it with --unit.",
  DUMP_COLUMN_MISSING: "A table lacks the column that was named, or it is not of integers; name it with --columns.",
  DUMP_REFERENCE_PERIOD_MISSING: "Warning: without --reference-period-ps the times count from the last reference only.",
  // blocks
  BLOCK_TOO_LARGE:
    "A block holds more than can be worked on or said at once; lower `blocks.seconds` or `blocks.pulses`.",
  // timing
  TIMING_SEGMENT_MOVED:
    "Another stretch of events than before would be disclosed for calibration; the run cannot go on.",
  // classical channel
  CHANNEL_LISTEN_FAILED: "The address to listen on cannot be had (in use, no permission, unknown host).",
  CHANNEL_CORRUPT: "The connection carries damaged data; it is dropped and made anew.",
  CHANNEL_VERSION_MISMATCH: "The ends speak different protocol versions.",
  CHANNEL_ROLE_MISMATCH: "Both ends run in the same role.",
  CHANNEL_LINK_MISMATCH: "The ends have different link descriptions; the message names the field.",
  CHANNEL_PEER_ABSENT: "The peer was not heard for the time that --wait allows.",
  CHANNEL_CLOSED: "The connection to the peer ended.",
  CHANNEL_MESSAGE_INVALID: "A message from the peer does not fit its schema or bounds.",
  CHANNEL_MESSAGE_UNEXPECTED: "The peer sent a message of another type than the protocol step expects.",
  // authentication keys
  AUTH_KEY_TOO_SHORT: "The authentication key file is shorter than 4 KiB.",
  AUTH_POOL_EXHAUSTED: "The one-time pads are used up but for the closing reserve; add pre-shared key at both ends.",
  AUTH_PAD_USED: "A tag of the peer names a pad that was used, is of the wrong direction, or does not exist.",
  AUTH_TOO_MANY_FAILURES: "Too many wrong tags on one connection; it is closed.",
  AUTH_STATE_ROLLED_BACK: "The record of used pads is older than this end knows; the key file must not be used again.",
  AUTH_STATE_DAMAGED: "The record of used pads cannot be read; the key file must not be used again.",
  AUTH_STATE_FOREIGN: "The record of used pads belongs to another key file.",
  AUTH_STATE_VERSION: "The record of used pads was written by another version.",
  AUTH_SIGN_KEY_WRONG: "A signing key is no Ed25519 private key, or not the one that the link description names.",
  AUTH_REPLENISH_CONFLICT: "Key of this block was put into the pool already, with other bytes or of another length.",
  CHANNEL_AUTHENTICATION_FAILED:
    "A tag of the peer is wrong: another authentication key, or someone changed what was said.",
  CHANNEL_KEY_MISMATCH: "The ends have different authentication keys or modes.",
  // state and keys
  STATE_OTHER_RUN: "The state folder belongs to a run with another link description or dump.",
  STATE_DAMAGED: "The state folder is damaged.",
  STATE_VERSION: "The state folder was written by another version.",
  STATE_KEY_WRONG: "The state key does not open the prepared keys.",
  KEY_SINK_FAILED:
    "The key sink failed or does not return; the key is safe in the state and is stored when the run is started again.",
  KEYS_FILE_DAMAGED: "A line of keys.jsonl is no key.",
  KEYS_ID_CONFLICT: "A key ID exists already with other bytes.",
  // reconciliation by Cascade
  RECONCILE_ACCOUNTING_UNSUPPORTED: "Cascade needs pattern-public accounting: Bob's requests show where errors are.",
  RECONCILE_REQUEST_INVALID: "Bob asked for something that the Cascade protocol does not have at this point.",
  RECONCILE_ANSWER_INVALID: "Alice's answer does not hold exactly the bits that were asked for.",
  RECONCILE_ROUNDS_EXCEEDED: "Cascade did not end within its bound of rounds.",
  RECONCILE_COUNT_MISMATCH: "The two ends counted different leakage or lengths.",
  // security
  AUDIT_INVALID: "A line of an audit file does not fit its schema; the message names the field.",
  SECURITY_TAG_TOO_SHORT: "A verification tag is too short for the correctness epsilon and the block's length.",
  SECURITY_ENDS_DISAGREE: "The two ends computed different key lengths; the block is dropped at both.",
  SECURITY_PROOF_UNKNOWN: "No proof has that name.",
  SECURITY_INPUT_INVALID: "A field of a key-length request has the wrong type.",
  SECURITY_EPS_RANGE: "An epsilon is not between 0 and 1.",
  SECURITY_LEAK_NEGATIVE: "A leakage or tag length is negative or no number.",
  SECURITY_ARITY: "A list does not hold one number per intensity of the proof.",
  SECURITY_INTENSITY_ORDER: "The intensities are not in the order that the proof needs.",
  SECURITY_PROBABILITY: "The intensities' probabilities are out of range or do not sum to 1.",
  SECURITY_COUNT_NEGATIVE: "A count is negative or no number.",
  SECURITY_COUNT_INCONSISTENT: "There are more errors than detections, or a count is no whole number below 2^53.",
  SECURITY_NOT_A_NUMBER: "A term of the key length is no number; no length is given.",
  // engine, pool, kernels
  ENGINE_CLOSED: "The engine was closed; make a new one.",
  ENGINE_CANCELLED: "The job was cancelled.",
  ENGINE_WORKER_FAILED: "A worker thread died or answered nonsense.",
  KERNEL_SEED_LENGTH: "A Toeplitz seed is not as long as its matrix needs: n + l - 1 bits, or n - 1 for [I | T].",
  KERNEL_OUTPUT_LENGTH: "A hash is asked for more bits than went in, or for no whole number of them.",
  KERNEL_CODE_MISMATCH: "A word, syndrome or position does not fit the code.",
  KERNEL_OPTION_INVALID: "An option of the decoder is out of range.",
  KERNEL_SIFT_INPUT: "Detections to sift do not fit their bits, or lie outside the preparation record.",
  KERNEL_OUT_OF_MEMORY: "WebAssembly memory for the job cannot be had.",
  KERNEL_SELF_TEST_FAILED: "A start-up known-answer test failed; nothing is released.",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof errorTable;

export class QkdError extends Error {
  override readonly name = "QkdError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  toJSON(): { code: ErrorCode; message: string; details: Readonly<Record<string, unknown>> } {
    return { code: this.code, message: this.message, details: this.details };
  }
}

export function blockTooLarge(why: string, details: Readonly<Record<string, unknown>>): QkdError {
  const remedy = "make blocks shorter in the link description (blocks.seconds; blocks.pulses), the same at both ends";
  return new QkdError("BLOCK_TOO_LARGE", `${why}: ${remedy}.`, details);
}

export function interrupted(): QkdError {
  return new QkdError("INTERRUPTED", "Stopped; what is committed is kept.");
}

/** For boundaries that must answer with a code: anything that is no QkdError becomes one, its cause kept. */
export function toQkdError(error: unknown, fallback: ErrorCode): QkdError {
  if (error instanceof QkdError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new QkdError(fallback, message, {}, { cause: error });
}
