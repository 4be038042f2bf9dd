/**
 * Reconciliation by LDPC syndromes (FORMULAS.md 5, 5b; KERNELS.md B).
 *
 *   Alice → Bob  ldpc.syndromes  of all frames, in pieces
 *   then until every frame is closed
 *   Bob → Alice  ldpc.flags      which open frames are still not decoded; pattern-public: the positions he wants
 *   Alice → Bob  ldpc.more       her bits there: his choice (pattern-public), or the next pre-agreed ones (one-way)
 *
 * A frame that does not close within the rounds is revealed whole and counted, never dropped. One-way: Bob's flags count
 * a bit each. Nothing of Bob's but flags and positions leaves him.
 */
import { z } from "zod";
import { BitString, byteLength } from "../../bits.js";
import { decodeSlots, encodeSlots } from "../../channel/encoding.js";
import { wireBits, wireBytes, wireCount, wireText } from "../../channel/schemas.js";
import { type FramePlan, planFrames } from "../../codes/adapt.js";
import { QkdError } from "../../errors.js";
import type { DecodedFrame } from "../../workers/jobs/ldpc.js";
import { agreedPlaces, fromFrame, shortened, toFrames } from "./frames.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

/** Blocks below this are revealed: no code does better. */
const smallestBits = 192;
const framesPerMessage = 64;
const framesPerJob = 2;
/** Rounds of further bits; each asks for more than the one before; then the frame is revealed. */
const maxRounds = 26;
const growth = 1.15;
/** Where the estimate is rough: share of the leak it asks for to begin with. */
const cautiousStart = { small: 0.72, large: 0.9 };
const smallBits = 100_000;

const syndromesSchema = z.strictObject({ code: wireText, frames: z.array(wireBytes).max(framesPerMessage) });
const flagsSchema = z.strictObject({
  open: wireBytes,
  positions: z.array(z.strictObject({ count: wireCount, places: wireBytes })).max(1 << 20),
});
const moreSchema = z.strictObject({ values: z.array(wireBytes).max(1 << 20) });
const wholeSchema = z.strictObject({ word: wireBytes });

export const ldpcReconciler: Reconciler = { asAlice, asBob };

async function asAlice(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  if (word.length < smallestBits) {
    ledger.add("revealed-bits", word.length);
    await channel.send("ldpc.whole", { word: word.bytes });
    return outcome(
      word,
      { frames: word.length > 0 ? 1 : 0, framesFailed: word.length > 0 ? 1 : 0, rounds: 0 },
      { revealed: true },
    );
  }
  const plan = planFor(word.length, options);
  const frames = toFrames(word, plan);
  for (let from = 0; from < plan.frames; from += framesPerMessage) {
    const words = frames.slice(from, from + framesPerMessage).map((frame) => frame.slice());
    const { syndromes } = await context.executor.run(
      "ldpcSyndrome",
      { code: plan.code, words },
      { transfer: words.map((frame) => frame.buffer) },
    );
    ledger.add("syndrome", plan.m * syndromes.length);
    await channel.send("ldpc.syndromes", { code: plan.code, frames: syndromes });
  }
  let open = frames.map((_, f) => new OpenFrame(f, plan));
  let framesFailed = 0;
  let rounds = 0;
  for (; open.length > 0; rounds++) {
    const flags = await channel.receive("ldpc.flags", flagsSchema);
    if (options.accounting === "one-way") ledger.add("reconciliation-flag", open.length);
    const pending = wireBits(flags.open, open.length);
    open = open.filter((_, i) => pending.get(i));
    if (open.length === 0) break;
    if (rounds > maxRounds) throw misbehaves("Bob asks for more than every bit of a frame");
    const chosen = options.accounting === "pattern-public";
    if (flags.positions.length !== (chosen ? open.length : 0))
      throw misbehaves("Bob's positions do not fit his frames");
    const values = open.map((frame, i) => {
      const wanted = frame.next(rounds, chosen ? flags.positions[i] : undefined);
      if (frame.revealedAll) framesFailed++;
      ledger.add(frame.revealedAll ? "revealed-frame" : "revealed-bits", wanted.length);
      return bitsAt(frames[frame.index]!, wanted).bytes;
    });
    await channel.send("ldpc.more", { values });
  }
  for (const frame of frames) frame.fill(0);
  return outcome(word, { frames: plan.frames, framesFailed, rounds }, choiceOf(plan, options));
}

