/**
 * Reconciliation by Cascade (KERNELS.md E), pattern-public accounting only (FORMULAS.md 5b): Bob's requests are free,
 * every bit that Alice sends counts: parities, wasted ones too, tags, revealed frames. A block is dealt like cards into
 * equal frames of at most 2^18 bits (frame f holds bits f, f+F, …) and each pass permutes, so that neither drift nor
 * dead time meets one frame. Up to 64 frames are in flight and advance one step a message. A frame whose tag differs
 * gets coarse passes under a fresh permutation and a fresh tag key; one that will not close is revealed and counted.
 */
import { BitString } from "../../bits.js";
import { QkdError } from "../../errors.js";
import { answerBits, CascadeAlice, CascadeBob, CascadePermutations } from "../../kernels/reference/cascade.js";
import { CascadeTag } from "../../kernels/reference/cascade-tag.js";
import {
  answerSchema,
  askSchema,
  BitReader,
  BitWriter,
  closeSchema,
  IntervalReader,
  IntervalWriter,
  invalidRequest,
  openSchema,
  operation,
} from "./cascade-wire.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

const frameBits = 2 ** 18;
const framesInFlight = 64;
const mainPasses = 3;
const repairPasses = 8;
const maxRounds = 4000;
const tagBits = 64;
/** Shorter frames cost less revealed than tagged. */
const revealBelow = 192;

export const cascadeReconciler: Reconciler = { asAlice, asBob };

/** Block sizes of the passes from the error rate, and where one-shots begin (KERNELS.md E, 2 and 6). */
export function cascadeParameters(qber: number): { blockBits: readonly number[]; together: number } {
  const q = Math.min(Math.max(qber, 0.0005), 0.25);
  const first = 2 ** Math.floor(Math.log2(1.3 / q));
  const second = first * q <= 1 ? 4 * first : 2 * first;
  const third = q < 0.015 ? 8192 : q <= 0.05 ? 4096 : q <= 0.08 ? 2048 : 1024;
  return { blockBits: [first, second, Math.max(third, second)], together: q / 160 };
}

function passBits(options: ReconcileOptions, pass: number, length: number): number {
  return cascadeParameters(options.qber).blockBits[pass] ?? Math.max(1, Math.ceil(length / 4));
}

async function asAlice(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
): Promise<ReconcileOutcome> {
  const { channel, ledger, random } = context;
  const { frames, waves, permutations, seed } = await open(context, word, options, random(16));
  await channel.send("cascade-open", { bits: word.length, seed });
  const tally = { leaked: 0, failed: 0, rounds: 0 };
  for (const wave of waves) {
    const live = wave.map((f) => new CascadeAlice(deal(word, f, frames), permutations(f)));
    const closed = live.map(() => false);
    const tags = live.map(() => 0);
    try {
      for (let round = 0; closed.includes(false); round++) {
        checkRound(context, round);
        const { operations, intervals } = await channel.receive("cascade-ask", askSchema);
        if (operations.length !== live.length) throw invalidRequest("another number of frames");
        const list = new IntervalReader(intervals);
        const out = new BitWriter();
        const tagKey = random(8);
        const tag = new CascadeTag(tagKey);
        const spent = { parity: 0, tags: 0, revealed: 0 };
        for (const [i, alice] of live.entries()) {
          const what = operations[i];
          if (closed[i] && what !== operation.closed) throw invalidRequest("a frame that was closed");
          const before = out.length;
          if (what === operation.closed) closed[i] = true;
          else if (what === operation.startPass) {
            if (alice.passes >= mainPasses + repairPasses) throw invalidRequest("a pass too many");
            const step = passBits(options, alice.passes, alice.length);
            alice.startPass();
            for (let start = 0; start < alice.length; start += step)
              alice.answer(interval(alice.passes - 1, start, Math.min(step, alice.length - start)), out.put);
            spent.parity += out.length - before;
          } else if (what === operation.search) {
            for (const request of list.take(alice.passes, alice.length)) alice.answer(request, out.put);
            spent.parity += out.length - before;
          } else if (what === operation.tag) {
            if (++tags[i]! > repairPasses + 1) throw invalidRequest("a tag too many");
            for (const half of tag.of(deal(word, wave[i]!, frames)))
              for (let bit = 0; bit < 32; bit++) out.put((half >>> bit) & 1);
            spent.tags += tagBits;
          } else if (what === operation.reveal) {
            for (const bit of deal(word, wave[i]!, frames)) out.put(bit);
            spent.revealed += alice.length;
            tally.failed++;
            closed[i] = true;
          } else throw invalidRequest("an unknown operation");
        }
        list.end();
        tally.leaked += count(context, spent);
        if (out.length > 0 || closed.includes(false)) tally.rounds++;
        await channel.send("cascade-answer", { bits: out.bytes(), tagKey });
      }
    } finally {
      for (const alice of live) alice.zeroise();
    }
  }
  const theirs = await channel.receive("cascade-close", closeSchema);
  await channel.send("cascade-close", { leaked: ledger.total, failed: tally.failed });
  compare(theirs, { leaked: ledger.total, failed: tally.failed });
  return outcome(word, frames, tally, options);
}

