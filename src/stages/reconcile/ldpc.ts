/**
 * Reconciliation by LDPC syndromes (FORMULAS.md 5, 5b; KERNELS.md B).
 *
 *   Alice → Bob  ldpc.syndromes  of all frames, some a message; Bob decodes as they arrive
 *   then until every frame is closed
 *   Bob → Alice  ldpc.flags      which open frames are still not decoded; how many further rows he wants or, allowed
 *                                pattern-public alone, which positions
 *   Alice → Bob  ldpc.more       the checks of those rows, or her bits there
 *
 * A frame that does not close is shown whole and counted, never dropped. One-way: Bob's flags count, in whole. Nothing
 * of Bob's but flags and positions leaves him. Equal words are not proven here: a wrong code word can satisfy a syndrome,
 * so verification follows.
 */
import type { BitString } from "../../bits.js";
import { wireBits } from "../../channel/schemas.js";
import { type FramePlan, smallestFrame } from "../../codes/adapt.js";
import { DealtBlock } from "./frames.js";
import { answerBob } from "./ldpc-alice.js";
import { askAlice } from "./ldpc-bob.js";
import { wholeSchema } from "./ldpc-messages.js";
import { planFor, profileOf } from "./ldpc-profile.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

export const ldpcReconciler: Reconciler = { asAlice, asBob };

async function asAlice(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
): Promise<ReconcileOutcome> {
  if (word.length < smallestFrame) {
    context.ledger.add("revealed-frame", word.length);
    await context.channel.send("ldpc.whole", { word: word.bytes });
    return shownWhole(word);
  }
  const plan = planFor(word.length, options);
  const block = new DealtBlock(plan, word);
  try {
    const rounds = await answerBob(context, plan, block, options.accounting);
    return { ok: true, word, ...rounds, choice: choiceOf(plan, options) };
  } finally {
    block.zeroise();
  }
}

async function asBob(context: ReconcileContext, word: BitString, options: ReconcileOptions): Promise<ReconcileOutcome> {
  if (word.length < smallestFrame) {
    const whole = wireBits((await context.channel.receive("ldpc.whole", wholeSchema)).word, word.length);
    context.ledger.add("revealed-frame", word.length);
    return shownWhole(whole);
  }
  const plan = planFor(word.length, options);
  const [block, closed] = [new DealtBlock(plan, word), new DealtBlock(plan)];
  try {
    const { iterations, errors, ...rounds } = await askAlice(context, plan, options, block, closed);
    return { ok: true, word: closed.word, errors, ...rounds, choice: { ...choiceOf(plan, options), iterations } };
  } catch (error) {
    closed.zeroise();
    throw error;
  } finally {
    block.zeroise();
  }
}

function choiceOf(plan: FramePlan, options: ReconcileOptions): Record<string, unknown> {
  const { arithmetic, why } = profileOf(options);
  return {
    method: "ldpc",
    code: plan.code,
    frameBits: plan.n,
    rate: 1 - plan.m / plan.n,
    targetEfficiency: plan.startEfficiency,
    arithmetic: arithmetic === "fast" ? "normalised min-sum" : "A-min*",
    why,
    qber: options.qber,
  };
}

/** Too short for any code. */
function shownWhole(word: BitString): ReconcileOutcome {
  const frames = word.length > 0 ? 1 : 0;
  return { ok: true, word, frames, framesFailed: frames, rounds: 0, choice: { method: "ldpc", revealed: true } };
}
