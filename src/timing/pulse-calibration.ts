/**
 * What a pulsed link's first detections say beyond period and phase (FORMULAS.md 9: from times alone): the drift by the
 * source's own clock, the detectors' delays, the gate, where the source seems to have started.
 */
import type { Comb } from "./comb.js";
import { clockIndex, type DetectorBatch, lowerBound } from "./events.js";

/** Detections in a row whose common residual is the clock's. */
const neighbours = 128;
/** A gate chosen from the data: this many robust sigmas to each side. */
const gateSigmas = 5;

/** The source's clock, ps after `origin`. */
export function clockTicks(batches: readonly DetectorBatch[], origin: bigint): number[] {
  const ticks: number[] = [];
  for (const { base, dt, detector } of batches) {
    const shift = Number(base - origin);
    for (let i = 0; i < dt.length; i++) if (detector[i] === clockIndex) ticks.push(shift + dt[i]!);
  }
  return ticks;
}

/** Relative drift from the source's clock, some of whose ticks are missing: a line through tick numbers. */
export function clockDrift(clock: readonly number[], nominal: number): number | undefined {
  if (clock.length < 8) return undefined;
  const [first, last] = [clock[0]!, clock[clock.length - 1]!];
  let [n, sx, sy, sxx, sxy, tick] = [0, 0, 0, 0, 0, 0];
  let previous = first;
  for (const time of clock) {
    tick += Math.round((time - previous) / nominal);
    previous = time;
    const y = time - first - tick * nominal;
    n++;
    sx += tick;
    sy += y;
    sxx += tick * tick;
    sxy += tick * y;
  }
  const spread = n * sxx - sx * sx;
  if (!(spread > 0) || last <= first) return undefined;
  const drift = (n * sxy - sx * sy) / spread / nominal;
  return Math.abs(drift) < 1e-4 ? drift : undefined;
}

/** Mean residual of each detector's clicks near the common phase: the first detector's, the others after it. */
export function detectorDelays(times: Float64Array, detector: Uint8Array, { period, phase }: Comb, count: number) {
  const around = new Float64Array(count);
  const n = new Float64Array(count);
  const reach = Math.min(period / 4, 2000);
  for (let pass = 0; pass < 3; pass++) {
    const sums = new Float64Array(count);
    n.fill(0);
    for (let i = 0; i < times.length; i++) {
      const d = detector[i]!;
      const t = times[i]! - phase - around[d]!;
      const residual = t - Math.round(t / period) * period;
      if (Math.abs(residual) > reach / (pass + 1)) continue;
      sums[d]! += residual;
      n[d]!++;
    }
    for (let d = 0; d < count; d++) if (n[d]! > 0) around[d]! += sums[d]! / n[d]!;
  }
  return { first: around[0]!, relative: Array.from(around, (delay) => delay - around[0]!) };
}

/**
 * From times alone: robust sigma of the residuals about the median of their neighbours, so that a clock that bends within
 * the comb's span makes no wide gate, a flat background taken off (FORMULAS.md 9).
 */
export function chooseHalfWidth(
  times: Float64Array,
  detector: Uint8Array,
  { period, phase }: Comb,
  delays: readonly number[],
): number {
  const residuals = Float64Array.from(times, (time, i) => {
    const t = time - phase - delays[detector[i]!]!;
    return t - Math.round(t / period) * period;
  });
  for (let from = 0; from < residuals.length; from += neighbours) {
    const group = residuals.subarray(from, from + neighbours);
    const middle = median(group);
    for (let i = 0; i < group.length; i++) group[i] = Math.abs(group[i]! - middle);
  }
  residuals.sort();
  // What lies beyond a quarter of the period is background, as dense within.
  const beyond = residuals.length - lowerBound(residuals, period / 4);
  const perPs = (4 * beyond) / period;
  const half = (residuals.length - 2 * beyond) / 2;
  const inner = residuals.find((residual, i) => i + 1 - perPs * residual >= half) ?? period / 2;
  const sigma = inner / 0.6745;
  return Math.max(1, Math.min(Math.floor(period / 2), Math.round(gateSigmas * sigma)));
}

function median(values: Float64Array): number {
  return values.slice().sort()[values.length >> 1] ?? 0;
}

/** When the detection rate first reaches half of its median: where the source seems to have started. */
export function onset(times: Float64Array): number {
  const group = 32;
  if (times.length < 8 * group) return times[0]!;
  const gaps: number[] = [];
  for (let i = group; i < times.length; i += group) gaps.push(times[i]! - times[i - group]!);
  const usual = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)]!;
  const start = gaps.findIndex((gap) => gap < 2 * usual);
  return start > 0 ? times[start * group]! : times[0]!;
}
