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
import type { z } from "zod";
import { BitString } from "../../bits.js";
import { wireBits } from "../../channel/schemas.js";
import { type FramePlan, smallestFrame } from "../../codes/adapt.js";
import { mostColumns, splitId } from "../../codes/catalogue.js";
import type { LeakLedger } from "../../security/ledger.js";
import { DealtBlock } from "./frames.js";
import { decodeTrials, type Trial } from "./ldpc-decode.js";
import { bitsAt, type Disclosure, OpenFrame, roundBits } from "./ldpc-frame.js";
import { extendSyndrome, furtherAttempt, furtherChecks, missingRows, rowsBits, rowsToAsk } from "./ldpc-further.js";
import {
  flagsSchema,
  framesPerMessage,
  misbehaves,
  moreSchema,
  syndromesSchema,
  wholeSchema,
} from "./ldpc-messages.js";
import { planFor, profileOf } from "./ldpc-profile.js";
import type { Accounting, ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

export const ldpcReconciler: Reconciler = { asAlice, asBob };

async function asAlice(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  const { accounting } = options;
  if (word.length < smallestFrame) {
    ledger.add("revealed-frame", word.length);
    await channel.send("ldpc.whole", { word: word.bytes });
    return shownWhole(word);
  }
  const plan = planFor(word.length, options);
  const block = new DealtBlock(plan, word);
  const all = Array.from({ length: plan.frames }, (_, f) => new OpenFrame(f, plan));
  const batches = syndromes(context, plan.code, block, all);
  for (const batch of batches) {
    const sent = await batch;
    ledger.add("syndrome", plan.m * sent.length);
    await channel.send("ldpc.syndromes", { code: plan.code, frames: sent });
  }
  let open = all;
  let [framesFailed, rounds, splits] = [0, 0, 0];
  for (; open.length > 0; rounds++) {
    const flags = await channel.receive("ldpc.flags", flagsSchema);
    const pending = wireBits(flags.open, open.length);
    countFlags(ledger, accounting, open.length);
    open = open.filter((_, i) => pending.get(i));
    if (open.length === 0) break;
    splits += flags.rows;
    const shown = disclosures(plan, accounting, open, flags, rounds, splits);
    for (const { reason, bits } of shown) ledger.add(reason, bits);
    await channel.send("ldpc.more", { values: await valuesOf(context, plan, block, open, shown, splits) });
    framesFailed += open.filter(({ shownWhole }) => shownWhole).length;
    open = open.filter(({ shownWhole }) => !shownWhole);
  }
  block.zeroise();
  return outcome(word, { frames: plan.frames, framesFailed, rounds }, choiceOf(plan, options));
}

async function asBob(context: ReconcileContext, word: BitString, options: ReconcileOptions): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  const { accounting } = options;
  if (word.length < smallestFrame) {
    const whole = wireBits((await channel.receive("ldpc.whole", wholeSchema)).word, word.length);
    ledger.add("revealed-frame", word.length);
    return shownWhole(whole);
  }
  const plan = planFor(word.length, options);
  const profile = profileOf(options);
  const [block, closed] = [new DealtBlock(plan, word), new DealtBlock(plan)];
  let iterations = 0;
  let [framesFailed, rounds, splits] = [0, 0, 0];
  const attempt = async (trials: Trial[]) => {
    const weakest = accounting === "pattern-public" ? roundBits(plan, rounds) : 0;
    const target = furtherAttempt(plan, options.qber, splits);
    for (const { frame, result } of await decodeTrials(context, plan, profile, target, block, trials, weakest)) {
      iterations += result!.iterations;
      if (result!.ok) closed.collect(frame.index, result!.word);
      else result!.word.fill(0);
    }
    return trials;
  };
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
  let tried = (await Promise.all(first)).flat();
  const failing = tried.reduce((sum, { result }) => sum + result!.failing, 0);
  const missing = missingRows(plan, profile.start, failing, plan.frames);
  while (tried.length > 0) {
    const pending = BitString.zeros(tried.length);
    tried.forEach(({ result }, i) => {
      if (!result!.ok) pending.bytes[i >>> 3]! |= 1 << (i & 7);
    });
    const open = tried.filter(({ result }) => !result!.ok);
    const rows = open.length > 0 ? rowsToAsk(plan, accounting, rounds, missing) : 0;
    const positions =
      accounting === "pattern-public" && rows === 0
        ? open.map(({ frame, result }) => frame.ask(result!.weakest!, rounds))
        : [];
    const flags = { open: pending.bytes, rows, positions };
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
      frame.correct(bits);
      closed.collect(frame.index, bits);
    });
    rounds++;
    tried = await attempt(open.filter(({ frame }) => !frame.shownWhole));
  }
  block.zeroise();
  const choice = { ...choiceOf(plan, options), iterations: iterations / plan.frames };
  return outcome(closed.word, { frames: plan.frames, framesFailed, rounds }, choice);
}

