/**
 * Alarms: what a detector's data can show of a fault or an attack that the proofs do not cover (FORMULAS.md 9). They
 * have no proof content: an alarmed block is discarded at both ends, never cut anew. Thresholds: `alarms` of the link.
 */
import type { Link } from "../link.js";
import type { BlockReason } from "./context.js";
import type { BasisCounts, SiftedBlock } from "./sift.js";
import type { BlockSlots } from "./slots.js";

/** Public counts of a block that ended before, alarmed or not. */
export interface EarlierBlock {
  readonly siftedBits: number;
  readonly checkBits: number;
  readonly checkErrors: number;
  readonly pulses?: number;
}

/** Within a basis the two bits are equally likely, so their detectors' counts show their efficiencies. */
function unequalDetectors({ clicks }: BlockSlots, ratio: number): boolean {
  return [0, 1].some((basis) => {
    const counts = clicks!.perDetector.filter((_, d) => clicks!.bases[d] === basis);
    const most = Math.max(...counts);
    return most >= enough && most > ratio * Math.min(...counts);
  });
}

/** Shares of the intensities in Alice's record against those of the link description. */
function otherIntensities({ emitted }: BlockSlots, { source, alarms }: Link): boolean {
  const total = emitted?.reduce((sum, n) => sum + n, 0) ?? 0;
  if (!source || !emitted || total < enough || source.intensities.length < 2) return false;
  return emitted.some((n, k) => {
    const expected = (source.intensities[k]?.probability ?? 0) * total;
    return Math.abs(n - expected) > alarms.intensityRatio * expected + 6 * Math.sqrt(expected);
  });
}

/** Mean times of clicks by detector after delay correction, the flat background taken off. */
function delaysDrifted({ gate }: BlockSlots, most: number): boolean {
  const means = (gate?.histogram ?? []).flatMap((counts) => {
    const background = [...counts].sort((a, b) => a - b)[counts.length >> 2] ?? 0;
    const above = counts.map((n) => Math.max(0, n - background));
    const total = above.reduce((sum, n) => sum + n, 0);
    return total < enough ? [] : [above.reduce((sum, n, bin) => sum + n * bin * gate!.binPs, 0) / total];
  });
  return means.length > 1 && Math.max(...means) - Math.min(...means) > most;
}

/** Both ends choose bases by themselves, so equal ones are as frequent as their shares say. */
function siftedOff({ slots, equal, aliceX, bobX }: BasisCounts, most: number): boolean {
  if (slots < enough) return false;
  const [a, b] = [aliceX / slots, bobX / slots];
  return Math.abs(equal / slots - (a * b + (1 - a) * (1 - b))) > most;
}

/** Below this many counts a ratio says nothing: six sigma of a fair coin stay inside 0.1 from here. */
const enough = 1000;

/** @param earlier blocks before this one, in order */
export function alarmsOf(
  link: Link,
  slots: BlockSlots,
  block: SiftedBlock,
  earlier: readonly EarlierBlock[],
): BlockReason[] {
  const limits = link.alarms;
  const found: BlockReason[] = [];
  const clicks = slots.clicks;
  if (clicks) {
    const multiple = clicks.sameBasis + clicks.crossBasis;
    if (slots.own.count >= enough && multiple / slots.own.count > limits.doubleClickRate)
      found.push("ALARM_DOUBLE_CLICKS");
    if (unequalDetectors(slots, limits.efficiencyRatio)) found.push("ALARM_EFFICIENCY_MISMATCH");
  }
  if (otherIntensities(slots, link)) found.push("ALARM_INTENSITY_SHARES");
  if (delaysDrifted(slots, limits.delayDriftPs)) found.push("ALARM_DELAY_DRIFT");
  if (siftedOff(block.bases, limits.siftedRatio)) found.push("ALARM_SIFTED_RATIO");
  const key = block.key.length;
  const test = block.nTest.reduce((sum, n) => sum + n, 0);
  const unbalanced = (ones: number, n: number) => n >= enough && Math.abs(ones / n - 0.5) > limits.bitImbalance;
  if (unbalanced(block.onesKey, key) || unbalanced(block.onesTest, test)) found.push("ALARM_BIT_IMBALANCE");
  const errors = block.mTest.reduce((sum, m) => sum + m, 0);
  const now = { siftedBits: key + test, checkBits: test, checkErrors: errors };
  found.push(...changes(link, { ...now, ...(slots.pulses ? { pulses: slots.pulses } : {}) }, earlier));
  return found;
}

/** What changed suddenly since the blocks before; a first block has nothing to be compared with. */
function changes({ alarms: limits }: Link, now: EarlierBlock, earlier: readonly EarlierBlock[]): BlockReason[] {
  const found: BlockReason[] = [];
  const usable = earlier.filter(({ siftedBits }) => siftedBits >= enough);
  const last = usable.at(-1);
  if (!last || now.siftedBits < enough) return found;

  const mean = usable.reduce((sum, each) => sum + each.checkBits / each.siftedBits, 0) / usable.length;
  if (Math.abs(now.checkBits / now.siftedBits - mean) > limits.basisImbalance) found.push("ALARM_BASIS_IMBALANCE");

  const tested = usable.filter(({ checkBits }) => checkBits >= enough).at(-1);
  if (tested && now.checkBits >= enough) {
    const jump = now.checkErrors / now.checkBits - tested.checkErrors / tested.checkBits;
    if (Math.abs(jump) > limits.qberJump) found.push("ALARM_QBER_JUMP");
  }
  if (rateChanged(now, last, usable, limits.rateChange)) found.push("ALARM_RATE_CHANGE");
  return found;
}

/** Without pulses to count, a block may be short because the dump begins or ends in it: then only a rise tells. */
function rateChanged(now: EarlierBlock, last: EarlierBlock, all: readonly EarlierBlock[], most: number): boolean {
  if (now.pulses && last.pulses) {
    const ratio = now.siftedBits / now.pulses / (last.siftedBits / last.pulses);
    return ratio > most || ratio < 1 / most;
  }
  return all.length > 1 && now.siftedBits > most * Math.max(...all.map(({ siftedBits }) => siftedBits));
}
