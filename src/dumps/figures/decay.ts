/** T3: events by their delay after the sync. */

const mostBins = 512;

export interface Decay {
  /** Bin i begins at fromNs + i·binNs. */
  readonly fromNs: number;
  readonly binNs: number;
  readonly counts: number[];
  /** Middle of the fullest bin. */
  readonly peakNs: number;
  /** From the peak until the counts above the background have fallen to 1/e; absent where they do not. */
  readonly fallNs?: number;
}

/** First and last delay with events; of none [0, −1]. */
export function usedDelays(counts: Float64Array): readonly [first: number, last: number] {
  let [first, last] = [0, counts.length - 1];
  while (last >= 0 && counts[last] === 0) last--;
  while (first < last && counts[first] === 0) first++;
  return [first, last];
}

export function decayOf(counts: Float64Array, resolutionPs: number): Decay {
  const [first, last] = usedDelays(counts);
  const joined = Math.ceil((last - first + 1) / mostBins);
  const binNs = (joined * resolutionPs) / 1000;
  const bins = new Array<number>(Math.ceil((last - first + 1) / joined)).fill(0);
  for (let at = first; at <= last; at++) bins[Math.floor((at - first) / joined)]! += counts[at]!;
  const fromNs = (first * resolutionPs) / 1000;
  const peak = bins.indexOf(Math.max(...bins));
  const background = [...bins].sort((a, b) => a - b)[Math.floor(bins.length / 20)]!;
  const level = background + (bins[peak]! - background) / Math.E;
  const fallen = bins.findIndex((n, i) => i > peak && n <= level);
  return {
    fromNs,
    binNs,
    counts: bins,
    peakNs: fromNs + (peak + 0.5) * binNs,
    ...(fallen > 0 && bins[peak]! >= 20 ? { fallNs: (fallen - peak) * binNs } : {}),
  };
}
