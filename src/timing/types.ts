/** What clock recovery answers: a lock, or why there is none, which is an outcome and no error. */

/**
 * Bob's clock against Alice's (CONTRACT.md, "Clock"). Two taggers: t_bob = t_alice + offset + drift·(t_alice − reference);
 * prepare-and-measure: t_bob of pulse n at the first detector = offset + n·period·(1 + drift), reference 0.
 */
export interface ClockReport {
  readonly offsetPs: string;
  readonly referencePs: string;
  readonly driftPpb: number;
  /** What was followed beyond that line, by seconds after the reference on Alice's clock. */
  readonly track?: readonly { readonly seconds: number; readonly residualPs: number }[];
  /** Where nothing was seen of it for long. */
  readonly gaps?: readonly { readonly fromSeconds: number; readonly toSeconds: number }[];
}

export type NoLockReason = "NO_DETECTIONS" | "NO_LOCK";

export interface NoLock {
  readonly locked: false;
  readonly reason: NoLockReason;
  /** What was tried and what was seen, for people. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Lock on noise with at most this probability, over all lags and drifts tried. */
export const falseLockProbability = 1e-9;

/** Timing of one block for the report. */
export interface GateStatistics {
  readonly halfWidthPs: number;
  /** Residual times by detector: counts in bins of `binPs` around the slot's middle. */
  readonly histogram: readonly (readonly number[])[];
  readonly binPs: number;
  /** Clicks inside and outside the gate. */
  readonly inside: number;
  readonly outside: number;
  /** Clicks inside that a flat background explains. */
  readonly background: number;
}

/** Slots whose outcomes were disclosed to join the clocks: they count as clicks, and make no key. */
export interface DisclosedClicks {
  readonly slots: number;
  readonly siftedBits: number;
  readonly errors: number;
}

/** The dead-time rule over one party's clicks in time order (FORMULAS.md 9; CONTRACT.md, "Clicks"). */
export class DeadTime {
  private last = Number.NEGATIVE_INFINITY;
  private lastSlot = Number.NaN;

  constructor(private readonly deadTimePs: number) {}

  /** @param slot what counts together; NaN for a click outside every slot. @returns true where the click is vetoed */
  vetoes(time: number, slot: number): boolean {
    const free = time - this.last >= this.deadTimePs || slot === this.lastSlot;
    if (!free) return true;
    this.last = time;
    this.lastSlot = slot;
    return false;
  }

  /** Moves the origin of times. */
  shift(by: number): void {
    this.last -= by;
  }
}
