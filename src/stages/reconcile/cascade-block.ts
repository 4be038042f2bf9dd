/** What both ends of Cascade share: a block's frames in waves, limits, and the count of what Alice disclosed. */
import { QkdError } from "../../errors.js";
import type { AliceHalf, BobHalf, FrameShape } from "../../kernels/cascade-halves.js";
import type { CascadeOrders } from "../../kernels/cascade-order.js";
import type { FramePlan } from "./cascade-frames.js";
import type { ReconcileContext } from "./types.js";

export const mainPasses = 3;
export const repairPasses = 8;
export const mostPasses = mainPasses + repairPasses;
export const maxRounds = 4000;
export const tagBits = 64;
/** Shorter frames cost less revealed than tagged. */
export const revealBelow = 192;

/** All frames of one length at one end: the kernel, or its twin in tests. */
export interface CascadeFrames {
  alice(word: Uint8Array): AliceHalf;
  bob(word: Uint8Array, together: number): BobHalf;
  zeroise(): void;
}
export type CascadeMethod = (shape: FrameShape, orders: CascadeOrders, side: "alice" | "bob") => CascadeFrames;

export interface Block {
  readonly plan: FramePlan;
  /** Packed bits of each frame. */
  readonly words: Uint8Array[];
  readonly waves: readonly (readonly number[])[];
  /** Waves in flight at once. */
  readonly lanes: number;
  readonly orders: (length: number) => CascadeOrders;
  readonly frames: (length: number) => CascadeFrames;
  zeroise(): void;
}

export interface Tally {
  failed: number;
  rounds: number;
}

export interface Spent {
  parity: number;
  tags: number;
  revealed: number;
}

export function count({ ledger }: ReconcileContext, spent: Spent): number {
  ledger.add("parity", spent.parity);
  ledger.add("reconciliation-tag", spent.tags);
  ledger.add("revealed-frame", spent.revealed);
  return spent.parity + spent.tags + spent.revealed;
}

export function checkRound({ signal }: ReconcileContext, round: number): void {
  if (signal?.aborted) throw new QkdError("ENGINE_CANCELLED", "Reconciliation was cancelled.");
  if (round > maxRounds) throw new QkdError("RECONCILE_ROUNDS_EXCEEDED", "Cascade did not end.", { maxRounds });
}
