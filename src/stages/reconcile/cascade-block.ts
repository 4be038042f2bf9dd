/** What both ends of Cascade share: limits, a block's frames in kernels, and the count of what Alice disclosed. */
import { QkdError } from "../../errors.js";
import { CascadeKernel } from "../../kernels/cascade.js";
import { ordersOf } from "../../kernels/cascade-order.js";
import { frameOfTold, shapeOf, toldBits, toldOf } from "./cascade-frames.js";
import type { ReconcileContext, ReconcileOptions } from "./types.js";

export const mainPasses = 3;
export const repairPasses = 8;
export const mostPasses = mainPasses + repairPasses;
export const maxRounds = 4000;
export const tagBits = 64;
/** Shorter frames cost less revealed than tagged. */
export const revealBelow = 192;

export type Side = "alice" | "bob";

/** What decides the sizes of a block's passes (cascadeParameters). */
export interface Pace {
  readonly qber: number;
  readonly few: boolean;
}

/** One block's frames in one thread, at one end or at both: a kernel for each length. */
export class BlockFrames {
  private readonly kernels = new Map<number, CascadeKernel>();

  /**
   * @param seed of the public orders, 4 words
   * @param bits of the whole block
   */
  constructor(
    private readonly seed: Uint32Array,
    readonly pace: Pace,
    private readonly bits: number,
  ) {}

  of(length: number): CascadeKernel {
    const known = this.kernels.get(length);
    if (known) return known;
    const { qber, few } = this.pace;
    const kernel = new CascadeKernel(shapeOf(length, qber, few), this.orders(length));
    this.kernels.set(length, kernel);
    return kernel;
  }

  /** Bits that Alice tells of a frame of this length that is revealed. */
  toldBits(length: number): number {
    return toldBits(this.bits, length);
  }

  told(frame: Uint8Array): Uint8Array {
    return toldOf(frame, this.bits, this.orders);
  }

  /** The inverse. */
  frameOf(told: Uint8Array, length: number): Uint8Array {
    return frameOfTold(told, this.bits, length, this.orders);
  }

  zeroise(): void {
    for (const kernel of this.kernels.values()) kernel.zeroise();
    this.kernels.clear();
  }

  private readonly orders = (length: number) => ordersOf(length, this.seed);
}

export interface Tally {
  failed: number;
  rounds: number;
}

/** Bits that one answer discloses. */
export interface Spent {
  parity: number;
  tags: number;
  revealed: number;
  /** Frames that were revealed. */
  failed: number;
}

export function nothingSpent(): Spent {
  return { parity: 0, tags: 0, revealed: 0, failed: 0 };
}

export function addSpent(sum: Spent, more: Spent): void {
  sum.parity += more.parity;
  sum.tags += more.tags;
  sum.revealed += more.revealed;
  sum.failed += more.failed;
}

export function count({ ledger }: ReconcileContext, tally: Tally, spent: Spent): void {
  ledger.add("parity", spent.parity);
  ledger.add("reconciliation-tag", spent.tags);
  ledger.add("revealed-frame", spent.revealed);
  tally.failed += spent.failed;
  if (spent.parity + spent.tags + spent.revealed > 0) tally.rounds++;
}

export function checkRound(round: number): void {
  if (round > maxRounds) throw new QkdError("RECONCILE_ROUNDS_EXCEEDED", "Cascade did not end.", { maxRounds });
}

export function checkAccounting({ accounting }: ReconcileOptions): void {
  if (accounting !== "pattern-public")
    throw new QkdError("RECONCILE_ACCOUNTING_UNSUPPORTED", "Cascade needs pattern-public accounting.");
}

/** 4 words of the public orders' seed, from its 16 bytes. */
export function wordsOfSeed(seed: Uint8Array): Uint32Array {
  const view = new DataView(seed.buffer, seed.byteOffset, 16);
  return Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at, true));
}
