/**
 * Reconciliation by Cascade (KERNELS.md E), pattern-public accounting only (FORMULAS.md 5b): Bob's requests are free,
 * every bit that Alice sends counts: parities, wasted ones too, tags, revealed frames. Up to 32 frames of at most 2^18
 * bits are in flight and advance one step a message; memory is theirs (kernels/cascade.ts). A frame whose tag differs
 * gets a pass more under a fresh order and a fresh tag key; one that will not close is revealed and counted.
 */
import { type BitString, countOnes, xorBits } from "../../bits.js";
import { QkdError } from "../../errors.js";
import { CascadeKernel } from "../../kernels/cascade.js";
import type { AliceHalf, BobHalf, FrameShape, Request } from "../../kernels/cascade-halves.js";
import { CascadeOrders } from "../../kernels/cascade-order.js";
import {
  cascadeParameters,
  collectFrames,
  dealFrames,
  type FramePlan,
  passLevel,
  planFrames,
  shapeOf,
} from "./cascade-frames.js";
import {
  AnswerReader,
  answerSchema,
  askSchema,
  closeSchema,
  invalidRequest,
  openSchema,
  operation,
  Pieces,
  RequestReader,
} from "./cascade-wire.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

const framesInFlight = 32;
const mainPasses = 3;
const repairPasses = 8;
const mostPasses = mainPasses + repairPasses;
const maxRounds = 4000;
const tagBits = 64;
/** Shorter frames cost less revealed than tagged. */
const revealBelow = 192;

/** All frames of one length at one end: the kernel, or its twin in tests. */
export interface CascadeFrames {
  alice(word: Uint8Array): AliceHalf;
  bob(word: Uint8Array, together: number): BobHalf;
  zeroise(): void;
}
export type CascadeMethod = (shape: FrameShape, orders: CascadeOrders, side: "alice" | "bob") => CascadeFrames;

export const cascadeReconciler = cascadeWith((shape, orders, side) => new CascadeKernel(shape, orders, side));

export function cascadeWith(method: CascadeMethod): Reconciler {
  return {
    asAlice: async (context, word, options) => {
      const block = await open(context, word, options, method, "alice", context.random(16));
      await context.channel.send("cascade-open", { bits: word.length, seed: block.seed });
      return withBlock(block, () => asAlice(context, word, options, block));
    },
    asBob: async (context, word, options) => {
      const block = await open(context, word, options, method, "bob");
      return withBlock(block, () => asBob(context, word, options, block));
    },
  };
}

interface Block {
  readonly plan: FramePlan;
  readonly seed: Uint8Array;
  /** Packed bits of each frame. */
  readonly words: Uint8Array[];
  readonly waves: number[][];
  readonly orders: (length: number) => CascadeOrders;
  readonly frames: (length: number) => CascadeFrames;
  zeroise(): void;
}

interface Tally {
  failed: number;
  rounds: number;
}

interface Spent {
  parity: number;
  tags: number;
  revealed: number;
}

async function withBlock(block: Block, run: () => Promise<ReconcileOutcome>): Promise<ReconcileOutcome> {
  try {
    return await run();
  } finally {
    block.zeroise();
  }
}

async function asAlice(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
  block: Block,
): Promise<ReconcileOutcome> {
  const { channel, ledger, random } = context;
  const tally: Tally = { failed: 0, rounds: 0 };
  for (const wave of block.waves) {
    const live = wave.map((f) => {
      const bits = block.words[f]!;
      return { half: block.frames(bits.length * 8).alice(bits), closed: false, tags: 0, leaked: 0 };
    });
    for (let round = 0; live.some(({ closed }) => !closed); round++) {
      checkRound(context, round);
      const { operations, requests } = await channel.receive("cascade-ask", askSchema);
      if (operations.length !== live.length) throw invalidRequest("another number of frames");
      const reader = new RequestReader(requests);
      const out = new Pieces();
      const tagKey = random(8);
      const spent: Spent = { parity: 0, tags: 0, revealed: 0 };
      for (const [i, frame] of live.entries()) {
        const what = operations[i]!;
        if (frame.closed && what !== operation.closed) throw invalidRequest("a frame that was closed");
        const { half } = frame;
        let parities = 0;
        if (what === operation.closed) frame.closed = true;
        else if (what === operation.tag) {
          if (++frame.tags > repairPasses + 1) throw invalidRequest("a tag too many");
          out.add(half.tag(tagKey));
          spent.tags += tagBits;
        } else if (what === operation.reveal) {
          out.add(half.word());
          spent.revealed += half.length;
          tally.failed++;
          frame.closed = true;
        } else {
          const answer = answerTo(half, what, reader, options.qber);
          parities = answer.bits;
          out.add(answer.bytes);
        }
        spent.parity += parities;
        frame.leaked += parities;
        // Bob gives a frame up when it has cost its length; whoever goes on asking wants something else.
        if (frame.leaked > 2 * half.length) throw invalidRequest("more than the frame is long");
        if (frame.closed) half.zeroise();
      }
      reader.end();
      const sent = count(context, spent);
      if (sent > 0) tally.rounds++;
      await channel.send("cascade-answer", { bits: out.joined(), tagKey });
    }
  }
  const theirs = await channel.receive("cascade-close", closeSchema);
  await channel.send("cascade-close", { leaked: ledger.total, failed: tally.failed });
  compare(theirs, { leaked: ledger.total, failed: tally.failed });
  return outcome(word, block, tally, options);
}

