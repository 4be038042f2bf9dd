/** What clock recovery answers: a lock, or why there is none, which is an outcome and no error. */
import { blockTooLarge } from "../errors.js";

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
  private lastVetoed = Number.NEGATIVE_INFINITY;
  private lastSlot = Number.NaN;
  private lastFlags = 0;

  constructor(private readonly deadTimePs: number) {}

  /**
   * @param slot what counts together; NaN for a click outside every slot
   * @returns 1 where the rule vetoes the click. 2 where it does not, but a detector may still be dead from a click that it
   *   vetoed: the others are then more likely to click, so such a slot makes no key (Weier et al., NJP 13, 073024)
   */
  flags(time: number, slot: number): number {
    if (slot !== this.lastSlot) {
      if (time - this.last < this.deadTimePs) {
        this.lastVetoed = time;
        return 1;
      }
      this.lastFlags = time - this.lastVetoed < this.deadTimePs ? 2 : 0;
    }
    this.last = time;
    this.lastSlot = slot;
    return this.lastFlags;
  }

  /** Moves the origin of times. */
  shift(by: number): void {
    this.last -= by;
    this.lastVetoed -= by;
  }
}

/** Of one end. So many take some ten gigabytes at Alice's, and their key, shown whole, still fits a message. */
export const mostBlockEvents = 2 ** 28;

/** @throws QkdError BLOCK_TOO_LARGE where another event is one too many */
export function checkBlockSize(block: number, events: number, most = mostBlockEvents): void {
  if (events >= most) throw blockTooLarge(`Block ${block} has more than ${most} events`, { block });
}
