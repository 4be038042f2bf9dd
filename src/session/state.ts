/**
 * What one end remembers of its blocks, durably: which are begun, which can never be distilled again, which key is
 * prepared and not released, which is committed. A state machine over an append-only journal; the rules of DESIGN.md,
 * decision 8:
 *
 *   begun     something of it was said; may be tried again, with what both ends disclosed counted
 *   seeded    the Toeplitz seed left: never again
 *   prepared  (Bob) the key is durable, encrypted, not released, until Alice's decision is known
 *   committed (Alice: the decision; Bob: learnt) the key goes to the sink, again after a crash
 *   released  the sink has it
 *   closed    done without key
 */
import { QkdError } from "../errors.js";
import type { Journal } from "../keys/journal.js";
import type { PreparedKeys } from "../keys/prepared-store.js";
import { inRanges, parseRanges, rangesOf, rangesText } from "../ranges.js";
import type { LostReason } from "../stages/context.js";

export type BlockStatus = "begun" | "seeded" | "prepared" | "committed" | "released" | "closed";

export interface BlockState {
  readonly block: number;
  readonly status: BlockStatus;
  /** Those in which this end said something: detections at least. */
  readonly attempts: number;
  /** Bits that this end disclosed in earlier attempts, at most. */
  readonly leak: number;
}

/** What an end tells the other when they meet. */
export interface HeldBlocks {
  /** Blocks that this end distils no more, as ranges. */
  readonly settled: string;
  /** Begun ones that it may try again. */
  readonly retry: readonly { readonly block: number; readonly attempts: number; readonly leak: number }[];
  readonly prepared: readonly number[];
  /** The dump is done. */
  readonly complete: boolean;
}

export type StateRecord =
  | BlockState
  /** A block's report row, kept so that a resumed run can tell of all blocks. */
  | { readonly row: Readonly<Record<string, unknown>>; readonly block: number }
  | { readonly run: Readonly<Record<string, unknown>> }
  | { readonly complete: true };

export const maxAttempts = 3;
/** Most that hello tells. */
const mostRetries = 4096;

/** What can follow on what: a block never goes back. */
const order: Readonly<Record<BlockStatus, number>> = {
  begun: 0,
  seeded: 1,
  prepared: 2,
  committed: 3,
  released: 4,
  closed: 5,
};

function isOpen({ status, attempts }: BlockState): boolean {
  return status === "begun" && attempts < maxAttempts;
}

export class RunState {
  private readonly blocks = new Map<number, BlockState>();
  private readonly rowsByBlock = new Map<number, Readonly<Record<string, unknown>>>();
  private runFacts: Readonly<Record<string, unknown>> = {};
  private isComplete = false;

  constructor(
    private readonly journal: Journal<StateRecord>,
    readonly prepared: PreparedKeys,
  ) {
    for (const record of journal.records) this.learn(record);
  }

  get complete(): boolean {
    return this.isComplete;
  }
  get rows(): Readonly<Record<string, unknown>>[] {
    return [...this.rowsByBlock].sort(([a], [b]) => a - b).map(([, row]) => row);
  }
  hasRow(index: number): boolean {
    return this.rowsByBlock.has(index);
  }
  canRetry(index: number): boolean {
    return isOpen(this.block(index));
  }
  /** Blocks that are tried no more and of which no row tells, once no session runs. */
  get lost(): { readonly block: number; readonly reason: LostReason }[] {
    return [...this.blocks.values()].flatMap((each) => {
      const reason = this.hasRow(each.block) ? undefined : this.lostBy(each);
      return reason ? [{ block: each.block, reason }] : [];
    });
  }
  get run(): Readonly<Record<string, unknown>> {
    return this.runFacts;
  }

  block(index: number): BlockState {
    return this.blocks.get(index) ?? { block: index, status: "begun", attempts: 0, leak: 0 };
  }

  held(): HeldBlocks {
    const all = [...this.blocks.values()];
    // What is not told of is given up: blocks tried before, and what lies in the lowest of too many gaps.
    const again = new Set(all.filter(isOpen).slice(-mostRetries));
    const settled = all.filter((each) => !again.has(each)).map(({ block }) => block);
    return {
      settled: rangesText(rangesOf(settled.sort((a, b) => a - b)), true),
      retry: [...again].map(({ block, attempts, leak }) => ({ block, attempts, leak })),
      prepared: all.filter(({ status }) => status === "prepared").map(({ block }) => block),
      complete: this.isComplete,
    };
  }

  /** Blocks whose key must reach the sink (again): committed, not yet released. */
  get toRelease(): number[] {
    return [...this.blocks.values()].filter(({ status }) => status === "committed").map(({ block }) => block);
  }

  async mark(index: number, status: BlockStatus, change: { attempts?: number; leak?: number } = {}): Promise<void> {
    const { status: before, attempts, leak } = this.block(index);
    const backwards = order[status] < order[before] || (before === "released" && status === "closed");
    if (backwards) throw new QkdError("CHANNEL_CLOSED", `Block ${index} is ${before} and cannot be ${status} again.`);
    await this.write({ block: index, status, attempts: change.attempts ?? attempts, leak: change.leak ?? leak });
  }

  async keepRow(index: number, row: Readonly<Record<string, unknown>>): Promise<void> {
    await this.write({ row, block: index });
  }

  async keepRun(facts: Readonly<Record<string, unknown>>): Promise<void> {
    await this.write({ run: { ...this.runFacts, ...facts } });
  }

  async finish(): Promise<void> {
    if (!this.isComplete) await this.write({ complete: true });
  }

  private lostBy(each: BlockState): LostReason | undefined {
    if (each.status === "seeded") return "LOST_AFTER_SEED";
    if (each.status !== "begun") return undefined;
    if (!isOpen(each)) return "ATTEMPTS_USED_UP";
    return this.isComplete ? "GIVEN_UP_BY_PEER" : undefined;
  }

  private async write(record: StateRecord): Promise<void> {
    await this.journal.append(record);
    this.learn(record);
  }

  private learn(record: StateRecord): void {
    if ("complete" in record) this.isComplete = true;
    else if ("run" in record) this.runFacts = record.run;
    else if ("row" in record) this.rowsByBlock.set(record.block, record.row);
    else this.blocks.set(record.block, record);
  }
}

/** Which blocks a session may run, from what both ends hold. */
export interface BlockPlan {
  isOpen(block: number): boolean;
  /** Blocks that were tried before, with what both ends disclosed: to each other, or each to somebody between them. */
  readonly retry: ReadonlyMap<number, { readonly attempts: number; readonly leak: number }>;
}

/** @throws QkdError CHANNEL_MESSAGE_INVALID */
export function planBlocks(a: HeldBlocks, b: HeldBlocks): BlockPlan {
  const settled = [a, b].map((held) => parseRanges(held.settled));
  const retry = new Map<number, { attempts: number; leak: number }>();
  for (const { block, attempts, leak } of [...a.retry, ...b.retry]) {
    const other = retry.get(block);
    retry.set(block, {
      attempts: Math.max(attempts, other?.attempts ?? 0),
      leak: Math.min(Number.MAX_SAFE_INTEGER, leak + (other?.leak ?? 0)),
    });
  }
  return { isOpen: (block) => !settled.some((ranges) => inRanges(ranges, block)), retry };
}
