/**
 * Where a group of detections puts the pulse clock: in the gate about the prediction, or, where they are not there, along
 * drift lines over the whole period. Both must stand out of a flat background.
 */
import { type ClockFilter, type ClockState, offsetAt } from "./clock-filter.js";
import { type FittedLine, fitLine, lineOfSums, searchLines } from "./pair-lines.js";

export interface Measured {
  /** Prediction that it is measured against. */
  readonly state: ClockState;
  /** Gated detections, of all. */
  readonly counted: number;
  readonly size: number;
  readonly at: number;
  /** At `at`, against the prediction. */
  readonly offset: number;
  readonly offsetVariance: number;
  readonly drift: number;
  readonly driftVariance: number;
}

/**
 * A correction needs more gated detections than a flat background puts there, by this many sigmas: on noise alone (source
 * off, light cut) the clock runs on unchanged.
 */
const trackSigmas = 3;
/** Fewer gated detections tell nothing of the drift. */
const driftDetections = 20;
/** Of a period in a search: a gate wider than that is no bin. */
const fewestBins = 8;
/** Sigmas of the filter's drift that a search reaches, and the most of it. */
const searchSigmas = 6;
const largestSlope = 60e-6;

export interface PulseLine {
  readonly fraction: number;
  readonly period: number;
}

/** @param usual gated detections below which the gate is not believed before a search */
export function measurePulses(
  times: Float64Array,
  clock: PulseLine,
  filter: ClockFilter,
  halfWidth: number,
  usual: number,
): Measured | undefined {
  const { period } = clock;
  const size = times.length;
  const middle = (times[0]! + times[size - 1]!) / 2;
  const predicted = filter.copy();
  predicted.predict(middle);
  const state = predicted.state;
  const context = { state, halfWidth, period, size };
  const gated = judged(fitGate(times, clock, state, halfWidth), { offset: 0, drift: 0 }, context);
  if (gated && gated.counted >= usual) return gated;
  const at = times.map((t) => t - middle);
  const delta = times.map((t) => {
    const rest = t - clock.fraction - offsetAt(state, t);
    return rest - Math.round(rest / period) * period;
  });
  const all = { at, delta };
  const bin = Math.min(2 * halfWidth, period / fewestBins);
  const reach = period / 2;
  const span = Math.max(1, at[size - 1]! - at[0]!);
  // A line that leaves the period is met again on its other side.
  const slope = Math.min(largestSlope, searchSigmas * predicted.sigmas.drift, reach / span);
  const found = searchLines(all, reach, slope, span, bin);
  if (!found) return gated;
  const rough = fitLine(all, found, bin);
  const line = rough ? { offset: rough.offset - rough.drift * rough.at, drift: rough.drift } : found;
  return judged(fitLine(all, line, halfWidth), line, context) ?? gated;
}

/** As fitLine about the prediction, in one pass: what nearly every group of detections takes. */
function fitGate(times: Float64Array, clock: PulseLine, state: ClockState, halfWidth: number): FittedLine | undefined {
  const { fraction, period } = clock;
  const [at, offset, drift, bend] = [state.at, state.offset, state.drift, state.rate / 2];
  const perPeriod = 1 / period;
  let [n, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < times.length; i++) {
    const t = times[i]!;
    const x = t - at;
    const rest = t - fraction - offset - x * (drift + x * bend);
    const y = rest - Math.floor(rest * perPeriod + 0.5) * period;
    if (y > halfWidth || y < -halfWidth) continue;
    n++;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  return lineOfSums(n, sx, sy, sxx, sxy);
}

/** A fit that stands out of a flat background, as a measurement. */
function judged(
  fit: FittedLine | undefined,
  line: { offset: number; drift: number },
  { state, halfWidth, period, size }: { state: ClockState; halfWidth: number; period: number; size: number },
): Measured | undefined {
  if (!fit) return undefined;
  const counted = fit.inside;
  const chance = Math.min(1, (2 * halfWidth) / period);
  const flat = size * chance;
  if (counted < flat + trackSigmas * Math.sqrt(flat * (1 - chance)) || counted <= trackSigmas) return undefined;
  // A flat background pulls the fit to the line that it was gated by.
  const share = Math.max(0.05, 1 - flat / counted);
  const there = line.offset + line.drift * fit.at;
  const variance = (halfWidth / 3) ** 2 * share + (halfWidth ** 2 / 3) * (1 - share);
  return {
    state,
    counted,
    size,
    at: state.at + fit.at,
    offset: there + (fit.offset - there) / share,
    offsetVariance: variance / (counted * share * share),
    drift: line.drift + (fit.drift - line.drift) / share,
    driftVariance: counted >= driftDetections ? variance / (fit.spread * share * share) : Number.POSITIVE_INFINITY,
  };
}
