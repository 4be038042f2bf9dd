/** What every stage of one block works with, at either end. */
import type { BlockChannel } from "../channel/types.js";
import type { Link } from "../link.js";
import type { RandomSource } from "../random.js";
import type { LeakLedger } from "../security/ledger.js";
import type { Executor } from "../workers/executor.js";

/** The tag over everything said in the block so far, both directions (channel/authentication.ts). */
export interface TranscriptSeal {
  make(): Promise<{ pad: number; tag: Uint8Array }>;
  /** @throws QkdError CHANNEL_AUTHENTICATION_FAILED */
  check(seal: { pad: number; tag: Uint8Array }): Promise<void>;
  /** Digest of the transcript, for records. */
  digest(): string;
}

export interface StageContext {
  readonly link: Link;
  readonly index: number;
  readonly channel: BlockChannel;
  readonly executor: Executor;
  readonly ledger: LeakLedger;
  readonly random: RandomSource;
  readonly seal: TranscriptSeal;
  readonly signal: AbortSignal;
}

/** Why a block that never came to an end is tried no more. */
export type LostReason = "ATTEMPTS_USED_UP" | "LOST_AFTER_SEED" | "GIVEN_UP_BY_PEER";

/** Why a block gives no key: an outcome, not an error. Listed in README. */
export type BlockReason =
  | "NO_DETECTIONS"
  | "QBER_ABOVE_LIMIT"
  | "KEY_TOO_SHORT"
  | "NO_STATISTICS"
  | "NOT_RECONCILED"
  | "VERIFICATION_FAILED"
  | "BELOW_FIXED_LENGTH"
  | "INTERRUPTED"
  | LostReason
  | `ALARM_${string}`;
