/**
 * Chooses LDPC or Cascade for the next block: most secret bits a second. A method's rate is the slower of its decoder
 * and, for Cascade, D/(R·RTT) with D bits in flight and R round trips (KERNELS.md E); what it leaves a bit is
 * yield − f·h(Q). The accounting is given, never chosen: one-way leaves LDPC alone.
 */
import type { Accounting } from "./types.js";

export interface MethodModel {
  /** Leakage over n·h(Q). */
  readonly efficiency: number;
  /** Bits of key a second that the slower end's decoder does. */
  readonly bitsPerSecond: number;
  readonly roundTrips: number;
}

export interface AutoInput {
  readonly qber: number;
  readonly accounting: Accounting;
  readonly roundTripSeconds: number;
  readonly bitsInFlight: number;
  /** Secret bits a sifted bit before leakage (1 − h(φ) at most), under this accounting. */
  readonly yieldPerBit: number;
  readonly ldpc: MethodModel;
  readonly cascade: MethodModel;
}

export interface AutoChoice {
  readonly method: "ldpc" | "cascade";
  readonly why: string;
  /** Expected secret bits a second; Cascade is absent where the accounting excludes it. */
  readonly secretBitsPerSecond: { readonly ldpc: number; readonly cascade?: number };
}

export function chooseMethod(input: AutoInput): AutoChoice {
  const ldpc = secretRate(input, input.ldpc);
  if (input.accounting === "one-way")
    return { method: "ldpc", why: "one-way accounting excludes Cascade", secretBitsPerSecond: { ldpc } };
  const cascade = secretRate(input, input.cascade);
  const method = cascade > ldpc ? "cascade" : "ldpc";
  return {
    method,
    why: `${method} is expected to leave more secret bits a second`,
    secretBitsPerSecond: { ldpc, cascade },
  };
}

function secretRate({ qber, yieldPerBit, roundTripSeconds, bitsInFlight }: AutoInput, method: MethodModel): number {
  const waiting = method.roundTrips * roundTripSeconds;
  const rate = waiting > 0 ? Math.min(method.bitsPerSecond, bitsInFlight / waiting) : method.bitsPerSecond;
  return rate * Math.max(0, yieldPerBit - method.efficiency * entropy(qber));
}

function entropy(q: number): number {
  return q <= 0 || q >= 1 ? 0 : -q * Math.log2(q) - (1 - q) * Math.log2(1 - q);
}
