/** Blocks that one end has in work at once: they fill each other's waits, as a block's own waves do. */
import type { BlockChannel, Role } from "../../channel/types.js";
import type { Executor } from "../../workers/executor.js";
import type { ReconcileContext } from "./types.js";

export const leastInWork = 6;
export const mostInWork = 16;

/** So many blocks that as many compute as on a link without delay; a long block waits for a small share of its time. */
export function blocksInWork(waitingSeconds: number, blockSeconds: number): number {
  const computing = Math.max(1 - waitingSeconds / blockSeconds, leastInWork / mostInWork);
  return Math.round(leastInWork / computing);
}

/** Where that ends for blocks that all wait and compute alike: they take a block's computing each from begin to end. */
export function blocksInTheEnd(waitingSeconds: number, coreSeconds: number): number {
  return Math.min(mostInWork, leastInWork + Math.floor(waitingSeconds / coreSeconds));
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
