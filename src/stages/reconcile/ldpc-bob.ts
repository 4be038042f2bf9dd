/** Bob's half of LDPC reconciliation (ldpc.ts). */
import { BitString } from "../../bits.js";
import { wireBits } from "../../channel/schemas.js";
import type { FramePlan } from "../../codes/adapt.js";
import type { DealtBlock } from "./frames.js";
import { decodeTrials, type Trial } from "./ldpc-decode.js";
import { countFlags, disclosures } from "./ldpc-flags.js";
import { OpenFrame, roundBits } from "./ldpc-frame.js";
import { extendSyndrome, furtherAttempt, missingRows, rowsToAsk } from "./ldpc-further.js";
import { framesPerMessage, misbehaves, moreSchema, syndromesSchema } from "./ldpc-messages.js";
import { profileOf } from "./ldpc-profile.js";
import type { ReconcileContext, ReconcileOptions, Rounds } from "./types.js";

/** @param block his bits  @param closed gets Alice's */
export async function askAlice(
  context: ReconcileContext,
  plan: FramePlan,
  options: ReconcileOptions,
  block: DealtBlock,
  closed: DealtBlock,
): Promise<Rounds & { iterations: number; errors: number }> {
  const { channel, ledger } = context;
  const { accounting, qber } = options;
  const profile = profileOf(options);
  let [framesFailed, rounds, splits, iterations, errors] = [0, 0, 0, 0, 0];
  const attempt = async (trials: Trial[]) => {
    const weakest = accounting === "pattern-public" ? roundBits(plan, rounds) : 0;
    const target = furtherAttempt(plan, qber, splits);
    for (const { frame, result } of await decodeTrials(context, plan, profile, target, block, trials, weakest)) {
      iterations += result!.iterations;
      if (result!.ok) {
        errors += result!.corrected;
        closed.collect(frame.index, result!.word);
      } else result!.word.fill(0);
    }
    return trials;
  };
  let tried = await firstTrials(context, plan, attempt);
  const failing = tried.reduce((sum, { result }) => sum + result!.failing, 0);
  const missing = missingRows(plan, profile.start, failing, plan.frames);
  while (tried.length > 0) {
    const open = tried.filter(({ result }) => !result!.ok);
    const rows = open.length > 0 ? rowsToAsk(plan, accounting, rounds, missing) : 0;
    const positions =
      accounting === "pattern-public" && rows === 0
        ? open.map(({ frame, result }) => frame.ask(result!.weakest!, rounds))
        : [];
    const flags = { open: pendingOf(tried), rows, positions };
    countFlags(ledger, accounting, tried.length);
    await channel.send("ldpc.flags", flags);
    if (open.length === 0) break;
    splits += rows;
    const frames = open.map(({ frame }) => frame);
    const shown = disclosures(plan, accounting, frames, flags, rounds, splits);
    const { values } = await channel.receive("ldpc.more", moreSchema);
    if (values.length !== open.length) throw misbehaves("Alice's bits do not fit the frames asked for");
    open.forEach((trial, i) => {
      const { frame } = trial;
      const { reason, bits: count, places, splits: split } = shown[i]!;
      ledger.add(reason, count);
      const told = wireBits(values[i]!, count);
      if (split) extend(plan, trial, told.bytes);
      if (places) frame.learn(places, told);
      if (!frame.shownWhole) return;
      framesFailed++;
      const bits = block.deal(frame.index);
      errors += frame.correct(bits);
      closed.collect(frame.index, bits);
    });
    rounds++;
    tried = await attempt(open.filter(({ frame }) => !frame.shownWhole));
  }
  return { frames: plan.frames, framesFailed, rounds, iterations: iterations / plan.frames, errors };
}

/** Decodes as syndromes arrive. */
async function firstTrials(
  { channel, ledger }: ReconcileContext,
  plan: FramePlan,
  attempt: (trials: Trial[]) => Promise<Trial[]>,
): Promise<Trial[]> {
  const first: Promise<Trial[]>[] = [];
  for (let from = 0; from < plan.frames; from += framesPerMessage) {
    const message = await channel.receive("ldpc.syndromes", syndromesSchema);
    const count = Math.min(framesPerMessage, plan.frames - from);
    if (message.code !== plan.code || message.frames.length !== count)
      throw misbehaves("Alice's syndromes do not fit the block");
    ledger.add("syndrome", plan.m * count);
    const trials = message.frames.map((bits, i) => ({
      frame: new OpenFrame(from + i, plan),
      syndrome: wireBits(bits, plan.m).bytes,
    }));
    const started = attempt(trials);
    started.catch(() => undefined);
    first.push(started);
  }
  return (await Promise.all(first)).flat();
}

/** A bit a frame: still not decoded. */
function pendingOf(tried: readonly Trial[]): Uint8Array<ArrayBuffer> {
  const pending = BitString.zeros(tried.length).bytes as Uint8Array<ArrayBuffer>;
  tried.forEach(({ result }, i) => {
    if (!result!.ok) pending[i >>> 3]! |= 1 << (i & 7);
  });
  return pending;
}

/** More checks of a frame. A decoder's state is of one code. */
function extend(plan: FramePlan, trial: Trial, further: Uint8Array): void {
  trial.syndrome = extendSyndrome(plan, trial.syndrome, further);
  trial.result?.state?.fill(0);
  delete trial.result;
}
