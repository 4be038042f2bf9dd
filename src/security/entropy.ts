/** Binary entropy h(p) for p < 1/2, else 1: a bound on the phase error above one half never gives secrecy back. */
export function entropy(p: number): number {
  if (p <= 0) return 0;
  if (!(p < 0.5)) return 1;
  return -(p * Math.log2(p) + ((1 - p) * Math.log1p(-p)) / Math.LN2);
}
