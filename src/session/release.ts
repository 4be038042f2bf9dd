/** A committed block's keys on their way out of the prepared store. */
import { interrupted, QkdError } from "../errors.js";
import type { BlockKeys, BlockRecord, Deposits, KeySink, SecretKey } from "../keys/types.js";
import type { RunState } from "./state.js";

export interface ReleaseOptions {
  readonly sink: KeySink;
  readonly deposits?: Deposits;
  /** Makes it durable; the same again changes nothing. */
  keep(record: BlockRecord, index: number): Promise<void>;
}

/** After a stop a sink that does not return is waited for this long. */
const sinkGraceMs = 10_000;

/** A session's use of the sink: a store that hangs holds no end that shall stop. */
export class SinkUse {
  private pending = 0;

  constructor(
    /** The end stops now: no further key is handed over. */
    private readonly ended: AbortSignal,
    /** It stops, or once its blocks have ended. */
    private readonly leaving: AbortSignal,
    private readonly progress: () => void,
    private readonly graceMs = sinkGraceMs,
  ) {}

  /** A store was called and has not returned. */
  get busy(): boolean {
    return this.pending > 0;
  }

  /** @throws QkdError the sink's own, KEY_SINK_FAILED, INTERRUPTED */
  async store(sink: KeySink, key: SecretKey): Promise<void> {
    if (this.ended.aborted) throw interrupted();
    this.pending++;
    try {
      await this.untilStopped(storeCopy(sink, key));
    } finally {
      this.pending--;
    }
    this.progress();
  }

  private async untilStopped(stored: Promise<void>): Promise<void> {
    const { leaving, graceMs } = this;
    let timer: NodeJS.Timeout | undefined;
    let fail!: (reason: QkdError) => void;
    const tooLong = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const begin = () => {
      const why = `its store() did not return within ${graceMs} ms of the stop`;
      timer = setTimeout(() => fail(sinkFailed(why)), graceMs);
    };
    if (leaving.aborted) begin();
    else leaving.addEventListener("abort", begin, { once: true });
    try {
      await Promise.race([stored, tooLong]);
    } finally {
      clearTimeout(timer);
      leaving.removeEventListener("abort", begin);
    }
  }
}

/** Bytes of its own: a store that is left alone may go on long after the block's are wiped, and would store zeros. */
async function storeCopy(sink: KeySink, key: SecretKey): Promise<void> {
  const bytes = key.bytes.slice();
  try {
    await sink.store({ ...key, bytes });
  } catch (error) {
    throw error instanceof QkdError ? error : sinkFailed(error instanceof Error ? error.message : String(error), error);
  } finally {
    bytes.fill(0);
  }
}

export function sinkFailed(why: string, cause?: unknown): QkdError {
  return new QkdError(
    "KEY_SINK_FAILED",
    `The key sink failed: ${why}. The key is safe in the state and is stored when the run is started again.`,
    {},
    { cause },
  );
}

/**
 * To audit, pool and sink; then the record that it is there; then out of the prepared store. A crash in between repeats what the
 * record does not know (sinks are idempotent) or leaves a file that the next start sweeps: never a key that is to be
 * released and is nowhere.
 */
export async function releaseKeys(
  state: RunState,
  options: ReleaseOptions,
  block: number,
  made: BlockKeys,
  use: SinkUse,
): Promise<void> {
  await settleBlock(options, block, made);
  await storeKeys(state, options, block, made, use);
}

/** What the peer may rely on once it hears that this end knows of the key: the pool comes before the sink, which may fail. */
export async function settleBlock(
  { deposits, keep }: ReleaseOptions,
  block: number,
  { deposit, record }: BlockKeys,
): Promise<void> {
  if (record) await keep(record, block);
  if (!deposit) return;
  if (!deposits) throw new QkdError("INTERNAL_ERROR", `Block ${block} has pads for a pool that is not there.`);
  await deposits.fillSlot(deposit.slot, deposit.bytes);
}

export async function storeKeys(
  state: RunState,
  { sink }: ReleaseOptions,
  block: number,
  { keys }: BlockKeys,
  use: SinkUse,
): Promise<void> {
  for (const key of keys) await use.store(sink, key);
  await state.mark(block, "released");
  await state.prepared.remove(block);
}
