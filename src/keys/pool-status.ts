/** What is left of an authentication key pool: `pool status`, and the room for tags. */
import { type Direction, FilePadRecord, type PadMarks } from "./pad-record.js";
import { FilePads, padsPerSlot } from "./pool-file.js";

/** Shared pads of each direction kept back for the messages that close a block or a session. */
export const closingReserve = 8;

/** A number for each direction. */
export interface ByDirection {
  readonly aliceToBob: number;
  readonly bobToAlice: number;
}

export interface PoolStatus {
  readonly padsLeft: ByDirection;
  readonly padsUsed: ByDirection;
  /** Of `padsLeft`, kept for closing messages. */
  readonly padsReserved: ByDirection;
  /** Pads in each direction that the link's own output put in and that are not used. */
  readonly linkPadsLeft: ByDirection;
  readonly fingerprint: string;
}

/** What `pool status FILE` tells. */
export async function poolStatus(file: string): Promise<PoolStatus> {
  const source = await FilePads.open(file);
  try {
    const marks = await FilePadRecord.read(`${file}.used`, source.fingerprint);
    return statusOf(marks, await source.capacity(), source.fingerprint);
  } finally {
    source.close();
  }
}

export function statusOf(marks: PadMarks, capacity: number, fingerprint: string): PoolStatus {
  const used = (direction: Direction) =>
    Math.max(marks.mark.get(`shared.${direction}.sent`)!, marks.mark.get(`shared.${direction}.received`)!);
  const linkLeft = (direction: Direction) => {
    const mark = Math.max(marks.mark.get(`link.${direction}.sent`)!, marks.mark.get(`link.${direction}.received`)!);
    let left = 0;
    for (const [slot, pads] of marks.slots)
      left += Math.max(0, slot * padsPerSlot + pads - Math.max(mark, slot * padsPerSlot));
    return left;
  };
  const both = (of: (direction: Direction) => number) => ({
    aliceToBob: of("aliceToBob"),
    bobToAlice: of("bobToAlice"),
  });
  return {
    padsLeft: both((direction) => Math.max(0, capacity - used(direction))),
    padsUsed: both((direction) => Math.min(capacity, used(direction))),
    padsReserved: both((direction) => Math.min(closingReserve, Math.max(0, capacity - used(direction)))),
    linkPadsLeft: both(linkLeft),
    fingerprint,
  };
}
