/**
 * Which pads from the link's own output an end may use for its tags: those of slots that both ends hold. An end puts a
 * block's key into its slot before it says that the block is decided (Alice) or stored (Bob), so whoever hears that knows
 * that the peer can check tags under it; on a new connection both tell what they hold.
 *
 * Pads are used in the order of their numbers. Nothing at or above a slot that a block under way has claimed is used until
 * that block has ended: its pads would be lost.
 */
import { QkdError } from "../errors.js";
import type { PadMarks } from "./pad-record.js";
import { padsPerSlot } from "./pool-file.js";

/** Ranges told in hello; the newest, where a pool has more. */
const mostRanges = 100;

type Range = readonly [first: number, last: number];

export class LinkSlots {
  private readonly open = new Set<number>();
  private agreed = new Set<number>();
  private peers: readonly Range[] = [];

  constructor(private readonly marks: PadMarks) {}

  /** A block under way is to fill it. */
  claimed(slot: number): void {
    this.open.add(slot);
  }
  /** This end has filled it. */
  filled(slot: number): void {
    if (this.peers.some(([first, last]) => first <= slot && slot <= last)) this.agreed.add(slot);
  }
  /** The peer has filled it too. */
  settled(slot: number): void {
    this.open.delete(slot);
    if (this.marks.slots.has(slot)) this.agreed.add(slot);
  }

  /** The peer has filled none from here on. */
  get peersNext(): number {
    return this.peers.reduce((next, [, last]) => Math.max(next, last + 1), 0);
  }

  /** For hello: slots held, `first-last` with commas between. */
  told(): string {
    const ranges: [number, number][] = [];
    for (const slot of [...this.marks.slots.keys()].sort((a, b) => a - b)) {
      const last = ranges.at(-1);
      if (last && last[1] === slot - 1) last[1] = slot;
      else ranges.push([slot, slot]);
    }
    return ranges
      .slice(-mostRanges)
      .map((range) => range.join("-"))
      .join(",");
  }

  /** The authenticated peer's `told`; blocks of an earlier connection are over. */
  met(told: string): void {
    this.peers = rangesOf(told);
    this.open.clear();
    this.agreed = new Set();
    for (const slot of this.marks.slots.keys()) this.filled(slot);
  }

  /** Whether this end may send a tag under that pad. */
  usable(pad: number): boolean {
    const slot = Math.floor(pad / padsPerSlot);
    return this.agreed.has(slot) && pad % padsPerSlot < (this.marks.slots.get(slot) ?? 0);
  }

  /** The first pad from here on that may be used. */
  nextUsable(pad: number): number | undefined {
    if (this.usable(pad)) return pad;
    let next: number | undefined;
    for (const slot of this.agreed) {
      const first = slot * padsPerSlot;
      if (first >= pad && first < (next ?? this.limit)) next = first;
    }
    return next;
  }

  /** Pads from here on wait for a block under way. */
  get limit(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const slot of this.open) lowest = Math.min(lowest, slot);
    return lowest * padsPerSlot;
  }

  /** Pads from `mark` on that may be used. */
  room(mark: number): number {
    let pads = 0;
    for (const slot of this.agreed) {
      const first = slot * padsPerSlot;
      if (first < this.limit) pads += Math.max(0, first + (this.marks.slots.get(slot) ?? 0) - Math.max(mark, first));
    }
    return pads;
  }
}

function rangesOf(told: string): Range[] {
  if (told === "") return [];
  const ranges = told.split(",").map((range) => /^(\d{1,13})-(\d{1,13})$/.exec(range)?.slice(1).map(Number));
  if (ranges.length > mostRanges || ranges.some((range) => !range || range[0]! > range[1]!))
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "The peer's list of pool slots is malformed.");
  return ranges as unknown as Range[];
}
