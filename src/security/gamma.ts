/**
 * Phase error with the published γ (Fung, Ma, Chau, PRA 81, 012318 (2010); [L14] after B1), for comparison only: it
 * under-estimates for few errors and is undefined at none (FORMULAS.md 3).
 *
 *   γ(a, b, c, d) = √( (c+d)(1−b)b / (c d ln 2) · log2( (c+d)/(c d (1−b) b) · C²/a² ) )
 */
import type { DecoyEstimate } from "./decoy.js";

/** @returns null where γ is undefined */
export function gammaPhaseError(
  { v1Published, s1: c, s1Test: d }: DecoyEstimate,
  constant: number,
  epsSec: number,
): number | null {
  if (!(c > 0 && d > 0 && v1Published > 0)) return null;
  const b = v1Published / d;
  if (b >= 1) return 0.5;
  const variance = ((1 - b) * b * (c + d)) / c / d;
  const log = Math.log2((c + d) / c / d / ((1 - b) * b)) + 2 * Math.log2(constant / epsSec);
  if (!(log >= 0)) return null;
  return Math.min(0.5, b + Math.sqrt((variance / Math.LN2) * log));
}
