/** A committed block's keys on their way out of the prepared store. */
import { QkdError } from "../errors.js";
import type { BlockKeys, BlockRecord, Deposits, KeySink } from "../keys/types.js";
import type { RunState } from "./state.js";

export interface ReleaseOptions {
  readonly sink: KeySink;
  readonly deposits?: Deposits;
  /** Makes it durable; the same again changes nothing. */
  keep(record: BlockRecord, index: number): Promise<void>;
}

/**
 * To audit, sink and pool; then the record that it is there; then out of the prepared store. A crash in between repeats what the
 * record does not know (sinks are idempotent) or leaves a file that the next start sweeps: never a key that is to be
 * released and is nowhere.
 */
export async function releaseKeys(
  state: RunState,
  { sink, deposits, keep }: ReleaseOptions,
  block: number,
  { keys, deposit, record }: BlockKeys,
): Promise<void> {
  if (record) await keep(record, block);
  for (const key of keys) await sink.store(key);
  if (deposit) {
    if (!deposits) throw new QkdError("INTERNAL_ERROR", `Block ${block} has pads for a pool that is not there.`);
    await deposits.fillSlot(deposit.slot, deposit.bytes);
  }
  await state.mark(block, "released");
  await state.prepared.remove(block);
}