function answerTo(half: AliceHalf, what: number, reader: RequestReader, qber: number) {
  if (what === operation.startPass) {
    if (half.passes >= mostPasses) throw invalidRequest("a pass too many");
    return half.start(passLevel(qber, half.passes, half.length));
  }
  if (what === operation.go) return half.go(reader.take((half.owed() + 7) >>> 3));
  if (what !== operation.list && what !== operation.ask) throw invalidRequest("an unknown operation");
  const requests = reader.words();
  const answer = what === operation.list ? half.list(requests) : half.ask(requests);
  if (!answer) throw invalidRequest("an interval out of range");
  return answer;
}

interface Search {
  readonly half: BobHalf;
  readonly frame: number;
  leaked: number;
  next: number;
  request: Request;
}

const nothing: Request = { kind: "none" };

async function asBob(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
  block: Block,
): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  const tally: Tally = { failed: 0, rounds: 0 };
  const { together } = cascadeParameters(options.qber);
  for (const wave of block.waves) {
    const live: Search[] = wave.map((frame) => {
      const bits = block.words[frame]!;
      const length = bits.length * 8;
      const half = block.frames(length).bob(bits, Math.max(1, Math.floor(length * together)));
      const next = length < revealBelow ? operation.reveal : operation.startPass;
      return { half, frame, leaked: 0, next, request: nothing };
    });
    let open = live.length;
    for (let round = 0; open > 0; round++) {
      checkRound(context, round);
      const out = new Pieces();
      for (const { request } of live) {
        if (request.kind === "go") out.add(request.directions);
        else if (request.kind !== "none") out.addWords(request.requests);
      }
      const operations = Uint8Array.from(live, ({ next }) => next);
      await channel.send("cascade-ask", { operations, requests: out.joined() });
      const { bits, tagKey } = await channel.receive("cascade-answer", answerSchema);
      const reader = new AnswerReader(bits);
      const spent: Spent = { parity: 0, tags: 0, revealed: 0 };
      open = 0;
      for (const search of live) {
        if (search.next === operation.closed) continue;
        const revealed = digest(search, reader, tagKey, options.qber, spent);
        if (revealed) {
          tally.failed++;
          block.words[search.frame]!.set(revealed);
        } else if (search.next === operation.closed) block.words[search.frame]!.set(search.half.word());
        if (search.next === operation.closed) search.half.zeroise();
        if (round > maxRounds - 64 && search.next !== operation.closed) give(search);
        // A frame that was shown is closed at both ends; one that closes by its tag is said to be closed once.
        if (!revealed) open++;
      }
      reader.end();
      if (count(context, spent) > 0) tally.rounds++;
    }
  }
  await channel.send("cascade-close", { leaked: ledger.total, failed: tally.failed });
  compare(await channel.receive("cascade-close", closeSchema), { leaked: ledger.total, failed: tally.failed });
  const result = collectFrames(block.words, block.plan, block.orders);
  return { ...outcome(result, block, tally, options), errors: countOnes(xorBits(result, word)) };
}

function give(search: Search): void {
  search.next = operation.reveal;
  search.request = nothing;
}

