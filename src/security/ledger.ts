/**
 * The leak ledger: the only source of the leakage term (DESIGN.md, decision 7; FORMULAS.md 5). Every disclosure that
 * depends on the key basis is an entry; both ends keep their own and compare before the key length is computed.
 *
 * An attempt that fails may have been with somebody else at either end: what each end itself disclosed counts in the next
 * attempt, and so does what would have cost nothing in this one.
 */
import type { Role } from "../channel/types.js";

export type LeakReason =
  | "syndrome"
  | "further-syndrome"
  | "revealed-bits"
  | "revealed-frame"
  | "parity"
  | "reconciliation-tag"
  | "reconciliation-flag"
  | "sampled-bits"
  | "error-counts"
  | "earlier-attempt";

/** What Bob says one-way of his key or of its errors; all else is Alice's. */
const bobs: readonly LeakReason[] = ["reconciliation-flag", "error-counts"];

export interface LeakEntry {
  readonly reason: LeakReason;
  readonly bits: number;
}

/** What a number from 0 to `most` can tell. */
export function countBits(most: number): number {
  return Math.ceil(Math.log2(most + 1));
}

export class LeakLedger {
  private readonly byReason = new Map<LeakReason, number>();
  private asideBits = 0;

  add(reason: LeakReason, bits: number): void {
    if (!Number.isSafeInteger(bits) || bits < 0) throw new RangeError(`leak of ${bits} bits`);
    if (bits > 0) this.byReason.set(reason, (this.byReason.get(reason) ?? 0) + bits);
  }

  /** This end discloses bits that are no key in this attempt, or are subtracted elsewhere, but may be key in another. */
  aside(bits: number): void {
    this.asideBits += bits;
  }

  /**
   * Bits that this end has disclosed in this attempt, at most, whoever heard them. Pattern-public, what Bob says follows
   * from how his bits differ from what he was told: a bit for each of those, where it was not Alice who told him.
   */
  disclosedBy(role: Role, oneWay: boolean): number {
    let sum = this.asideBits;
    for (const [reason, bits] of this.byReason) {
      const own = role === "alice" ? !bobs.includes(reason) : !oneWay || bobs.includes(reason);
      if (own && reason !== "earlier-attempt") sum += bits;
    }
    return sum;
  }

  get total(): number {
    let sum = 0;
    for (const bits of this.byReason.values()) sum += bits;
    return sum;
  }

  /** One entry a reason, in order of first use. */
  get entries(): LeakEntry[] {
    return [...this.byReason].map(([reason, bits]) => ({ reason, bits }));
  }
}
