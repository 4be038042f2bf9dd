/** What writes a format: events in, bytes out, and by name what the format could not hold. */
import type { TagBatch } from "../types.js";

export type EventBatch = Pick<TagBatch, "base" | "dt" | "channel" | "length">;

/** Times in ps that a format has, the upper one excluded. */
export interface TimeRange {
  readonly from: bigint;
  readonly to: bigint;
}

export interface Encoder {
  /** The writer leaves out what is not within. */
  readonly holds: TimeRange;
  header(): Uint8Array;
  encode(batch: EventBatch): Uint8Array;
  /** Bytes to put at an offset of the header once all is written. */
  finish?(bytes: number): { at: number; bytes: Uint8Array };
  /** What the format could not hold, by name, with counts. */
  readonly losses: Map<string, number>;
}

export function count(losses: Map<string, number>, name: string, events = 1): void {
  losses.set(name, (losses.get(name) ?? 0) + events);
}
