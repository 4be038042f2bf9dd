/** The gate about each pulse: detections in it get the pulse's number, n = round((t − c)/P), and all are counted. */
import type { ClockState } from "./clock-filter.js";
import type { PulseClock } from "./pulse-clock.js";
import type { GateStatistics } from "./types.js";

const bins = 64;

export class PulseGate {
  /** By detector: counts of `bins` bins. */
  private readonly histogram: Float64Array;
  private readonly binPs: number;
  private inside = 0;
  private outside = 0;

  constructor(
    period: number,
    private readonly detectors: number,
    readonly halfWidth: number,
  ) {
    const reach = Math.min(period / 2, 2 * halfWidth);
    this.binPs = (2 * reach) / bins;
    this.histogram = new Float64Array(detectors * bins);
  }

  assign(
    times: Float64Array,
    { slot, detector }: { readonly slot: Float64Array; readonly detector: Uint8Array },
    from: number,
    to: number,
    clock: PulseClock,
    state: ClockState,
  ): void {
    const { halfWidth, binPs, histogram } = this;
    const { fraction, period, pulse } = clock;
    const { at, offset, drift, rate } = state;
    const [perPeriod, perBin] = [1 / period, 1 / binPs];
    const [half, bend, start] = [bins / 2, rate / 2, fraction + offset];
    let inside = 0;
    for (let i = from; i < to; i++) {
      const t = times[i]!;
      const x = t - at;
      const rest = t - start - x * (drift + x * bend);
      const k = Math.floor(rest * perPeriod + 0.5);
      const residual = rest - k * period;
      const bin = Math.floor(residual * perBin + half);
      if (bin >= 0 && bin < bins) histogram[detector[i]! * bins + bin]!++;
      if (residual <= halfWidth && residual >= -halfWidth) {
        slot[i] = pulse + k;
        inside++;
      } else slot[i] = Number.NaN;
    }
    this.inside += inside;
    this.outside += to - from - inside;
  }

  leaveOut(slot: Float64Array, from: number, to: number): void {
    slot.fill(Number.NaN, from, to);
    this.outside += to - from;
  }

  /** Statistics of what was gated since the last call. */
  statistics(): GateStatistics {
    const { inside, outside, binPs, halfWidth } = this;
    const histogram = Array.from({ length: this.detectors }, (_, d) => [
      ...this.histogram.subarray(d * bins, (d + 1) * bins),
    ]);
    const outer = histogram.reduce((sum, counts) => {
      const edge = counts.filter((_, bin) => Math.abs((bin + 0.5 - bins / 2) * binPs) > 1.2 * halfWidth);
      return edge.length > 0 ? sum + edge.reduce((total, n) => total + n, 0) / (edge.length * binPs) : sum;
    }, 0);
    const result: GateStatistics = {
      halfWidthPs: halfWidth,
      binPs,
      histogram,
      inside,
      outside,
      background: Math.round(outer * 2 * halfWidth),
    };
    this.histogram.fill(0);
    this.inside = 0;
    this.outside = 0;
    return result;
  }
}
