/**
 * Silences that chance does not explain. The rate is the local one (the lower of both sides', so that the dim ends of a
 * pass are no gaps); events that come in clusters are fewer than they seem, so the rate is lowered to that of clusters:
 * intervals above two and above five mean intervals, n₂ and n₅, tell ρ = ln(n₂/n₅)/3, 1 without clusters. On a Poisson
 * stream a gap is named with a probability of 10⁻⁶.
 */
import type { Collector } from "./collector.js";
import type { RateTable } from "./rate-table.js";
import { mostSilences, type Silence } from "./silences.js";

const falseProbability = 1e-6;
const fewestEvents = 20;
const sideCounts = 10;
/** Chance makes a silence of several pieces likelier by xᵏ⁻¹/(k − 1)!, below e⁴ a piece. */
const perPiece = 4;
/** Mean intervals from which on a silence may be part of a longer one. */
const pieceMeans = 6;

export interface Gaps {
  /** Longest first. */
  readonly gaps: readonly Silence[];
  /** There may be more: only so many silences are kept. */
  readonly more: boolean;
  readonly longest: Silence | undefined;
  /** From which length on a silence would have been a gap at the mean rate, units. */
  readonly threshold: number | undefined;
}

export function gapsOf(collector: Collector): Gaps {
  const { events, rates } = collector;
  const kept = collector.silences.sorted();
  const range = rates.range();
  const [first, last] = [Math.min(...collector.firstOf), Math.max(...collector.lastOf)];
  let [longest] = kept;
  if (!range || !longest || events < fewestEvents || !(last > first))
    return { gaps: [], more: false, longest, threshold: undefined };
  const least = (pieceMeans * (last - first)) / events;
  const silences = joined(kept.filter(({ length }) => length > least));
  longest = silences[0] ?? longest;
  const wanted = Math.log(events / falseProbability) / clusterShare(collector.above);
  const all = allCounts(rates, ...range);
  const rateAt = (bin: number) => {
    const from = rates.origin + (range[0] + bin) * rates.width;
    const live = Math.min(last, from + rates.width) - Math.max(first, from);
    return all[bin] !== undefined && all[bin] >= sideCounts && live > 0 ? all[bin] / live : 0;
  };
  const binAt = (time: number) => Math.floor((time - rates.origin) / rates.width) - range[0];
  const gaps = silences.filter(({ from, length, pieces }) => {
    const [before, after] = [binAt(from), binAt(from + length)];
    const sides = [Math.max(rateAt(before), rateAt(before - 1)), Math.max(rateAt(after), rateAt(after + 1))];
    const known = sides.filter((rate) => rate > 0);
    const rate = known.length > 0 ? Math.min(...known) : events / (last - first - length);
    return length * rate > wanted + (pieces - 1) * perPiece;
  });
  const more = gaps.reduce((sum, { pieces }) => sum + pieces, 0) === mostSilences;
  return { gaps, more, longest, threshold: (wanted * (last - first)) / events };
}

/** A clock that goes on, or a single click, does not end a silence. Longest first. */
function joined(silences: readonly Silence[]): (Silence & { pieces: number })[] {
  const all: { from: number; length: number; pieces: number }[] = [];
  for (const { from, length } of [...silences].sort((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last && from - (last.from + last.length) <= 0.01 * length) {
      last.length = from + length - last.from;
      last.pieces++;
    } else all.push({ from, length, pieces: 1 });
  }
  return all.sort((a, b) => b.length - a.length);
}

/** A lower bound of ρ, 3 standard deviations down; half where too few intervals tell. */
function clusterShare([two, five]: readonly [number, number]): number {
  if (five < 30) return two > 1000 ? 1 : 0.5;
  return Math.min(1, Math.max(0.05, Math.log(two / five) / 3 - 1 / Math.sqrt(five)));
}

/** Events of all channels, bin by bin. */
function allCounts(rates: RateTable, first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) =>
    rates.rows.subarray((first + i) * 256, (first + i + 1) * 256).reduce((sum, n) => sum + n, 0),
  );
}
