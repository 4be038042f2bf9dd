/**
 * What a mode means: how much to disclose at first, which arithmetic, how long to try.
 * - `throughput`: normalised min-sum, so much syndrome that some 16 iterations do;
 * - `efficiency`: A-min*, frames of 2^20 bits; pattern-public begins below any single attempt and lets Bob ask;
 * - `auto`: A-min*, frames of 2^18 bits; pattern-public begins where half of the frames close at once.
 * One-way, Alice does not know what a frame lacks, so both begin where most frames close at once.
 */
import { type FramePlan, type PlanOptions, planFrames, type StartProfile } from "../../codes/adapt.js";
import { defaultPatience } from "../../kernels/ldpc-options.js";
import type { ReconcileOptions } from "./types.js";

export interface Profile {
  readonly start: StartProfile;
  readonly arithmetic: "tight" | "fast";
  readonly iterations: number;
  /** Iterations without progress that end an attempt. */
  readonly patience: number;
  readonly largestFrame: number;
  readonly why: string;
}

/** Where the estimate is of another basis: share of the leak it asks for to begin with. Bob then knows what is missing. */
const cautiousStart = 0.6;
const usualFrame = 2 ** 18;
const largeFrame = 2 ** 20;

export function profileOf({ mode, accounting }: ReconcileOptions): Profile {
  if (mode === "throughput")
    return {
      start: "fast",
      arithmetic: "fast",
      iterations: 40,
      patience: defaultPatience,
      largestFrame: usualFrame,
      why: "fewest iterations a bit",
    };
  const largestFrame = mode === "efficiency" ? largeFrame : usualFrame;
  if (accounting === "one-way")
    return {
      start: "single",
      arithmetic: "tight",
      iterations: 60,
      patience: 4,
      largestFrame,
      why: "further checks add what each frame lacks",
    };
  const efficient = mode === "efficiency";
  const start = efficient ? "incremental" : "balanced";
  // An attempt that has stalled knows what it lacks.
  return {
    start,
    arithmetic: "tight",
    iterations: 30,
    patience: 2,
    largestFrame,
    why: "Bob's requests add what each frame lacks",
  };
}

export function planFor(bits: number, options: ReconcileOptions): FramePlan {
  const { start, largestFrame } = profileOf(options);
  const share = options.rough ? cautiousStart : 1;
  return planFrames(bits, { qber: options.qber, profile: start, largestFrame, share } satisfies PlanOptions);
}