async function asBob(context: ReconcileContext, word: BitString, options: ReconcileOptions): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  if (word.length < smallestBits) {
    const whole = wireBits((await channel.receive("ldpc.whole", wholeSchema)).word, word.length);
    ledger.add("revealed-bits", word.length);
    return outcome(
      whole,
      { frames: word.length > 0 ? 1 : 0, framesFailed: word.length > 0 ? 1 : 0, rounds: 0 },
      { revealed: true },
    );
  }
  const plan = planFor(word.length, options);
  const words = toFrames(word, plan);
  const result = BitString.from(word.bytes, word.length);
  const attempt = (frames: OpenFrame[]) => decodeAll(context, plan, options, words, frames);
  const first: Promise<OpenFrame[]>[] = [];
  for (let from = 0; from < plan.frames; from += framesPerMessage) {
    const message = await channel.receive("ldpc.syndromes", syndromesSchema);
    const count = Math.min(framesPerMessage, plan.frames - from);
    if (message.code !== plan.code || message.frames.length !== count)
      throw misbehaves("Alice's syndromes do not fit the block");
    ledger.add("syndrome", plan.m * count);
    const batch = message.frames.map((bits, i) => new OpenFrame(from + i, plan, wireBits(bits, plan.m).bytes));
    first.push(attempt(batch));
  }
  let tried = (await Promise.all(first)).flat();
  let framesFailed = 0;
  let rounds = 0;
  for (;;) {
    if (options.accounting === "one-way") ledger.add("reconciliation-flag", tried.length);
    const pending = BitString.zeros(tried.length);
    tried.forEach((frame, i) => {
      if (frame.decoded?.ok) fromFrame(result, frame.decoded.word, frame.index, plan);
      else pending.bytes[i >>> 3]! |= 1 << (i & 7);
    });
    const open = tried.filter((frame) => !frame.decoded?.ok);
    const chosen = options.accounting === "pattern-public";
    const positions = chosen ? open.map((frame) => frame.ask(rounds)) : [];
    await channel.send("ldpc.flags", { open: pending.bytes, positions });
    if (open.length === 0) break;
    const { values } = await channel.receive("ldpc.more", moreSchema);
    if (values.length !== open.length) throw misbehaves("Alice's bits do not fit the frames asked for");
    open.forEach((frame, i) => {
      const wanted = frame.next(rounds, positions[i]);
      if (frame.revealedAll) framesFailed++;
      ledger.add(frame.revealedAll ? "revealed-frame" : "revealed-bits", wanted.length);
      frame.learn(wanted, wireBits(values[i]!, wanted.length), words[frame.index]!);
    });
    rounds++;
    const revealed = open.filter((frame) => frame.revealedAll);
    for (const frame of revealed) frame.decoded = { ok: true, word: words[frame.index]!.slice(), iterations: 0 };
    tried = [...(await attempt(open.filter((frame) => !frame.revealedAll))), ...revealed].sort(
      (a, b) => a.index - b.index,
    );
  }
  for (const frame of words) frame.fill(0);
  return outcome(result, { frames: plan.frames, framesFailed, rounds }, choiceOf(plan, options));
}

/** A frame whose decoding is not finished, as either end sees it. */
class OpenFrame {
  decoded: DecodedFrame | undefined;
  revealedAll = false;
  private readonly given: Uint8Array;
  private agreed = 0;
  private readonly places: number[] = [];
  private readonly bits: number[] = [];

  constructor(
    readonly index: number,
    private readonly plan: FramePlan,
    readonly syndrome: Uint8Array = new Uint8Array(),
  ) {
    this.given = new Uint8Array(plan.n);
    for (const place of shortened(index, plan)) this.given[place] = 1;
  }

  get known(): { positions: Uint32Array; values: Uint8Array } {
    const short = shortened(this.index, this.plan);
    const positions = Uint32Array.from([...short, ...this.places]);
    const values = new Uint8Array(byteLength(positions.length));
    this.bits.forEach((bit, i) => {
      const at = short.length + i;
      values[at >>> 3]! |= bit << (at & 7);
    });
    return { positions, values };
  }

  /** Bob, pattern-public: the positions he wants next. */
  ask(round: number): { count: number; places: Uint8Array } {
    const weakest = (this.decoded?.weakest ?? new Uint32Array()).filter((place) => !this.given[place]);
    const places = Float64Array.from(weakest.subarray(0, roundBits(this.plan, round, true)));
    return { count: places.length, places: encodeSlots(places) };
  }

