/**
 * Alarms: what a detector's data can show of a fault or an attack that the proofs do not cover (FORMULAS.md 9). They
 * have no proof content: an alarmed block is discarded at both ends, never cut anew. Thresholds: `alarms` of the link.
 */
import type { Link } from "../link.js";
import type { BlockReason } from "./context.js";
import type { SiftedBlock } from "./sift.js";
import type { BlockSlots } from "./slots.js";

/** Within a basis the two bits are equally likely, so their detectors' counts show their efficiencies. */
function unequalDetectors({ clicks }: BlockSlots, ratio: number): boolean {
  return [0, 1].some((basis) => {
    const counts = clicks!.perDetector.filter((_, d) => clicks!.bases[d] === basis);
    const most = Math.max(...counts);
    return most >= enough && most > ratio * Math.min(...counts);
  });
}

/** Below this many counts a ratio says nothing: six sigma of a fair coin stay inside 0.1 from here. */
const enough = 1000;

export function alarmsOf(link: Link, slots: BlockSlots, block: SiftedBlock): BlockReason[] {
  const limits = link.alarms;
  const found: BlockReason[] = [];
  const clicks = slots.clicks;
  if (clicks) {
    const multiple = clicks.sameBasis + clicks.crossBasis;
    if (slots.own.count >= enough && multiple / slots.own.count > limits.doubleClickRate)
      found.push("ALARM_DOUBLE_CLICKS");
    if (unequalDetectors(slots, limits.efficiencyRatio)) found.push("ALARM_EFFICIENCY_MISMATCH");
  }
  const key = block.key.length;
  const test = block.nTest.reduce((sum, n) => sum + n, 0);
  const unbalanced = (ones: number, n: number) => n >= enough && Math.abs(ones / n - 0.5) > limits.bitImbalance;
  if (unbalanced(block.onesKey, key) || unbalanced(block.onesTest, test)) found.push("ALARM_BIT_IMBALANCE");
  return found;
}
