/** A block's outcome as a row of public counts: for reports, JSON and the state folder (private where one-way: 0600). */
import type { BlockOutcome } from "../party.js";
import { entropy } from "../security/index.js";
import type { BlockContext } from "../session/block.js";
import type { LostReason } from "../stages/context.js";
import type { DisclosedClicks, GateStatistics } from "../timing/types.js";

export interface BlockRow {
  readonly index: number;
  readonly siftedBits: number;
  readonly keyBits: number;
  readonly errors: number | null;
  readonly checkBits: number;
  readonly checkErrors: number;
  readonly leakedBits: number;
  readonly efficiency: number | null;
  readonly frames: number;
  readonly framesFailed: number;
  readonly rounds: number;
  readonly phaseError: number | null;
  readonly secretBits: number;
  /** Bits put into the authentication pool beside them. */
  readonly poolBits?: number;
  readonly keys: number;
  readonly accounting: string;
  readonly reason?: string;
  readonly alarms: readonly string[];
  readonly leak: Readonly<Record<string, number>>;
  readonly counts: {
    readonly key: readonly number[];
    readonly check: readonly number[];
    readonly checkErrors: readonly number[];
  };
  readonly keyErrorsByIntensity?: readonly number[];
  readonly qberUsed?: number;
  readonly choice?: Readonly<Record<string, unknown>>;
  readonly terms?: Readonly<Record<string, number | readonly number[]>>;
  readonly clicks: ClickRow;
  readonly pulses?: number;
  readonly pairs?: { readonly all: number; readonly exclusive: number; readonly accidentals: number };
  readonly disclosed?: DisclosedClicks;
  readonly gate?: GateStatistics;
  readonly seconds: Readonly<Record<string, number>>;
}

export interface ClickRow {
  /** Bob alone knows them. */
  readonly singleSifted: number | null;
  /** Of them, bits that were compared: vetoed slots of the key basis stay closed where the block gives key. */
  readonly singleCompared?: number | null;
  readonly singleErrors: number | null;
  readonly sameBasis: number;
  readonly crossBasis: number;
  readonly deadTimeVetoed: number | null;
}

export function blockRow(outcome: BlockOutcome, index: number, context: BlockContext, accounting: string): BlockRow {
  const { sifted, slots, reconciled, secured, keys, reason } = outcome;
  const sum = (counts: readonly number[]) => counts.reduce((total, n) => total + n, 0);
  const keyBits = sum(sifted.nKey);
  const errors = outcome.keyErrors ? sum(outcome.keyErrors) : null;
  const leakedBits = context.ledger.total;
  const shannon = errors ? keyBits * entropy(errors / keyBits) : 0;
  const single = sifted.clicks;
  const { singleKey } = outcome;
  return {
    index,
    siftedBits: keyBits + sum(sifted.nTest),
    keyBits,
    errors,
    checkBits: sum(sifted.nTest),
    checkErrors: sum(sifted.mTest),
    leakedBits,
    efficiency: shannon > 0 && reconciled ? leakedBits / shannon : null,
    frames: reconciled?.frames ?? 0,
    framesFailed: reconciled?.framesFailed ?? 0,
    rounds: reconciled?.rounds ?? 0,
    phaseError: secured?.bound.phi ?? null,
    secretBits: keys.reduce((total, { bits }) => total + bits, 0),
    ...(outcome.poolBits ? { poolBits: outcome.poolBits } : {}),
    keys: keys.length,
    accounting,
    ...(reason ? { reason } : {}),
    alarms: outcome.alarms,
    leak: Object.fromEntries(context.ledger.entries.map(({ reason: why, bits }) => [why, bits])),
    counts: { key: sifted.nKey, check: sifted.nTest, checkErrors: sifted.mTest },
    ...(outcome.keyErrors ? { keyErrorsByIntensity: outcome.keyErrors } : {}),
    ...(outcome.qberUsed === undefined ? {} : { qberUsed: outcome.qberUsed }),
    ...(reconciled ? { choice: reconciled.choice } : {}),
    ...(secured ? { terms: secured.bound.terms } : {}),
    clicks: {
      singleSifted: single?.siftedBits ?? null,
      singleCompared: single && singleKey ? single.compared + singleKey.compared : null,
      singleErrors: single && singleKey ? single.errors + singleKey.errors : null,
      sameBasis: slots.clicks?.sameBasis ?? 0,
      crossBasis: slots.clicks?.crossBasis ?? 0,
      deadTimeVetoed: single?.deadTimeVetoed ?? null,
    },
    ...(slots.pulses === undefined ? {} : { pulses: slots.pulses }),
    ...(slots.pairs ? { pairs: slots.pairs } : {}),
    ...(slots.disclosed ? { disclosed: slots.disclosed } : {}),
    ...(slots.gate ? { gate: { ...slots.gate } } : {}),
    seconds: context.seconds,
  };
}

/** A block that is given up: it counted nothing but what its attempts disclosed. */
export function lostRow(index: number, reason: LostReason, leakedBits: number, accounting: string): BlockRow {
  return {
    index,
    siftedBits: 0,
    keyBits: 0,
    errors: 0,
    checkBits: 0,
    checkErrors: 0,
    leakedBits,
    efficiency: null,
    frames: 0,
    framesFailed: 0,
    rounds: 0,
    phaseError: null,
    secretBits: 0,
    keys: 0,
    accounting,
    reason,
    alarms: [],
    leak: leakedBits > 0 ? { "earlier-attempt": leakedBits } : {},
    counts: { key: [], check: [], checkErrors: [] },
    clicks: { singleSifted: 0, singleCompared: 0, singleErrors: 0, sameBasis: 0, crossBasis: 0, deadTimeVetoed: 0 },
    seconds: {},
  };
}
