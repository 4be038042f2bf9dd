/** Bob's attempts on frames as jobs of about a millisecond or more, all at once on the executor. */
import type { FramePlan } from "../../codes/adapt.js";
import type { DecodedFrame } from "../../workers/jobs/ldpc.js";
import type { OpenFrame } from "./ldpc-frame.js";
import type { Profile } from "./ldpc-profile.js";
import type { ReconcileContext } from "./types.js";

/** A frame at Bob between its syndrome and its end. */
export interface Trial {
  readonly frame: OpenFrame;
  /** Bob's bits, Alice's where she has shown them. */
  readonly word: Uint8Array<ArrayBuffer>;
  readonly syndrome: Uint8Array;
  result?: DecodedFrame;
}

const bitsPerJob = 2 ** 18;

export async function decodeTrials(
  { executor, signal }: Pick<ReconcileContext, "executor" | "signal">,
  plan: FramePlan,
  profile: Profile,
  qber: number,
  trials: Trial[],
  weakest: number,
): Promise<Trial[]> {
  const each = Math.max(1, Math.floor(bitsPerJob / plan.n));
  const jobs: Promise<void>[] = [];
  for (let from = 0; from < trials.length; from += each) {
    const batch = trials.slice(from, from + each);
    const frames = batch.map(({ frame, word, syndrome }) => ({ word: word.slice(), syndrome, ...frame.known }));
    const job = executor.run(
      "ldpcDecode",
      { code: plan.code, frames, qber, arithmetic: profile.arithmetic, maxIterations: profile.iterations, weakest },
      { transfer: frames.map(({ word }) => word.buffer), ...(signal ? { signal } : {}) },
    );
    jobs.push(
      job.then((decoded) => {
        batch.forEach((trial, i) => {
          trial.result = decoded.frames[i]!;
        });
      }),
    );
  }
  await Promise.all(jobs);
  return trials;
}
