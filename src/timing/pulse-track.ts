/** The pulse clock over all that was gated, for the report: what each correction said, and the mean line through them. */
import { offsetAt } from "./clock-filter.js";
import type { PulseClock } from "./pulse-clock.js";
import type { Measured } from "./pulse-measure.js";
import { thin, trackReport } from "./track.js";

/** Detections numbered without a break; after a long gap their numbers are right but for a common shift. */
export interface Stretch {
  /** Pulses that the shift can be; 0 for the first stretch. */
  readonly reach: number;
  /** What to add, once Alice has told (pulse-relock.ts). */
  shift: number | undefined;
}

export class PulseTrack {
  /** Corrections: detections they rest on, and the offset against the first clock. */
  private readonly track: { pulse: number; offsetPs: number; weight: number; stretch: Stretch }[] = [];

  /** @param first the clock that the train was found with */
  constructor(readonly first: PulseClock) {}

  /** Where the detections say a pulse is, against the first clock. */
  note(seen: Measured, clock: PulseClock, stretch: Stretch): void {
    const { first } = this;
    const k = (seen.at - clock.fraction) / clock.period;
    const relative = clock.pulse - first.pulse + k;
    const now = Number(clock.time - first.time) + clock.fraction - first.fraction;
    const delta = now + k * clock.period + offsetAt(seen.state, seen.at) + seen.offset - relative * first.period;
    this.track.push({ pulse: relative, offsetPs: delta, weight: seen.counted, stretch });
    thin(this.track);
  }

  /** Offset of pulse 0 and period over all that was gated, from a straight line through the corrections. */
  meanClock() {
    const { first } = this;
    let [s, sn, snn, sd, snd] = [0, 0, 0, 0, 0];
    for (const { pulse, offsetPs, weight } of this.numbered()) {
      s += weight;
      sn += weight * pulse;
      snn += weight * pulse * pulse;
      sd += weight * offsetPs;
      snd += weight * pulse * offsetPs;
    }
    const spread = s * snn - sn * sn;
    const slope = spread > 0 ? (s * snd - sn * sd) / spread : 0;
    const level = s > 0 ? (sd - slope * sn) / s : 0;
    const period = first.period + slope;
    const offsetPs = first.fraction + level - first.pulse * period;
    return {
      offsetPs,
      anchor: first.time,
      driftOf: (nominal: number) => period / nominal - 1,
      /** By pulse times at their nominal period. */
      trackOf: (nominal: number) =>
        trackReport(
          this.numbered().map(({ pulse, offsetPs }) => ({ at: (pulse + first.pulse) * nominal, offsetPs })),
          { offset: level - slope * first.pulse, drift: slope / nominal },
        ),
    };
  }

  /** The track where pulse numbers are known. */
  private numbered(): { pulse: number; offsetPs: number; weight: number }[] {
    const { period } = this.first;
    return this.track.flatMap(({ pulse, offsetPs, weight, stretch: { shift } }) =>
      shift === undefined ? [] : [{ pulse: pulse + shift, offsetPs: offsetPs - shift * period, weight }],
    );
  }
}
