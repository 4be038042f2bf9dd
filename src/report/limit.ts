/**
 * Least leakage of one-way reconciliation of a frame of n bits at frame error rate ε, as efficiency f (KERNELS.md,
 * "Finite-length limit"; normal approximation of Polyanskiy, Poor and Verdú, IEEE Trans. Inf. Theory 56, 2307):
 *   f·h(q) = h(q) + √(q(1−q)/n)·log2((1−q)/q)·Φ⁻¹(1−ε) − log2(n)/(2n)
 */
import { entropy } from "../security/index.js";

export function leastEfficiency(q: number, n: number, frameErrorRate: number): number {
  const h = entropy(q);
  const dispersion = Math.sqrt((q * (1 - q)) / n) * Math.log2((1 - q) / q);
  return (h + dispersion * normalQuantile(1 - frameErrorRate) - Math.log2(n) / (2 * n)) / h;
}

/** Φ⁻¹, |relative error| < 1.15·10⁻⁹ (Acklam's rational approximation). */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p > 0.02425) {
    const q = p - 0.5;
    const r = q * q;
    return (q * horner(central, r)) / (horner(centralBelow, r) * r + 1);
  }
  const q = Math.sqrt(-2 * Math.log(p));
  return horner(tail, q) / (horner(tailBelow, q) * q + 1);
}

const central = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
  2.506628277459239,
];
const centralBelow = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1,
];
const tail = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
];
const tailBelow = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];

function horner(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, c) => sum * x + c, 0);
}
