/**
 * Where in a stretch the pairs begin, and how many there are: coincidences about a coarse line by slice of time, less
 * what lies beside it. The light of a link may come long after both taggers were started.
 */
import { offsetAt } from "./clock-filter.js";
import { lowerBound } from "./events.js";
import type { CoarseOffset } from "./pair-bend.js";

const slices = 128;
/** Of the line's bin to each side: what counts as on it, and as beside it. */
const near = 3;
const beside = 24;
/** ln of a likelihood ratio: pairs have begun; and what excludes that they had begun before. */
const sure = 12;
const doubt = 9;

export interface Onset {
  /** Pairs did not begin before, but with a chance of e^−doubt where a link had them from the start. */
  readonly from: number;
  /** Where they most likely begin. */
  readonly likely: number;
  readonly perPs: number;
}

/** @param begin where both dumps have begun, b's clock */
export function firstPairs(a: Float64Array, b: Float64Array, line: CoarseOffset, begin: number): Onset {
  const from = Math.max(begin, b[0]!);
  const size = Math.max(1, b[b.length - 1]! - from) / slices;
  const { net, noise } = pairsBySlice(a, b, line, from, size);
  const sum = (list: Float64Array) => list.reduce((all, n) => all + n, 0);
  const all = Math.max(1, sum(net));
  // A slice weighs by its own pairs: the rate where there are any.
  const squares = net.reduce((total, n) => total + n * n, 0) - sum(noise);
  const perSlice = Math.max(all / slices, squares / all);
  const variance = Math.max(1, sum(noise) / slices);
  const gains = net.map((n) => (perSlice * (n - perSlice / 2)) / variance);
  const likely = firstRise(gains);
  return {
    from: from + Math.max(0, earliest(gains, likely) - 1) * size,
    likely: from + likely * size,
    perPs: perSlice / size,
  };
}

/** Where the first rise that is no chance began (Page's test), or the highest there is. */
function firstRise(gains: Float64Array): number {
  let [height, start] = [0, 0];
  let best = { height: 0, start: 0 };
  for (let slice = 0; slice < gains.length && best.height < sure; slice++) {
    if (height === 0) start = slice;
    height = Math.max(0, height + gains[slice]!);
    if (height > best.height) best = { height, start };
  }
  return best.start;
}

/** The first slice that pairs may have begun in: were they there from it on, fewer by chance would be no wonder. */
function earliest(gains: Float64Array, likely: number): number {
  let [first, gain] = [likely, 0];
  for (let slice = likely - 1; slice >= 0; slice--) {
    gain += gains[slice]!;
    if (gain >= -doubt) first = slice;
  }
  return first;
}

function pairsBySlice(a: Float64Array, b: Float64Array, line: CoarseOffset, from: number, size: number) {
  const [on, off] = [near * line.binPs, beside * line.binPs];
  const share = near / (beside - near);
  const net = new Float64Array(slices);
  const noise = new Float64Array(slices);
  const first = lowerBound(b, from);
  let j = 0;
  for (let k = first; k < b.length; k++) {
    const middle = b[k]! - offsetAt(line, b[k]!);
    const slice = Math.min(slices - 1, Math.floor((b[k]! - from) / size));
    while (j < a.length && a[j]! < middle - off) j++;
    for (let i = j; i < a.length && a[i]! <= middle + off; i++) {
      const inside = Math.abs(a[i]! - middle) <= on;
      net[slice]! += inside ? 1 : -share;
      noise[slice]! += inside ? 1 : share * share;
    }
  }
  return { net, noise };
}
