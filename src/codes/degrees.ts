/**
 * Edge fractions λ by variable degree, found by density evolution for some rates (KERNELS.md B, "Codes"); between two of
 * them a linear mix, beyond the ends the nearest.
 */
export interface DegreeShare {
  readonly degree: number;
  readonly share: number;
}

const table: readonly { rate: number; lambda: Readonly<Record<number, number>> }[] = [
  { rate: 0.445, lambda: { 2: 0.19, 3: 0.28, 8: 0.2, 12: 0.15, 24: 0.18 } },
  { rate: 0.55, lambda: { 2: 0.1428, 3: 0.3102, 10: 0.3434, 16: 0.0233, 24: 0.1803 } },
  { rate: 0.68, lambda: { 2: 0.0951, 3: 0.3024, 10: 0.3219, 16: 0.021, 24: 0.258 } },
  { rate: 0.78, lambda: { 2: 0.0742, 3: 0.2317, 4: 0.0927, 10: 0.2107, 16: 0.1974, 24: 0.1933 } },
  { rate: 0.84, lambda: { 2: 0.0491, 3: 0.3017, 6: 0.0215, 9: 0.2266, 14: 0.1998, 20: 0.2012 } },
  { rate: 0.91, lambda: { 2: 0.0275, 3: 0.2962, 6: 0.0084, 9: 0.1984, 14: 0.3878, 20: 0.0818 } },
  { rate: 0.957, lambda: { 2: 0.01, 3: 0.3, 10: 0.69 } },
  { rate: 0.9725, lambda: { 2: 0.02, 3: 0.28, 9: 0.7 } },
];

export function distributionFor(rate: number): DegreeShare[] {
  const above = table.findIndex((entry) => entry.rate >= rate);
  const high = table[above < 0 ? table.length - 1 : above]!;
  const low = table[Math.max(0, (above < 0 ? table.length : above) - 1)]!;
  const part = high.rate > low.rate ? Math.min(1, Math.max(0, (rate - low.rate) / (high.rate - low.rate))) : 0;
  const mixed = new Map<number, number>();
  for (const [entry, weight] of [
    [low, 1 - part],
    [high, part],
  ] as const)
    for (const [degree, share] of Object.entries(entry.lambda))
      mixed.set(Number(degree), (mixed.get(Number(degree)) ?? 0) + share * weight);
  return [...mixed]
    .filter(([, share]) => share > 0)
    .map(([degree, share]) => ({ degree, share }))
    .sort((a, b) => a.degree - b.degree);
}
