/**
 * The leak ledger: the only source of the leakage term (DESIGN.md, decision 7; FORMULAS.md 5). Every disclosure that
 * depends on the key basis is an entry; both ends keep their own and compare before the key length is computed.
 */
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

export interface LeakEntry {
  readonly reason: LeakReason;
  readonly bits: number;
}

export class LeakLedger {
  private readonly byReason = new Map<LeakReason, number>();

  add(reason: LeakReason, bits: number): void {
    if (!Number.isSafeInteger(bits) || bits < 0) throw new RangeError(`leak of ${bits} bits`);
    if (bits > 0) this.byReason.set(reason, (this.byReason.get(reason) ?? 0) + bits);
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
