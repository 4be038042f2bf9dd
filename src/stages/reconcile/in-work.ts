/** Blocks that one end has in work at once: they fill each other's waits, as a block's own waves do. */
import type { BlockChannel } from "../../channel/types.js";
import type { Executor } from "../../workers/executor.js";
import type { ReconcileContext } from "./types.js";

const inWork = new WeakMap<Executor, Set<BlockChannel>>();

/** Besides this one. */
export function othersInWork({ executor, channel }: ReconcileContext): number {
  const channels = inWork.get(executor);
  return (channels?.size ?? 0) - (channels?.has(channel) ? 1 : 0);
}

export async function whileInWork<T>({ executor, channel }: ReconcileContext, run: () => Promise<T>): Promise<T> {
  const channels = inWork.get(executor) ?? new Set<BlockChannel>();
  inWork.set(executor, channels);
  // `auto` has counted the block before the method does.
  if (channels.has(channel)) return run();
  channels.add(channel);
  try {
    return await run();
  } finally {
    channels.delete(channel);
  }
}
