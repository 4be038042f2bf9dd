/** Blocks that one end has in work at once: they fill each other's waits, as a block's own waves do. */
import type { BlockChannel, Role } from "../../channel/types.js";
import type { Executor } from "../../workers/executor.js";
import type { ReconcileContext } from "./types.js";

export const leastInWork = 6;
export const mostInWork = 16;

/** What keeps both ends busy without delay, and as many more as compute while one waits. */
export function blocksInWork(waitingSeconds: number, coreSeconds: number): number {
  return Math.min(mostInWork, Math.round(leastInWork + waitingSeconds / Math.max(coreSeconds, 1e-6)));
}

/**
 * Core seconds of one of so many blocks in work, which took so long from begin to end: they begin together and wait
 * together, and each computes after the other.
 * @param turns of the block that overlap: Cascade's lanes, where waves follow each other
 */
export function coreSeconds(seconds: number, waiting: number, blocks: number, turns = 1): number {
  return (seconds - waiting) / (blocks - 1 + 1 / turns);
}

/** Both ends of a block may be in one process. */
const inWork = new WeakMap<Executor, Map<BlockChannel, Role>>();

/** Of the same end, besides this one. */
export function othersInWork({ executor, channel }: ReconcileContext): number {
  const channels = inWork.get(executor);
  const mine = channels?.get(channel);
  return [...(channels?.values() ?? [])].filter((role) => role === mine).length - (mine ? 1 : 0);
}

export async function whileInWork<T>(
  { executor, channel }: ReconcileContext,
  role: Role,
  run: () => Promise<T>,
): Promise<T> {
  const channels = inWork.get(executor) ?? new Map<BlockChannel, Role>();
  inWork.set(executor, channels);
  // `auto` has counted the block before the method does.
  if (channels.has(channel)) return run();
  channels.set(channel, role);
  try {
    return await run();
  } finally {
    channels.delete(channel);
  }
}
