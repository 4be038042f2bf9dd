/**
 * Where in a stretch the pairs begin, and how many there are: coincidences about a coarse line by slice of time, less
 * what lies beside it. The light of a link may come long after both taggers were started.
 */
import { offsetAt } from "./clock-filter.js";
import { lowerBound } from "./events.js";
import type { CoarseOffset } from "./pair-bend.js";

const slices = 128;
/** Of the line's bin to each side: what counts as on it, and as beside it. */
const near = 6;
const beside = 24;
/** So many pairs in a row, half of the most that there are, tell where they begin. */
const runPairs = 100;

/** @param begin where both dumps have begun, b's clock */
export function firstPairs(a: Float64Array, b: Float64Array, line: CoarseOffset, begin: number) {
  const from = Math.max(begin, b[0]!);
  const size = Math.max(1, b[b.length - 1]! - from) / slices;
  const { net, noise } = pairsBySlice(a, b, line, from, size);
  const sum = (list: Float64Array, first = 0, count = slices) =>
    list.subarray(first, first + count).reduce((all, n) => all + n, 0);
  const all = Math.max(1, sum(net));
  // A slice weighs by its own pairs: the rate where there are any.
  const squares = net.reduce((total, n) => total + n * n, 0) - sum(noise);
  const perSlice = Math.max(all / slices, squares / all);
  const run = Math.min(slices, Math.ceil(runPairs / perSlice));
  const runs = Float64Array.from(net, (_, i) => (i + run <= slices ? sum(net, i, run) : Number.NEGATIVE_INFINITY));
  const most = runs.reduce((largest, n) => Math.max(largest, n), 0);
  const first = runs.findIndex((n) => n >= most / 2);
  return { from: from + Math.max(0, first - 1) * size, perPs: perSlice / size };
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