/** Reads one frame's answer and decides its next step. @returns the frame's bits where it was revealed */
function digest(
  search: Search,
  reader: AnswerReader,
  tagKey: Uint8Array,
  qber: number,
  spent: Spent,
): Uint8Array | undefined {
  const { half } = search;
  if (search.next === operation.reveal) {
    spent.revealed += half.length;
    search.next = operation.closed;
    return reader.take(half.length);
  }
  if (search.next === operation.tag) {
    const [theirs, mine] = [reader.take(tagBits), half.tag(tagKey)];
    spent.tags += tagBits;
    let differ = 0;
    for (let i = 0; i < mine.length; i++) differ |= mine[i]! ^ theirs[i]!;
    if (differ === 0) search.next = operation.closed;
    else if (half.passes < mostPasses) search.next = operation.startPass;
    else give(search);
    return undefined;
  }
  let used: number;
  if (search.next === operation.startPass) {
    const level = passLevel(qber, half.passes, half.length);
    used = half.length >>> level;
    half.start(level, reader.take(used));
  } else {
    used = search.request.kind === "none" ? 0 : search.request.answerBits;
    half.take(reader.take(used));
  }
  spent.parity += used;
  search.leaked += used;
  search.request = half.next();
  const { kind } = search.request;
  if (half.failed || search.leaked > half.length) give(search);
  else if (kind !== "none") search.next = operation[kind];
  else search.next = half.passes < mainPasses ? operation.startPass : operation.tag;
  return undefined;
}

/** Agrees on length and seed, and deals the frames into waves. */
async function open(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
  method: CascadeMethod,
  side: "alice" | "bob",
  own?: Uint8Array,
): Promise<Block> {
  if (options.accounting !== "pattern-public")
    throw new QkdError("RECONCILE_ACCOUNTING_UNSUPPORTED", "Cascade needs pattern-public accounting.");
  const said = own ? undefined : await context.channel.receive("cascade-open", openSchema);
  if (said && said.bits !== word.length)
    throw new QkdError("RECONCILE_COUNT_MISMATCH", "The ends hold blocks of different lengths.");
  const seed = own ?? said!.seed;
  const view = new DataView(seed.buffer, seed.byteOffset, 16);
  const seedWords = Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at, true));
  const orders = byLength((length) => new CascadeOrders(length, seedWords));
  const made: CascadeFrames[] = [];
  const frames = byLength((length) => {
    const kernel = method(shapeOf(length, options.qber), orders(length), side);
    made.push(kernel);
    return kernel;
  });
  const plan = planFrames(word.length);
  const words = dealFrames(word, plan, orders);
  const waves: number[][] = [];
  for (let f = 0; f < words.length; f += framesInFlight)
    waves.push(Array.from({ length: Math.min(framesInFlight, words.length - f) }, (_, i) => f + i));
  const zeroise = () => {
    for (const bits of words) bits.fill(0);
    for (const kernel of made) kernel.zeroise();
  };
  return { plan, seed, words, waves, orders, frames, zeroise };
}

function byLength<T>(make: (length: number) => T): (length: number) => T {
  const made = new Map<number, T>();
  return (length) => {
    const known = made.get(length) ?? make(length);
    made.set(length, known);
    return known;
  };
}

function count({ ledger }: ReconcileContext, spent: Spent): number {
  ledger.add("parity", spent.parity);
  ledger.add("reconciliation-tag", spent.tags);
  ledger.add("revealed-frame", spent.revealed);
  return spent.parity + spent.tags + spent.revealed;
}

function checkRound({ signal }: ReconcileContext, round: number): void {
  if (signal?.aborted) throw new QkdError("ENGINE_CANCELLED", "Reconciliation was cancelled.");
  if (round > maxRounds) throw new QkdError("RECONCILE_ROUNDS_EXCEEDED", "Cascade did not end.", { maxRounds });
}

function compare(theirs: { leaked: number; failed: number }, mine: { leaked: number; failed: number }): void {
  if (theirs.leaked !== mine.leaked || theirs.failed !== mine.failed)
    throw new QkdError("RECONCILE_COUNT_MISMATCH", "The ends counted different leakage.", { theirs, mine });
}

function outcome(word: BitString, { plan }: Block, tally: Tally, options: ReconcileOptions): ReconcileOutcome {
  const blockBits = cascadeParameters(options.qber).levels.map((level) => 2 ** level);
  return {
    ok: true,
    word,
    frames: plan.words.length,
    framesFailed: tally.failed,
    rounds: tally.rounds,
    choice: { method: "cascade", blockBits, frameBits: 64 * Math.max(0, ...plan.words), framesInFlight },
  };
}
