/**
 * Reconciliation by Cascade (KERNELS.md E), pattern-public accounting only (FORMULAS.md 5b): Bob's requests are free,
 * every bit that Alice sends counts: parities, wasted ones too, tags, revealed frames. A wave is up to 64 frames of at
 * most 2^18 bits that advance one step a message, in one thread from first to last; waves in flight take turns in the
 * order in which they were started, so that both ends compute at once and round trips are filled. A frame whose tag
 * differs gets a pass more under a fresh order and a fresh tag key; one that will not close is revealed and counted.
 */
import { type BitString, countDifferent } from "../../bits.js";
import { QkdError } from "../../errors.js";
import { type CascadeOrders, ordersOf } from "../../kernels/cascade-order.js";
import { wipeShared } from "../../kernels/shared.js";
import { checkAccounting, count, type Pace, type Side, type Tally, wordsOfSeed } from "./cascade-block.js";
import { asBoth } from "./cascade-both.js";
import {
  collectFrames,
  dealFrames,
  type FramePlan,
  fewTrips,
  lanesFor,
  planFrames,
  planWaves,
} from "./cascade-frames.js";
import { BlockLanes, Turns } from "./cascade-lanes.js";
import { answerSchema, askSchema, closeSchema, openSchema } from "./cascade-messages.js";
import { outcome } from "./cascade-outcome.js";
import { leastInWork, othersInWork, whileInWork } from "./in-work.js";
import { roundTripIs, roundTripSeen } from "./round-trip.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

/** The last rounds have little to compute: the least that Alice waits is the round trip. */
const lastWaits = 8;

interface Block {
  readonly plan: FramePlan;
  /** Packed bits of each frame; they move to its thread and come back to Bob. */
  readonly words: Uint8Array[];
  readonly waves: readonly (readonly number[])[];
  /** Waves in flight at once, and frames of each. */
  readonly inFlight: number;
  readonly together: number;
  readonly lanes: BlockLanes;
  readonly pace: Pace;
  readonly orders: (length: number) => CascadeOrders;
}

export const cascadeReconciler: Reconciler = {
  asAlice: (context, word, options) =>
    whileInWork(context, "alice", async () => {
      // The first ones of a window do not yet see those that follow at once.
      const others = Math.max(othersInWork(context), options.windowed && !options.sourceSeconds ? leastInWork - 1 : 0);
      const roundTripSeconds = roundTripSeen(context)?.seconds ?? options.roundTripSeconds;
      const known = { ...options, ...(roundTripSeconds === undefined ? {} : { roundTripSeconds }) };
      const lanes = lanesFor(word.length, known, others);
      const few = fewTrips(word.length, known, others);
      const own = { seed: context.random(16), lanes, few };
      checkAccounting(options);
      // Bob deals while she does.
      await context.channel.send("cascade-open", { bits: word.length, ...own });
      const block = open(context, word, options, "alice", own);
      return withBlock(block, () => asAlice(context, word, block));
    }),
  asBob: async (context, word, options) => {
    checkAccounting(options);
    const said = await context.channel.receive("cascade-open", openSchema);
    if (said.bits !== word.length)
      throw new QkdError("RECONCILE_COUNT_MISMATCH", "The ends hold blocks of different lengths.");
    const block = open(context, word, options, "bob", said);
    return withBlock(block, () => asBob(context, word, block));
  },
  asBoth,
};

async function withBlock(block: Block, run: () => Promise<ReconcileOutcome>): Promise<ReconcileOutcome> {
  try {
    return await run();
  } finally {
    for (const bits of block.words) wipeShared(bits);
    await block.lanes.close();
  }
}

