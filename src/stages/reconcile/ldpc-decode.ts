/** Bob's attempts on frames as jobs of about a millisecond or more, all at once on the executor. */
import type { FramePlan } from "../../codes/adapt.js";
import type { DecodedFrame } from "../../workers/jobs/ldpc.js";
import type { DealtBlock } from "./frames.js";
import type { OpenFrame } from "./ldpc-frame.js";
import type { Profile } from "./ldpc-profile.js";
import type { ReconcileContext } from "./types.js";

/** A frame at Bob between its syndrome and its end. */
export interface Trial {
  readonly frame: OpenFrame;
  syndrome: Uint8Array;
  result?: DecodedFrame;
}

const bitsPerJob = 2 ** 18;
/** Iterations of an attempt that goes on from the one before. */
const furtherIterations = 15;

/** States kept of one block's frames; a frame beyond them starts anew. A state has about 7 bytes a bit. */
const mostStateBytes = 2 ** 28;
const stateBytesPerBit = 7;

export async function decodeTrials(
  { executor, signal }: Pick<ReconcileContext, "executor" | "signal">,
  plan: FramePlan,
  profile: Profile,
  attempt: { readonly code: string; readonly qber: number },
  /** Bob's bits. What Alice has shown stays with the frame: a decoder goes on only with the word that it began with. */
  block: DealtBlock,
  trials: Trial[],
  weakest: number,
): Promise<Trial[]> {
  const each = Math.max(1, Math.floor(bitsPerJob / plan.n));
  const jobs: Promise<void>[] = [];
  for (let from = 0; from < trials.length; from += each) {
    const batch = trials.slice(from, from + each);
    const frames = batch.map(({ frame, syndrome, result }) => ({
      word: block.deal(frame.index),
      syndrome,
      ...frame.known,
      ...(result?.state ? { state: result.state } : {}),
    }));
    const further = frames.every(({ state }) => state);
    const job = executor.run(
      "ldpcDecode",
      {
        ...attempt,
        frames,
        arithmetic: profile.arithmetic,
        maxIterations: further ? furtherIterations : profile.iterations,
        patience: profile.patience,
        weakest,
        keepState: weakest > 0 && plan.n * stateBytesPerBit * (batch.at(-1)!.frame.index + 1) <= mostStateBytes,
      },
      {
        transfer: frames.flatMap(({ word, state }) => [word.buffer, ...(state ? [state.buffer] : [])]),
        ...(signal ? { signal } : {}),
      },
    );
    jobs.push(
      job.then((decoded) => {
        batch.forEach((trial, i) => {
          trial.result = decoded.frames[i]!;
        });
      }),
    );
  }
  try {
    await Promise.all(jobs);
  } catch (error) {
    await Promise.allSettled(jobs);
    for (const { result } of trials) result?.word.fill(0);
    throw error;
  }
  return trials;
}
