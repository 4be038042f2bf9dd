/** What a block by Cascade came to, as reports tell it. */
import type { BitString } from "../../bits.js";
import type { Pace, Tally } from "./cascade-block.js";
import { cascadeParameters, type FramePlan } from "./cascade-frames.js";
import type { ReconcileOutcome } from "./types.js";

/** @param inFlight waves at once, of `together` frames each */
export function outcome(
  word: BitString,
  { plan, inFlight, together, pace }: { plan: FramePlan; inFlight: number; together: number; pace: Pace },
  tally: Tally,
): ReconcileOutcome {
  const blockBits = cascadeParameters(pace.qber, pace.few).levels.map((level) => 2 ** level);
  return {
    ok: true,
    word,
    frames: plan.words.length,
    framesFailed: tally.failed,
    rounds: tally.rounds,
    choice: {
      method: "cascade",
      blockBits,
      frameBits: 64 * Math.max(0, ...plan.words),
      framesInFlight: inFlight * together,
      lanes: inFlight,
    },
  };
}
