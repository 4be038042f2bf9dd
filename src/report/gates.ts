/**
 * The gate of a run, and what other widths would have given: clicks within them were counted, a flat background grows with
 * the width, and half of it are errors. For people; the gate itself is fixed before errors are known (FORMULAS.md 9).
 */
import type { Link } from "../link.js";
import type { BlockRow } from "./rows.js";

export interface GateReport {
  readonly halfWidthPs: number;
  readonly chosenBy: "link description" | "times";
  /** This and other half widths: clicks (or pairs) inside, those of a flat background, and what single clicks would give. */
  readonly widths: readonly GateWidth[];
}

export interface GateWidth {
  readonly halfWidthPs: number;
  readonly clicks: number;
  readonly background: number;
  readonly siftedBits: number;
  readonly qber: number | null;
}

const shares = [0.5, 0.75, 1, 1.5, 2];

export function gateReport(
  link: Link,
  blocks: readonly Pick<BlockRow, "gate">[],
  { siftedBits, qber }: { siftedBits: number; qber: number | null },
): GateReport | undefined {
  const gates = blocks.flatMap(({ gate }) => (gate ? [gate] : []));
  const halfWidthPs = gates[0]?.halfWidthPs;
  if (halfWidthPs === undefined) return undefined;
  const within = (reach: number) =>
    gates.reduce(
      (sum, { histogram, binPs }) => sum + histogram.reduce((all, bins) => all + inside(bins, binPs, reach), 0),
      0,
    );
  const seenTo = Math.min(...gates.map(({ histogram, binPs }) => ((histogram[0]?.length ?? 0) * binPs) / 2));
  const chosen = within(halfWidthPs);
  const background = gates.reduce((sum, gate) => sum + gate.background, 0);
  const noise = (share: number, clicks: number) => Math.min(1, (background * share) / Math.max(1, clicks));
  const own = noise(1, chosen);
  const signalQber = qber === null || own >= 1 ? null : Math.max(0, (qber - own / 2) / (1 - own));
  return {
    halfWidthPs,
    chosenBy: link.window ? "link description" : "times",
    widths: shares
      .filter((share) => share * halfWidthPs <= seenTo * 1.001)
      .map((share) => {
        const clicks = within(share * halfWidthPs);
        const part = noise(share, clicks);
        const expected = signalQber === null ? null : signalQber * (1 - part) + part / 2;
        return {
          halfWidthPs: Math.round(share * halfWidthPs),
          clicks: Math.round(clicks),
          background: Math.round(background * share),
          siftedBits: Math.round(chosen > 0 ? (siftedBits * clicks) / chosen : 0),
          qber: share === 1 ? qber : expected,
        };
      }),
  };
}

/** Counts within ± reach of the middle; of a bin that the border cuts, its part. */
function inside(bins: readonly number[], binPs: number, reach: number): number {
  const middle = bins.length / 2;
  return bins.reduce((sum, count, bin) => {
    const from = Math.min(Math.abs(bin - middle), Math.abs(bin + 1 - middle)) * binPs;
    return sum + count * Math.min(1, Math.max(0, (reach - from) / binPs));
  }, 0);
}