  /** Positions of round `round`; the last one takes all that is left. @param asked Bob's choice, pattern-public */
  next(round: number, asked: { count: number; places: Uint8Array } | undefined): Uint32Array {
    let wanted: Uint32Array;
    if (round >= maxRounds) {
      this.revealedAll = true;
      wanted = Uint32Array.from(this.given, (_, place) => place).filter((place) => !this.given[place]);
    } else if (asked) wanted = Uint32Array.from(decodeSlots(asked.places, asked.count, this.plan.n));
    else {
      const count = roundBits(this.plan, round, false);
      wanted = agreedPlaces(this.index, this.plan, this.agreed, count);
      this.agreed += wanted.length;
    }
    for (const place of wanted) {
      if (this.given[place]) throw misbehaves("a position is asked for twice, or holds no key bit");
      this.given[place] = 1;
    }
    return wanted;
  }

  /** Bob: Alice's bits at these places; they are right in his frame from now on. */
  learn(places: Uint32Array, values: BitString, frame: Uint8Array): void {
    places.forEach((place, i) => {
      const bit = values.get(i);
      this.places.push(place);
      this.bits.push(bit);
      frame[place >>> 3] = (frame[place >>> 3]! & ~(1 << (place & 7))) | (bit << (place & 7));
    });
  }
}

function roundBits(plan: FramePlan, round: number, chosen: boolean): number {
  const first = chosen ? Math.max(8, 0.012 * plan.m) : Math.max(16, 0.03 * plan.m);
  return Math.ceil(first * growth ** round);
}

async function decodeAll(
  context: ReconcileContext,
  plan: FramePlan,
  options: ReconcileOptions,
  words: readonly Uint8Array[],
  frames: OpenFrame[],
): Promise<OpenFrame[]> {
  const fast = isFast(options);
  const jobs: Promise<void>[] = [];
  for (let from = 0; from < frames.length; from += framesPerJob) {
    const batch = frames.slice(from, from + framesPerJob);
    const input = batch.map((frame) => ({
      word: words[frame.index]!.slice(),
      syndrome: frame.syndrome.slice(),
      ...frame.known,
    }));
    const job = context.executor.run(
      "ldpcDecode",
      {
        code: plan.code,
        frames: input,
        qber: options.qber,
        arithmetic: fast ? "fast" : "tight",
        maxIterations: fast ? 40 : 60,
        weakest: options.accounting === "pattern-public" ? roundBits(plan, maxRounds, true) : 0,
      },
      { transfer: input.map(({ word }) => word.buffer), ...(context.signal ? { signal: context.signal } : {}) },
    );
    jobs.push(
      job.then(({ frames: decoded }) => {
        batch.forEach((frame, i) => {
          frame.decoded = decoded[i];
        });
      }),
    );
  }
  await Promise.all(jobs);
  return frames;
}

function planFor(bits: number, options: ReconcileOptions): FramePlan {
  const share =
    !options.rough || options.mode === "throughput" ? 1 : cautiousStart[bits < smallBits ? "small" : "large"];
  return planFrames(bits, options.qber, isFast(options), share);
}

function isFast({ mode }: ReconcileOptions): boolean {
  return mode === "throughput";
}

function bitsAt(frame: Uint8Array, places: Uint32Array): BitString {
  const out = BitString.zeros(places.length);
  places.forEach((place, i) => {
    out.bytes[i >>> 3]! |= ((frame[place >>> 3]! >>> (place & 7)) & 1) << (i & 7);
  });
  return out;
}

function choiceOf(plan: FramePlan, options: ReconcileOptions): Record<string, unknown> {
  return {
    method: "ldpc",
    code: plan.code,
    frameBits: plan.n,
    rate: 1 - plan.m / plan.n,
    targetEfficiency: plan.targetEfficiency,
    arithmetic: isFast(options) ? "normalised min-sum" : "A-min*",
    qber: options.qber,
  };
}

function outcome(
  word: BitString,
  counts: Pick<ReconcileOutcome, "frames" | "framesFailed" | "rounds">,
  choice: Record<string, unknown>,
): ReconcileOutcome {
  return { ok: true, word: BitString.from(word.bytes, word.length), ...counts, choice };
}

function misbehaves(why: string): QkdError {
  return new QkdError("RECONCILE_PEER_MISBEHAVES", `Reconciliation: ${why}.`);
}
