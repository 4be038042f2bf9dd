/** Alice's half of LDPC reconciliation (ldpc.ts). */
import { wireBits } from "../../channel/schemas.js";
import type { FramePlan } from "../../codes/adapt.js";
import { splitId } from "../../codes/catalogue.js";
import type { DealtBlock } from "./frames.js";
import { countFlags, disclosures } from "./ldpc-flags.js";
import { bitsAt, type Disclosure, OpenFrame } from "./ldpc-frame.js";
import { furtherChecks } from "./ldpc-further.js";
import { flagsSchema, framesPerMessage } from "./ldpc-messages.js";
import type { Accounting, ReconcileContext, Rounds } from "./types.js";

export async function answerBob(
  context: ReconcileContext,
  plan: FramePlan,
  block: DealtBlock,
  accounting: Accounting,
): Promise<Rounds> {
  const { channel, ledger } = context;
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
  return { frames: plan.frames, framesFailed, rounds };
}

/** Syndromes of some frames, as many a promise as go into a message. */
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

/** What she shows of each frame, packed. */
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
