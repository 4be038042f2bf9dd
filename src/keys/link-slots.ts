/**
 * Which pads from the link's own output an end may use for its tags: those of slots that both ends hold. An end puts a
 * block's key into its slot before it says that the block is decided (Alice) or stored (Bob), so whoever hears that knows
 * that the peer can check tags under it; on a new connection both tell what they hold.
 *
 * Pads are used in the order of their numbers. Nothing at or above a slot that a block under way has claimed is used until
 * that block has ended: its pads would be lost.
 */
import { inRanges, parseRanges, type Range, rangesOf, rangesText } from "../ranges.js";
import type { PadMarks } from "./pad-record.js";
import { padsPerSlot } from "./pool-file.js";

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
    if (inRanges(this.peers, slot)) this.agreed.add(slot);
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

  /** For hello: slots held; the newest, where there are many gaps. */
  told(): string {
    return rangesText(rangesOf([...this.marks.slots.keys()].sort((a, b) => a - b)), false);
  }

  /** The authenticated peer's `told`; blocks of an earlier connection are over. */
  met(told: string): void {
    this.peers = parseRanges(told);
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
