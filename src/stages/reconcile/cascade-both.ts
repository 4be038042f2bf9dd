/**
 * Cascade where both ends are in this process: a frame's halves say to each other what they would say over a link, in one
 * thread, so that nothing waits or travels; each end counts for itself. Frames go to threads in parts.
 */
import type { BitString } from "../../bits.js";
import { ordersOf } from "../../kernels/cascade-order.js";
import { wipeShared } from "../../kernels/shared.js";
import { checkAccounting, count, wordsOfSeed } from "./cascade-block.js";
import { collectFrames, dealFrames, planFrames } from "./cascade-frames.js";
import { outcome } from "./cascade-outcome.js";
import type { Ends, ReconcileContext, ReconcileOptions, ReconcileOutcome } from "./types.js";

/** Enough for a trip to a thread to cost nothing. */
const mostFramesOfPart = 8;
const partsOfWorker = 4;

export async function asBoth(
  contexts: Ends<ReconcileContext>,
  words: Ends<BitString>,
  options: ReconcileOptions,
): Promise<Ends<ReconcileOutcome>> {
  checkAccounting(options);
  const { executor, random, signal } = contexts.alice;
  const seed = wordsOfSeed(random(16));
  const orders = (length: number) => ordersOf(length, seed);
  const plan = planFrames(words.alice.length);
  const pace = { qber: options.qber, few: false };
  const frames = plan.words.length;
  const alice = dealFrames(words.alice, plan, orders);
  const bob = dealFrames(words.bob, plan, orders);
  let rounds = 0;
  let errors = 0;
  const tallies = { alice: { failed: 0, rounds: 0 }, bob: { failed: 0, rounds: 0 } };
  const size = Math.min(mostFramesOfPart, Math.ceil(frames / (partsOfWorker * executor.workers)));
  const part = async (from: number) => {
    const [theirs, his] = [alice, bob].map((all) => joined(all.slice(from, from + size)));
    const lengths = bob.slice(from, from + size).map(({ length }) => length);
    const input = { seed, pace, bits: words.alice.length, alice: theirs!, bob: his!, lengths };
    const done = await executor.run("cascadePair", input, signal ? { signal } : {});
    for (const end of ["alice", "bob"] as const) count(contexts[end], tallies[end], done[end]);
    // In lockstep all frames would take as many rounds as the slowest.
    rounds = Math.max(rounds, done.rounds);
    errors += done.errors;
  };
  const parts = Array.from({ length: Math.ceil(frames / Math.max(1, size)) }, (_, i) => part(i * size));
  try {
    await Promise.all(parts);
    const block = { plan, pace, inFlight: Math.min(parts.length, executor.workers), together: 1 };
    const result = collectFrames(bob, plan, orders);
    return {
      alice: outcome(words.alice, block, { ...tallies.alice, rounds }),
      bob: { ...outcome(result, block, { ...tallies.bob, rounds }), errors },
    };
  } finally {
    await Promise.allSettled(parts);
    if (frames > 0) for (const all of [alice, bob]) wipeShared(joined(all));
  }
}

/** Frames that were dealt lie one behind the other. */
function joined(frames: readonly Uint8Array[]): Uint8Array {
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  return new Uint8Array(frames[0]!.buffer, frames[0]!.byteOffset, bytes);
}
