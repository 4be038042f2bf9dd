/**
 * Dead time: where a channel's intervals begin. It is claimed where chance would have put at least 40 intervals below the
 * edge and there is at most a tenth of that: on a Poisson stream that happens with a probability below 10⁻¹¹. The edge is
 * the one of a sharp step of the same area: t₁ − (intervals below t₁) / (their density after it).
 */
import type { Intervals } from "./intervals.js";
import { binCount, binStart } from "./log-bins.js";

const expectedAtLeast = 40;
const leftAtMost = 0.1;
/** Bins over which the density after the edge is taken: an eighth of the dead time, or up to two thirds. */
const leastPlateau = 4;
const mostPlateau = 22;

export interface DeadTime {
  readonly units: number;
  /** A standard deviation, the edge's own width included. */
  readonly uncertainty: number;
}

/** What a channel's shortest intervals say; `limit`: no dead time above it, units. */
export function deadTimeOf(intervals: Intervals): DeadTime | { readonly limit: number } {
  let [edge, limit] = [0, Infinity];
  for (let b = 2; b < binCount - mostPlateau - leastPlateau && binStart[b]! < 2 * intervals.mean; b++) {
    const expected = intervals.expectedShorterThan(binStart[b]!);
    if (expected < expectedAtLeast) continue;
    limit = Math.min(limit, binStart[b]!);
    const found = intervals.shorterThan(binStart[b]!);
    if (found > leftAtMost * expected) break;
    edge = b;
  }
  if (edge === 0) return { limit: Number.isFinite(limit) ? limit : intervals.mean };
  const found = (from: number, to: number) =>
    intervals.shorterThan(binStart[to]!) - intervals.shorterThan(binStart[from]!);
  const density = (from: number, to: number) => found(from, to) / (binStart[to]! - binStart[from]!);
  // The edge lies below; what is full, the density there says, over more bins where there is little in each.
  let end = edge + leastPlateau;
  while (end < edge + mostPlateau && found(edge, end) < 60) end++;
  const level = density(edge, end);
  let step = 1;
  while (step < leastPlateau * 2 && level * (binStart[edge + step]! - binStart[edge]!) < 10) step++;
  let start = edge;
  while (start > step && density(start - step, start) > 0.15 * level) start -= step;
  let full = start;
  while (full < edge && density(full, full + step) < 0.6 * level) full += step;
  const top = binStart[full + step]!;
  const below = found(start, full + step);
  const units = Math.max(binStart[start]!, top - below / level);
  // A sharp edge fills one step in part.
  const spread = Math.max(0, binStart[full - step]! - binStart[start]!) / Math.sqrt(12);
  const bin = 0.1 * (binStart[start + 1]! - binStart[start]!);
  const counted = Math.sqrt(Math.max(1, below + below ** 2 / found(edge, end)) * intervals.noise) / level;
  return { units, uncertainty: Math.hypot(spread, bin, counted, intervals.grain / Math.sqrt(12)) };
}
