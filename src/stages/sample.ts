/**
 * A first block's error rate. The check basis' rate need not be the key's (1.5 % against 0.85 % on the demo's decoy link:
 * a syndrome half as long again as it need be). One-way, Alice therefore opens some key bits of a block for which no
 * earlier one tells the rate, at pre-agreed places, and Bob says how many he has otherwise. The bits stay in the key and
 * count as leaked, like his answer.
 *
 * The size s balances what is opened against what an uncertain rate costs: s + f·n·h(Q)·c/sqrt(Q·s) is least at
 * s = (c/2·f·n·h(Q)/sqrt(Q))^(2/3).
 */
import { entropy } from "../security/index.js";
import type { StageContext } from "./context.js";
import { agreedPlaces } from "./places.js";

/** c/2·f. */
const shareOfLeak = 0.6;
/** Share of the key bits beyond which a sample costs more than it is likely to save. */
const mostShare = 0.01;
/** Standard deviations within which the sample does not speak against the check basis, which is the larger one. */
const agreement = 2;

/** Empty where a sample is not worth it. @param qber of the check basis */
export function samplePlaces({ link }: StageContext, keyBits: number, qber: number): Uint32Array {
  if (link.reconciliation.accounting !== "one-way") return new Uint32Array();
  const size = Math.ceil(((shareOfLeak * keyBits * entropy(qber)) / Math.sqrt(qber)) ** (2 / 3));
  return size > mostShare * keyBits ? new Uint32Array() : agreedPlaces(keyBits, 0, size);
}

export function countSample({ ledger }: StageContext, size: number): void {
  ledger.add("sampled-bits", size);
  ledger.add("error-counts", Math.ceil(Math.log2(size + 1)));
}

/** Standard deviations that are added: one tenth too little costs a third of the leak, one tenth too much a tenth. */
const caution = 1.5;

export function sampledQber(check: number, errors: number, size: number): number {
  const rate = errors / size;
  const agrees = Math.abs(rate - check) <= agreement * Math.sqrt((check * (1 - check)) / size);
  return agrees ? Math.max(check, rate) : rate + (caution * Math.sqrt(errors + 1)) / size;
}
