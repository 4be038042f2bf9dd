/** What this process knows of the pads that the peer's tags may name. */
import type { PadMarks, Track } from "./pad-record.js";

/** Pads remembered one by one before the oldest are given up together. */
const remembered = 4096;

export interface Receiving {
  /** Pads below are refused. */
  floor: number;
  /** Pads at or above `floor` that were named. */
  readonly seen: Set<number>;
  /** Pads below are recorded as used. */
  reservedTo: number;
  /** The peer is known to have come this far. */
  trusted: number;
}

export function receivingFrom(marks: PadMarks, track: Track): Receiving {
  const mark = marks.mark.get(track)!;
  return { floor: mark, seen: new Set(marks.burned.get(track)), reservedTo: mark, trusted: mark };
}

export function see(state: Receiving, pad: number): void {
  state.seen.add(pad);
  let floor = state.floor;
  while (state.seen.has(floor)) floor++;
  raiseFloor(
    state,
    state.seen.size > remembered ? Math.max(floor, [...state.seen].sort((a, b) => a - b)[remembered / 2]!) : floor,
  );
}

export function raiseFloor(state: Receiving, floor: number): void {
  if (floor <= state.floor) return;
  state.floor = floor;
  for (const pad of state.seen) if (pad < floor) state.seen.delete(pad);
}
