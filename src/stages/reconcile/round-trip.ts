/** The round trip of a connection, as its blocks see it: what is learnt in one the next ones know, of whatever method. */
import type { ReconcileContext, ReconcileOutcome } from "./types.js";

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

/** Cascade's, which share round trips; 1 for what has none. */
export function wavesInFlight({ choice }: Pick<ReconcileOutcome, "choice">): number {
  return typeof choice.lanes === "number" ? Math.max(1, choice.lanes) : 1;
}

/** Round trips of a block's reconciliation that came one after the other: those of the rounds, and one to begin and end. */
export function tripsInTurn(outcome: Pick<ReconcileOutcome, "rounds" | "choice">): number {
  return 1 + outcome.rounds / wavesInFlight(outcome);
}
