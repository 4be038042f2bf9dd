/** What every reconciliation method looks like to the pipeline: two halves over one block's channel. */
import type { BitString } from "../../bits.js";
import type { BlockChannel } from "../../channel/types.js";
import type { Link } from "../../link.js";
import type { RandomSource } from "../../random.js";
import type { LeakLedger } from "../../security/ledger.js";
import type { Executor } from "../../workers/executor.js";

export type Accounting = Link["reconciliation"]["accounting"];
export type ReconciliationMode = Link["reconciliation"]["mode"];

export interface ReconcileContext {
  readonly channel: BlockChannel;
  readonly executor: Executor;
  /** Gets an entry for every key-dependent bit before it is sent (Alice) or as it arrives (Bob). */
  readonly ledger: LeakLedger;
  readonly random: RandomSource;
  readonly signal?: AbortSignal;
}

export interface ReconcileOptions {
  /** Estimate that both ends share and that is public already (test basis, earlier blocks), 0 … 0.5. */
  readonly qber: number;
  readonly mode: ReconciliationMode;
  readonly accounting: Accounting;
  /** The estimate is of the other basis: begin with less than it asks for, rounds add what is missing. */
  readonly rough?: boolean;
  /** Round trip of the classical channel as the session's start took, seconds; what blocks have seen comes before it. */
  readonly roundTripSeconds?: number;
  /** Alice: seconds in which the link fills a block, where the ends wait for it; absent or 0 where it waits for them. */
  readonly sourceSeconds?: number;
  /** Blocks follow, and the caller keeps as many in work as their waits ask for (in-work.ts, blocksInWork). */
  readonly windowed?: boolean;
}

export interface Rounds {
  readonly frames: number;
  /** Frames revealed whole. */
  readonly framesFailed: number;
  /** Messages from Alice that answered a request of Bob's. */
  readonly rounds: number;
}

export interface ReconcileOutcome extends Rounds {
  /** False: the ends do not agree and nothing may be made of the block; `reason` says why. */
  readonly ok: boolean;
  readonly reason?: string;
  /** Alice's word: her own at Alice, the estimate of it at Bob. */
  readonly word: BitString;
  /** Bob alone: how many bits he corrected or was shown to be wrong. */
  readonly errors?: number;
  /** What was chosen and why, for the report: code ids, parameters, alternatives. Nothing key-dependent. */
  readonly choice: Readonly<Record<string, unknown>>;
}

export interface Ends<T> {
  readonly alice: T;
  readonly bob: T;
}

export interface Reconciler {
  asAlice(context: ReconcileContext, word: BitString, options: ReconcileOptions): Promise<ReconcileOutcome>;
  asBob(context: ReconcileContext, word: BitString, options: ReconcileOptions): Promise<ReconcileOutcome>;
  /** Where both ends are in this process and one executor is theirs; absent: as over any channel. */
  asBoth?(
    contexts: Ends<ReconcileContext>,
    words: Ends<BitString>,
    options: ReconcileOptions,
  ): Promise<Ends<ReconcileOutcome>>;
}
