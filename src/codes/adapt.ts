/**
 * Which code for a block (KERNELS.md B, "Rate adaptation"). The family has a code for every number of base columns, base
 * rows and every circulant in whole vectors, so a frame takes exactly the columns that its bits need and the rows that its
 * error rate needs: no error rate falls into a gap, and less than one circulant of a frame is shortened.
 *
 * Efficiency to begin with: f = f∞ + a·sqrt(Q(1 − Q))·log2((1 − Q)/Q) / (h(Q)·sqrt(n)), the form of the normal
 * approximation, f∞ and a fitted to measured codes at FER ≈ 10⁻²; profiles shift it. `single` adds b/Q³ for wide checks,
 * `fast` what pays at low error rates, where syndromes are a small part of the key: at 1 %, 2 % more of them save a tenth
 * of the iterations.
 */
import { entropy } from "../security/entropy.js";
import { codeInfo, mostColumns } from "./catalogue.js";

export interface FramePlan {
  readonly code: string;
  /** Bits of a code word and of a syndrome. */
  readonly n: number;
  readonly m: number;
  readonly lifting: number;
  readonly bits: number;
  readonly frames: number;
  /** Syndrome bits over n·h(Q) that the plan aims at. */
  readonly startEfficiency: number;
}

/**
 * How much a frame discloses before Bob has tried.
 * - `fast`: what normalised min-sum closes in some 16 iterations;
 * - `single`: what A-min* closes at the first attempt in most frames; the others need a round or two of further checks;
 * - `balanced`: a little less; half of the frames need a round or two of Bob's requests;
 * - `incremental`: below any single attempt; Bob's requests add what each frame lacks.
 */
export type StartProfile = "fast" | "single" | "balanced" | "incremental";

const measured: Readonly<Record<StartProfile, { asymptotic: number; finite: number; wide?: number; ease?: number }>> = {
  fast: { asymptotic: 1.12, finite: 4.9, ease: 0.005 },
  // Checks grow as 1/Q, and int8 loses in each: below 0.7 % no frame length makes up for it.
  single: { asymptotic: 1.066, finite: 3.5, wide: 3e-9 },
  balanced: { asymptotic: 1.066, finite: 3.5 },
  incremental: { asymptotic: 1.04, finite: 1.6 },
};
const mostForWidth = 0.045;
/** Dispersions between which `ease` grows: those of 5 % and 1 %. */
const easeFrom = 3.2;
const easeTo = 8.2;

/** Base columns: more of them make finer steps of the rate, short frames need wide circulants more. */
const fewColumns = 256;
const manyColumns = 512;
const manyFrom = 131_072;
const vector = 32;
const leastColumns = 8;
const leastRows = 3;
/** Base rows below which one more is a visible step of f: circulants shrink instead. */
const fineRows = 52;

/** Bits of a block that go to a frame at once, frame by frame in turn. */
export const frameUnit = 128;

/** Fewest bits that make a frame. */
export const smallestFrame = leastColumns * vector;

export interface PlanOptions {
  readonly qber: number;
  readonly profile: StartProfile;
  /** Most bits of a frame. */
  readonly largestFrame: number;
  /** Share of the leak that the error rate asks for, to begin with. */
  readonly share?: number;
}

/** @param bits at least `smallestFrame` */
export function planFrames(bits: number, { qber, profile, largestFrame, share = 1 }: PlanOptions): FramePlan {
  const frames = Math.ceil(bits / largestFrame);
  // The first frame has most.
  const real = Math.min(Math.ceil(bits / 8) * 8, Math.ceil(Math.ceil(bits / frameUnit) / frames) * frameUnit);
  const target = real < manyFrom ? fewColumns : manyColumns;
  const q = planned(qber);
  const startEfficiency = share * efficiency(q, profile, real);
  const wanted = startEfficiency * entropy(q) * real;
  const circulant = Math.max(real / mostColumns, Math.min(real / target, wanted / fineRows));
  const lifting = Math.max(
    vector,
    Math.ceil(real / mostColumns / vector) * vector,
    Math.floor(circulant / vector) * vector,
  );
  const columns = Math.max(leastColumns, Math.ceil(real / lifting));
  const rows = Math.min(columns - 1, Math.max(leastRows, Math.ceil(wanted / lifting)));
  const { id, n, m } = codeInfo(columns, lifting, rows);
  return { code: id, n, m, lifting, bits, frames, startEfficiency };
}

/** Base rows that the profile would give a frame of this plan at another error rate. */
export function rowsFor({ n, lifting }: FramePlan, qber: number, profile: StartProfile): number {
  const q = planned(qber);
  return Math.ceil((efficiency(q, profile, n) * entropy(q) * n) / lifting);
}

function planned(qber: number): number {
  return Math.min(0.25, Math.max(1e-4, qber));
}

function efficiency(q: number, profile: StartProfile, bits: number): number {
  const { asymptotic, finite, wide = 0, ease = 0 } = measured[profile];
  const spread = dispersion(q);
  const shift = Math.min(mostForWidth, wide / q ** 3) + ease * Math.max(0, Math.min(easeTo, spread) - easeFrom);
  return asymptotic + (finite * spread) / Math.sqrt(bits) + shift;
}

function dispersion(q: number): number {
  return (Math.sqrt(q * (1 - q)) * Math.log2((1 - q) / q)) / entropy(q);
}