async function asBob(context: ReconcileContext, word: BitString, options: ReconcileOptions): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  const { frames, waves, permutations } = await open(context, word, options);
  const tally = { leaked: 0, failed: 0, rounds: 0, errors: 0 };
  const result = BitString.zeros(word.length);
  for (const wave of waves) {
    const together = cascadeParameters(options.qber).together;
    const live = wave.map((f) => {
      const bits = deal(word, f, frames);
      return new CascadeBob(bits, permutations(f), Math.max(1, Math.floor(bits.length * together)));
    });
    const leaked = live.map(() => 0);
    let next: number[] = live.map((bob) => (bob.length < revealBelow ? operation.reveal : operation.startPass));
    const ended = live.map(() => false);
    try {
      for (let round = 0; ended.includes(false); round++) {
        checkRound(context, round);
        const writer = new IntervalWriter();
        const requests = live.map((bob, i) => {
          if (next[i] !== operation.search) return [];
          const asked = bob.requests();
          writer.put(asked);
          return asked;
        });
        await channel.send("cascade-ask", { operations: Uint8Array.from(next), intervals: writer.bytes() });
        const { bits, tagKey } = await channel.receive("cascade-answer", answerSchema);
        const reader = new BitReader(bits);
        const tag = new CascadeTag(tagKey);
        const spent = { parity: 0, tags: 0, revealed: 0 };
        next = live.map((bob, i) => {
          const what = next[i]!;
          if (what === operation.closed) {
            ended[i] = true;
            return what;
          }
          if (what === operation.reveal) {
            for (let x = 0; x < bob.length; x++) bob.word[x] = reader.take();
            spent.revealed += bob.length;
            tally.failed++;
            ended[i] = true;
            return operation.closed;
          }
          if (what === operation.tag) {
            const mine = tag.of(bob.word);
            let differ = 0;
            for (const half of mine) for (let bit = 0; bit < 32; bit++) differ |= ((half >>> bit) & 1) ^ reader.take();
            spent.tags += tagBits;
            if (!differ) return operation.closed;
            return bob.passCount < mainPasses + repairPasses ? operation.startPass : operation.reveal;
          }
          let used = 0;
          if (what === operation.startPass) {
            const step = passBits(options, bob.passCount, bob.length);
            used = Math.ceil(bob.length / step);
            bob.startPass(step, reader.take);
          } else {
            for (const request of requests[i]!) used += answerBits(request);
            bob.take(reader.take);
          }
          spent.parity += used;
          leaked[i]! += used;
          if (leaked[i]! > bob.length || bob.corrections > bob.length || round > maxRounds - 64)
            return operation.reveal;
          if (bob.requests().length > 0) return operation.search;
          return bob.passCount < mainPasses ? operation.startPass : operation.tag;
        });
        reader.end();
        tally.leaked += count(context, spent);
        if (bits.length > 0) tally.rounds++;
      }
      for (const [i, bob] of live.entries()) tally.errors += collect(bob.word, wave[i]!, frames, word, result);
    } finally {
      for (const bob of live) bob.zeroise();
    }
  }
  await channel.send("cascade-close", { leaked: ledger.total, failed: tally.failed });
  compare(await channel.receive("cascade-close", closeSchema), { leaked: ledger.total, failed: tally.failed });
  return { ...outcome(result, frames, tally, options), errors: tally.errors };
}

/** Agrees on length and seed, and deals the frames into waves. */
async function open(context: ReconcileContext, word: BitString, options: ReconcileOptions, own?: Uint8Array) {
  if (options.accounting !== "pattern-public")
    throw new QkdError("RECONCILE_ACCOUNTING_UNSUPPORTED", "Cascade needs pattern-public accounting.");
  const said = own ? undefined : await context.channel.receive("cascade-open", openSchema);
  if (said && said.bits !== word.length)
    throw new QkdError("RECONCILE_COUNT_MISMATCH", "The ends hold blocks of different lengths.");
  const seed = own ?? said!.seed;
  const view = new DataView(seed.buffer, seed.byteOffset, 16);
  const words = Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at, true));
  const frames = Math.ceil(word.length / frameBits);
  const waves: number[][] = [];
  for (let f = 0; f < frames; f += framesInFlight)
    waves.push(Array.from({ length: Math.min(framesInFlight, frames - f) }, (_, i) => f + i));
  const made = new Map<number, CascadePermutations>();
  const permutations = (frame: number): CascadePermutations => {
    const length = frameLength(word.length, frame, frames);
    const known = made.get(length) ?? new CascadePermutations(length, words);
    made.set(length, known);
    return known;
  };
  return { frames, waves, permutations, seed };
}

function frameLength(bits: number, frame: number, frames: number): number {
  return Math.ceil((bits - frame) / frames);
}

function deal(word: BitString, frame: number, frames: number): Uint8Array {
  const bits = new Uint8Array(frameLength(word.length, frame, frames));
  for (let i = 0, at = frame; i < bits.length; i++, at += frames) bits[i] = word.get(at);
  return bits;
}

/** Puts a frame's bits back; returns how many differ from Bob's own. */
function collect(bits: Uint8Array, frame: number, frames: number, own: BitString, into: BitString): number {
  let differ = 0;
  for (let i = 0, at = frame; i < bits.length; i++, at += frames) {
    differ += bits[i]! ^ own.get(at);
    into.bytes[at >>> 3]! |= bits[i]! << (at & 7);
  }
  return differ;
}

function interval(pass: number, start: number, length: number) {
  return { pass, start, length, oneShot: false };
}

function count({ ledger }: ReconcileContext, spent: { parity: number; tags: number; revealed: number }): number {
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

function outcome(
  word: BitString,
  frames: number,
  tally: { failed: number; rounds: number },
  options: ReconcileOptions,
): ReconcileOutcome {
  return {
    ok: true,
    word,
    frames,
    framesFailed: tally.failed,
    rounds: tally.rounds,
    choice: { method: "cascade", blockBits: cascadeParameters(options.qber).blockBits, frameBits, framesInFlight },
  };
}
