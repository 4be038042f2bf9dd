/** The round trip of a connection, as its blocks see it: what is learnt in one the next ones know, of whatever method. */
import type { ReconcileContext } from "./types.js";

interface RoundTrip {
  readonly seconds: number;
  /** That have begun since it was seen. */
  blocks: number;
}

const seen = new WeakMap<object, RoundTrip>();

/** Undefined before the first block has seen it. */
export function roundTripSeen({ channel }: ReconcileContext): RoundTrip | undefined {
  return seen.get(channel.line ?? channel);
}

export function roundTripIs({ channel }: ReconcileContext, seconds: number): void {
  seen.set(channel.line ?? channel, { seconds, blocks: 0 });
}