async function asAlice(context: ReconcileContext, word: BitString, block: Block): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  const tally: Tally = { failed: 0, rounds: 0 };
  const asks = new Turns(context, "cascade-ask", askSchema);
  const waits: number[] = [];
  const waves = block.waves.keys();
  const lane = async () => {
    let { value: wave } = waves.next();
    let heard = wave === undefined ? undefined : asks.hear();
    while (wave !== undefined) {
      const now = wave;
      await block.lanes.open(now, wordsOf(block, now));
      let spoke: number | undefined;
      for (let open = true; open && heard; ) {
        const { message, speak } = heard;
        const tagKey = context.random(8);
        const ask = await message;
        if (spoke !== undefined) waits.push((performance.now() - spoke) / 1000);
        const { bits, spent, open: more } = await block.lanes.answer(now, ask, tagKey);
        await speak(async () => {
          count(context, tally, spent);
          spoke = performance.now();
          await channel.send("cascade-answer", { bits, tagKey });
          open = more;
          if (!more) wave = waves.next().value;
          heard = wave === undefined ? undefined : asks.hear();
        });
      }
    }
  };
  await Promise.all(Array.from({ length: block.inFlight }, lane));
  const theirs = await channel.receive("cascade-close", closeSchema);
  await channel.send("cascade-close", { leaked: ledger.total, failed: tally.failed });
  compare(theirs, { leaked: ledger.total, failed: tally.failed });
  if (waits.length > 0) roundTripIs(context, Math.min(...waits.slice(-lastWaits)));
  return outcome(word, block, tally);
}

async function asBob(context: ReconcileContext, word: BitString, block: Block): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  const tally: Tally = { failed: 0, rounds: 0 };
  const answers = new Turns(context, "cascade-answer", answerSchema);
  const waves = block.waves.keys();
  const start = async (wave: number) => (await block.lanes.open(wave, wordsOf(block, wave))).ask;
  const lane = async () => {
    let speak = answers.turn();
    let { value: wave } = waves.next();
    let ask = wave === undefined ? undefined : await start(wave);
    while (wave !== undefined) {
      const heard = await speak(async () => {
        if (!ask) {
          wave = waves.next().value;
          if (wave === undefined) return undefined;
          ask = await start(wave);
        }
        await channel.send("cascade-ask", ask!);
        return answers.hear();
      });
      if (!heard) return;
      speak = heard.speak;
      const taken = await block.lanes.take(wave, await heard.message);
      for (const { at, word } of taken.ended) block.words[block.waves[wave]![at]!] = word;
      count(context, tally, taken.spent);
      ask = taken.ask;
    }
  };
  await Promise.all(Array.from({ length: block.inFlight }, lane));
  await channel.send("cascade-close", { leaked: ledger.total, failed: tally.failed });
  compare(await channel.receive("cascade-close", closeSchema), { leaked: ledger.total, failed: tally.failed });
  const result = collectFrames(block.words, block.plan, block.orders);
  return { ...outcome(result, block, tally), errors: countDifferent(result.bytes, word.bytes) };
}

function wordsOf({ waves, words }: Block, wave: number): Uint8Array[] {
  return waves[wave]!.map((frame) => words[frame]!);
}

/** Deals the frames into waves. */
function open(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
  side: Side,
  { seed, lanes, few }: { seed: Uint8Array; lanes: number; few: boolean },
): Block {
  const seedWords = wordsOfSeed(seed);
  const orders = (length: number) => ordersOf(length, seedWords);
  const plan = planFrames(word.length);
  const words = dealFrames(word, plan, orders);
  const waves = planWaves(words.length, lanes);
  const inFlight = Math.min(lanes, waves.length);
  const together = waves[0]?.length ?? 0;
  const pace = { qber: options.qber, few };
  return {
    plan,
    words,
    waves,
    inFlight,
    together,
    lanes: new BlockLanes(context, side, seedWords, pace, word.length),
    pace,
    orders,
  };
}

function compare(theirs: { leaked: number; failed: number }, mine: { leaked: number; failed: number }): void {
  if (theirs.leaked !== mine.leaked || theirs.failed !== mine.failed)
    throw new QkdError("RECONCILE_COUNT_MISMATCH", "The ends counted different leakage.", { theirs, mine });
}
