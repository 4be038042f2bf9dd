/**
 * Reconciliation by Cascade (KERNELS.md E), pattern-public accounting only (FORMULAS.md 5b): Bob's requests are free,
 * every bit that Alice sends counts: parities, wasted ones too, tags, revealed frames. A wave is up to 32 frames of at
 * most 2^18 bits that advance one step a message; waves in flight take turns in the order in which they were started, so
 * that both ends compute at once and round trips are filled. A frame whose tag differs gets a pass more under a fresh
 * order and a fresh tag key; one that will not close is revealed and counted.
 */
import { type BitString, countOnes, xorBits } from "../../bits.js";
import { QkdError } from "../../errors.js";
import { CascadeKernel } from "../../kernels/cascade.js";
import { CascadeOrders } from "../../kernels/cascade-order.js";
import { AliceWave } from "./cascade-alice.js";
import type { Block, CascadeFrames, CascadeMethod, Tally } from "./cascade-block.js";
import { BobWave } from "./cascade-bob.js";
import {
  cascadeParameters,
  collectFrames,
  dealFrames,
  lanesFor,
  planFrames,
  planWaves,
  shapeOf,
} from "./cascade-frames.js";
import { answerSchema, askSchema, closeSchema, openSchema } from "./cascade-wire.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

export const cascadeReconciler = cascadeWith((shape, orders, side) => new CascadeKernel(shape, orders, side));

export function cascadeWith(method: CascadeMethod): Reconciler {
  return {
    asAlice: async (context, word, options) => {
      const own = { seed: context.random(16), lanes: lanesFor(options) };
      const block = await open(context, word, options, method, "alice", own);
      await context.channel.send("cascade-open", { bits: word.length, ...own });
      return withBlock(block, () => asAlice(context, word, options, block));
    },
    asBob: async (context, word, options) => {
      const block = await open(context, word, options, method, "bob");
      return withBlock(block, () => asBob(context, word, options, block));
    },
  };
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
  const { channel, ledger } = context;
  const tally: Tally = { failed: 0, rounds: 0 };
  const started = block.waves.values();
  const queue: AliceWave[] = [];
  const start = () => {
    const { value } = started.next();
    if (value) queue.push(new AliceWave(context, options, block, value, tally));
  };
  for (let lane = 0; lane < block.lanes; lane++) start();
  for (let wave = queue.shift(); wave; wave = queue.shift()) {
    const answer = wave.answer(await channel.receive("cascade-ask", askSchema));
    await channel.send("cascade-answer", answer);
    if (wave.open) queue.push(wave);
    else start();
  }
  const theirs = await channel.receive("cascade-close", closeSchema);
  await channel.send("cascade-close", { leaked: ledger.total, failed: tally.failed });
  compare(theirs, { leaked: ledger.total, failed: tally.failed });
  return outcome(word, block, tally, options);
}

async function asBob(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
  block: Block,
): Promise<ReconcileOutcome> {
  const { channel, ledger } = context;
  const tally: Tally = { failed: 0, rounds: 0 };
  const started = block.waves.values();
  const queue: BobWave[] = [];
  const ask = async (wave: BobWave) => {
    await channel.send("cascade-ask", wave.ask());
    queue.push(wave);
  };
  const start = async () => {
    const { value } = started.next();
    if (value) await ask(new BobWave(context, options, block, value, tally));
  };
  for (let lane = 0; lane < block.lanes; lane++) await start();
  for (let wave = queue.shift(); wave; wave = queue.shift()) {
    wave.take(await channel.receive("cascade-answer", answerSchema));
    await (wave.open ? ask(wave) : start());
  }
  await channel.send("cascade-close", { leaked: ledger.total, failed: tally.failed });
  compare(await channel.receive("cascade-close", closeSchema), { leaked: ledger.total, failed: tally.failed });
  const result = collectFrames(block.words, block.plan, block.orders);
  return { ...outcome(result, block, tally, options), errors: countOnes(xorBits(result, word)) };
}

/** Agrees on length and seed, and deals the frames into waves. */
async function open(
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
  method: CascadeMethod,
  side: "alice" | "bob",
  own?: { seed: Uint8Array; lanes: number },
): Promise<Block> {
  if (options.accounting !== "pattern-public")
    throw new QkdError("RECONCILE_ACCOUNTING_UNSUPPORTED", "Cascade needs pattern-public accounting.");
  const said = own ? undefined : await context.channel.receive("cascade-open", openSchema);
  if (said && said.bits !== word.length)
    throw new QkdError("RECONCILE_COUNT_MISMATCH", "The ends hold blocks of different lengths.");
  const { seed, lanes } = own ?? said!;
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
  const waves = planWaves(words.length, lanes);
  const zeroise = () => {
    for (const bits of words) bits.fill(0);
    for (const kernel of made) kernel.zeroise();
  };
  return { plan, words, waves, lanes: Math.min(lanes, waves.length), orders, frames, zeroise };
}

function byLength<T>(make: (length: number) => T): (length: number) => T {
  const made = new Map<number, T>();
  return (length) => {
    const known = made.get(length) ?? make(length);
    made.set(length, known);
    return known;
  };
}

function compare(theirs: { leaked: number; failed: number }, mine: { leaked: number; failed: number }): void {
  if (theirs.leaked !== mine.leaked || theirs.failed !== mine.failed)
    throw new QkdError("RECONCILE_COUNT_MISMATCH", "The ends counted different leakage.", { theirs, mine });
}

function outcome(
  word: BitString,
  { plan, lanes, waves }: Block,
  tally: Tally,
  options: ReconcileOptions,
): ReconcileOutcome {
  const blockBits = cascadeParameters(options.qber).levels.map((level) => 2 ** level);
  return {
    ok: true,
    word,
    frames: plan.words.length,
    framesFailed: tally.failed,
    rounds: tally.rounds,
    choice: {
      method: "cascade",
      blockBits,
      frameBits: 64 * Math.max(0, ...plan.words),
      framesInFlight: lanes * (waves[0]?.length ?? 0),
      lanes,
    },
  };
}
