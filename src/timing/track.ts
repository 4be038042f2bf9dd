/** The clock as it was followed, for the report: what remains beyond the mean line, and where nothing was seen. */
import type { ClockReport } from "./types.js";

/** Offset at a time of Alice's clock, ps after the report's reference. */
export interface TrackPoint {
  readonly at: number;
  readonly offsetPs: number;
}

const mostKept = 20_000;
const mostTold = 400;
/** Points further apart than this, and than so many usual distances, have a gap between them. */
const shortestGapPs = 5e10;
const usualDistances = 10;

/** Every second point goes when there are too many. */
export function thin(track: unknown[]): void {
  if (track.length > mostKept) track.splice(0, track.length, ...track.filter((_, i) => i % 2 === 0));
}

/** @param line what the report says of the mean clock, on the same scale as the points */
export function trackReport(
  points: readonly TrackPoint[],
  line: { readonly offset: number; readonly drift: number },
): Required<Pick<ClockReport, "track" | "gaps">> {
  const distances = points.slice(1).map(({ at }, i) => at - points[i]!.at);
  const usual = [...distances].sort((a, b) => a - b)[distances.length >> 1] ?? 0;
  const long = Math.max(shortestGapPs, usualDistances * usual);
  const step = Math.max(1, Math.ceil(points.length / mostTold));
  const besideGap = (i: number) => distances[i]! > long || distances[i - 1]! > long;
  const seconds = (at: number) => Number((at / 1e12).toFixed(6));
  return {
    track: points
      .filter((_, i) => i % step === 0 || i === points.length - 1 || besideGap(i))
      .map(({ at, offsetPs }) => ({
        seconds: seconds(at),
        residualPs: Number((offsetPs - line.offset - line.drift * at).toFixed(1)),
      })),
    gaps: distances.flatMap((distance, i) =>
      distance > long ? [{ fromSeconds: seconds(points[i]!.at), toSeconds: seconds(points[i + 1]!.at) }] : [],
    ),
  };
}