/** Alice: syndromes of some frames, as many a promise as go into a message. */
function syndromes(
  { executor, signal }: ReconcileContext,
  code: string,
  block: DealtBlock,
  frames: readonly OpenFrame[],
): Promise<Uint8Array[]>[] {
  const jobs: Promise<Uint8Array[]>[] = [];
  for (let from = 0; from < frames.length; from += framesPerMessage) {
    const words = frames.slice(from, from + framesPerMessage).map(({ index }) => block.deal(index));
    const job = executor.run(
      "ldpcSyndrome",
      { code, words },
      { transfer: words.map((word) => word.buffer), ...(signal ? { signal } : {}) },
    );
    jobs.push(job.then((done) => done.syndromes));
  }
  // All run at once; one that fails while another is awaited must not go unhandled.
  for (const job of jobs) job.catch(() => undefined);
  return jobs;
}

/** One-way, what Bob says depends on the key: a bit a frame, and the number of rows. */
function countFlags(ledger: LeakLedger, accounting: Accounting, frames: number): void {
  if (accounting === "one-way") ledger.add("reconciliation-flag", frames + rowsBits);
}

/** Both ends: what Alice shows of each open frame in answer to Bob's flags. */
function disclosures(
  plan: FramePlan,
  accounting: Accounting,
  open: readonly OpenFrame[],
  { rows, positions }: Pick<z.infer<typeof flagsSchema>, "rows" | "positions">,
  round: number,
  splits: number,
): Disclosure[] {
  if (rows >= mostColumns) throw misbehaves("Bob asks for more rows than a code has");
  if (positions.length !== (rows > 0 ? 0 : open.length)) throw misbehaves("Bob's positions do not fit his frames");
  if (accounting === "one-way" && rows === 0) throw misbehaves("Bob asks for positions one-way");
  const syndromeBits = plan.m + splits * plan.lifting;
  return open.map((frame, i) =>
    rows > 0 ? frame.split(rows, splits) : frame.answer(round, positions[i]!, syndromeBits),
  );
}

/** Alice: what she shows of each frame, packed. */
async function valuesOf(
  context: ReconcileContext,
  plan: FramePlan,
  block: DealtBlock,
  open: readonly OpenFrame[],
  shown: readonly Disclosure[],
  splits: number,
): Promise<Uint8Array[]> {
  const split = open.filter((_, i) => shown[i]!.splits);
  const checks = (await Promise.all(syndromes(context, splitId(plan.code, splits), block, split))).flat();
  return open.map(({ index }, i) => {
    const { places, bits } = shown[i]!;
    if (!places) return furtherChecks(plan, checks.shift()!, (plan.m - bits) / plan.lifting + splits);
    const frame = block.deal(index);
    const values = bitsAt(frame, places).bytes;
    frame.fill(0);
    return values;
  });
}

/** Bob: more checks of a frame. A decoder's state is of one code. */
function extend(plan: FramePlan, trial: Trial, further: Uint8Array): void {
  trial.syndrome = extendSyndrome(plan, trial.syndrome, further);
  trial.result?.state?.fill(0);
  delete trial.result;
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

function outcome(
  word: BitString,
  counts: Pick<ReconcileOutcome, "frames" | "framesFailed" | "rounds">,
  choice: Record<string, unknown>,
): ReconcileOutcome {
  return { ok: true, word, ...counts, choice };
}

/** Too short for any code. */
function shownWhole(word: BitString): ReconcileOutcome {
  const frames = word.length > 0 ? 1 : 0;
  return outcome(word, { frames, framesFailed: frames, rounds: 0 }, { method: "ldpc", revealed: true });
}
