/**
 * Reconciliation by LDPC syndromes (FORMULAS.md 5, 5b; KERNELS.md B).
 *
 *   Alice → Bob  ldpc.syndromes  of all frames, some a message; Bob decodes as they arrive
 *   then until every frame is closed
 *   Bob → Alice  ldpc.flags      which open frames are still not decoded; pattern-public: the positions he wants
 *   Alice → Bob  ldpc.more       her bits there (pattern-public), or the checks of further rows (one-way)
 *
 * A frame that does not close is shown whole and counted, never dropped. One-way: Bob's flags count a bit each. Nothing
 * of Bob's but flags and positions leaves him. Equal words are not proven here: a wrong code word can satisfy a syndrome,
 * so verification follows.
 */
import { BitString } from "../../bits.js";
import { wireBits } from "../../channel/schemas.js";
import { type FramePlan, smallestFrame } from "../../codes/adapt.js";
import { splitId } from "../../codes/catalogue.js";
import { bitsAt } from "../places.js";
import { fromFrames, toFrames } from "./frames.js";
import { decodeTrials, type Trial } from "./ldpc-decode.js";
import { type Disclosure, OpenFrame, roundBits } from "./ldpc-frame.js";
import { extendSyndrome, furtherAttempt, splitsAfter } from "./ldpc-further.js";
import {
  flagsSchema,
  framesPerMessage,
  misbehaves,
  moreSchema,
  syndromesSchema,
  wholeSchema,
} from "./ldpc-messages.js";
import { planFor, profileOf } from "./ldpc-profile.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

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
  const frames = toFrames(word, plan);
  const batches = batchesOf(frames).map((batch) => syndromes(context, plan.code, batch));
  // All jobs run at once; one that fails while another is awaited must not go unhandled.
  for (const batch of batches) batch.catch(() => undefined);
  for (const batch of batches) {
    const sent = await batch;
    ledger.add("syndrome", plan.m * sent.length);
    await channel.send("ldpc.syndromes", { code: plan.code, frames: sent });
  }
  let open = frames.map((_, f) => new OpenFrame(f, plan));
  let framesFailed = 0;
  let rounds = 0;
  for (; ; rounds++) {
    const flags = await channel.receive("ldpc.flags", flagsSchema);
    if (accounting === "one-way") ledger.add("reconciliation-flag", open.length);
    const pending = wireBits(flags.open, open.length);
    open = open.filter((_, i) => pending.get(i));
    const asked = accounting === "pattern-public" ? open.length : 0;
    if (flags.positions.length !== asked) throw misbehaves("Bob's positions do not fit his frames");
    if (open.length === 0) break;
    const shown = open.map((frame, i) => frame.next(rounds, flags.positions[i]));
    for (const { reason, bits } of shown) ledger.add(reason, bits);
    framesFailed += open.filter(({ shownWhole }) => shownWhole).length;
    const words = open.map(({ index }) => frames[index]!);
    await channel.send("ldpc.more", { values: await valuesOf(context, plan, words, shown) });
    open = open.filter((frame) => !frame.shownWhole);
    if (open.length === 0) {
      rounds++;
      break;
    }
  }
  for (const frame of frames) frame.fill(0);
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
  const words = toFrames(word, plan);
  const closed: Uint8Array[] = [];
  let iterations = 0;
  const attempt = (trials: Trial[], round: number) => {
    const asks = accounting === "pattern-public";
    const target = furtherAttempt(plan, options.qber, asks ? 0 : splitsAfter(plan, round));
    return decodeTrials(context, plan, profile, target, trials, asks ? roundBits(plan, round) : 0);
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
      word: words[from + i]!,
      syndrome: wireBits(bits, plan.m).bytes,
    }));
    const started = attempt(trials, 0);
    started.catch(() => undefined);
    first.push(started);
  }
  let tried = (await Promise.all(first)).flat();
  let framesFailed = 0;
  let rounds = 0;
  while (tried.length > 0) {
    if (accounting === "one-way") ledger.add("reconciliation-flag", tried.length);
    const pending = BitString.zeros(tried.length);
    tried.forEach(({ frame, result: decoded }, i) => {
      iterations += decoded?.iterations ?? 0;
      if (decoded?.ok) closed[frame.index] = decoded.word;
      else {
        pending.bytes[i >>> 3]! |= 1 << (i & 7);
        decoded?.word.fill(0);
      }
    });
    const open = tried.filter((trial) => !trial.result?.ok);
    const positions =
      accounting === "pattern-public"
        ? open.map(({ frame, result: decoded }) => frame.ask(decoded?.weakest ?? new Uint32Array(), rounds))
        : [];
    await channel.send("ldpc.flags", { open: pending.bytes, positions });
    if (open.length === 0) break;
    const { values } = await channel.receive("ldpc.more", moreSchema);
    if (values.length !== open.length) throw misbehaves("Alice's bits do not fit the frames asked for");
    open.forEach((trial, i) => {
      const { frame, word: bits } = trial;
      const shown = frame.next(rounds, positions[i]);
      ledger.add(shown.reason, shown.bits);
      const told = wireBits(values[i]!, shown.bits);
      if (shown.splits) trial.syndrome = extendSyndrome(plan, trial.syndrome, told.bytes);
      if (shown.places) frame.learn(shown.places, told);
      if (!frame.shownWhole) return;
      framesFailed++;
      frame.correct(bits);
      closed[frame.index] = bits;
    });
    rounds++;
    tried = await attempt(
      open.filter(({ frame }) => !frame.shownWhole),
      rounds,
    );
  }
  const result = fromFrames(closed, plan);
  for (const frame of words) frame.fill(0);
  const choice = { ...choiceOf(plan, options), iterations: iterations / plan.frames };
  return outcome(result, { frames: plan.frames, framesFailed, rounds }, choice);
}

async function syndromes(
  { executor, signal }: ReconcileContext,
  code: string,
  frames: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const words = frames.map((frame) => frame.slice());
  const done = await executor.run(
    "ldpcSyndrome",
    { code, words },
    { transfer: words.map((frame) => frame.buffer), ...(signal ? { signal } : {}) },
  );
  return done.syndromes;
}

/** Alice: what she shows of each frame, packed. */
async function valuesOf(
  context: ReconcileContext,
  { code, m, lifting }: FramePlan,
  frames: readonly Uint8Array[],
  shown: readonly Disclosure[],
): Promise<Uint8Array[]> {
  const { splits = 0 } = shown.find((one) => one.splits) ?? {};
  const split = frames.filter((_, i) => shown[i]!.splits);
  const jobs = batchesOf(split).map((batch) => syndromes(context, splitId(code, splits), batch));
  const checks = (await Promise.all(jobs)).flat();
  return frames.map((frame, i) => {
    const { places, bits } = shown[i]!;
    return places ? bitsAt(frame, places).bytes : checks.shift()!.subarray((m + splits * lifting - bits) / 8);
  });
}

function batchesOf<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / framesPerMessage) }, (_, i) =>
    items.slice(i * framesPerMessage, (i + 1) * framesPerMessage),
  );
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
