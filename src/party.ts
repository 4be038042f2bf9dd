/**
 * One block, top to bottom, at either end:
 *
 *   slots → sift → estimate → reconcile → verify → secure → amplify → commit
 *
 * Each step is one file in stages/ that holds both ends. Meeting the peer, several blocks at once, crashes and
 * reconnects: session/session.ts and session/state.ts.
 */
import { randomUUID } from "node:crypto";
import { type BitString, countOnes, xorBits } from "./bits.js";
import { splitKey } from "./keys/split.js";
import type { BlockKeys, Deposits, SecretKey } from "./keys/types.js";
import { alarmsOf, type EarlierBlock } from "./stages/alarms.js";
import { type Amplified, amplifyAsAlice, amplifyAsBob } from "./stages/amplify.js";
import { type CommitRecords, commitAsAlice, commitAsBob } from "./stages/commit.js";
import type { BlockReason, StageContext } from "./stages/context.js";
import { type Estimate, estimateAsAlice, estimateAsBob } from "./stages/estimate.js";
import { reconcilerOf } from "./stages/reconcile/index.js";
import type { ReconcileOptions, ReconcileOutcome } from "./stages/reconcile/types.js";
import { type SecuredLength, secure } from "./stages/secure.js";
import { type SiftedBlock, siftAsAlice, siftAsBob } from "./stages/sift.js";
import type { BlockSlots } from "./stages/slots.js";
import { type Verdict, verifyAsAlice, verifyAsBob } from "./stages/verify.js";

/** What the pipeline of one block needs beside the stage context. */
export interface BlockWork extends StageContext {
  readonly roundTripSeconds: number;
  /** Alice: seconds in which the link filled this block, where the ends waited for it, else 0. */
  readonly sourceSeconds: number;
  /** Alice: error rate of the key basis in earlier blocks, where it is known. */
  readonly keyQber: number | undefined;
  /** Blocks before this one that have ended, in order, for alarms. */
  readonly earlier: readonly EarlierBlock[];
  /** What goes into every key beside its bits; asked for once all but the commit has been said. */
  metadata(): Omit<SecretKey, "id" | "bytes" | "bits">;
  /** Runs a stage; its time goes to the report. */
  timed<T>(stage: string, work: () => Promise<T>): Promise<T>;
  /** Durable marks (session/state.ts): the seed leaves; the key is prepared (Bob) or decided (Alice); it is released. */
  seeded(): Promise<void>;
  decide(made: BlockKeys, outcome: BlockOutcome): Promise<void>;
  release(made: BlockKeys): Promise<void>;
  /** The authentication pool, where the link replenishes it. */
  readonly deposits?: Deposits;
}

/** How a block ended, as far as this end knows: counts, no bits but the keys. */
export interface BlockOutcome {
  readonly slots: BlockSlots;
  readonly sifted: Omit<SiftedBlock, "key" | "lost">;
  readonly alarms: readonly BlockReason[];
  /** Error rate that reconciliation was started with. */
  readonly qberUsed?: number;
  readonly reconciled?: Omit<ReconcileOutcome, "word">;
  /** Key-basis errors by intensity, known once the block is verified (or opened: then in all). */
  readonly keyErrors?: readonly number[];
  /** Bob: key-basis bits of single clicks that were compared, and errors among them. */
  readonly singleKey?: { readonly compared: number; readonly errors: number };
  readonly secured?: SecuredLength;
  readonly keys: readonly SecretKey[];
  /** Bits that went into the authentication pool. */
  readonly poolBits?: number;
  readonly reason?: BlockReason;
}

/** One end's half of every stage. */
interface EndStages {
  sift(work: BlockWork, slots: BlockSlots): Promise<SiftedBlock>;
  estimate(work: BlockWork, block: SiftedBlock, alarms: readonly BlockReason[]): Promise<Estimate>;
  reconcile(work: BlockWork, key: BitString, options: ReconcileOptions): Promise<ReconcileOutcome>;
  verify(work: BlockWork, word: BitString, block: SiftedBlock): Promise<Verdict>;
  amplify(work: BlockWork, word: BitString, length: SecuredLength): Promise<Amplified>;
  commit(work: BlockWork, records: CommitRecords): Promise<void>;
}

export const alice: EndStages = {
  sift: (work, slots) => siftAsAlice(work, slots.own),
  estimate: (work, block, alarms) => estimateAsAlice(work, block, alarms, work.keyQber),
  reconcile: (work, key, options) => reconcilerOf(work.link).asAlice(work, key, options),
  verify: verifyAsAlice,
  amplify: async (work, word, length) => {
    const ids = Array.from({ length: keyCount(work, length.bits) }, () => randomUUID());
    const slot = length.poolBits > 0 ? await work.deposits?.claimSlot() : undefined;
    return amplifyAsAlice(work, word, length, ids, slot, work.seeded);
  },
  commit: commitAsAlice,
};

export const bob: EndStages = {
  sift: (work, slots) => siftAsBob(work, slots.own),
  estimate: estimateAsBob,
  reconcile: (work, key, options) => reconcilerOf(work.link).asBob(work, key, options),
  verify: verifyAsBob,
  amplify: (work, word, length) => {
    const expectSlot = (slot: number) => work.deposits?.expectSlot(slot);
    return amplifyAsBob(work, word, length, keyCount(work, length.bits), expectSlot, work.seeded);
  },
  commit: commitAsBob,
};

export async function distillBlock(end: EndStages, work: BlockWork, slots: BlockSlots): Promise<BlockOutcome> {
  const secrets: BitString[] = [slots.own.bit];
  let unheld: readonly { readonly bytes: Uint8Array }[] = [];
  try {
    const sifted = await work.timed("sift", () => end.sift(work, slots));
    secrets.push(sifted.key, sifted.lost);
    const alarms = alarmsOf(work.link, slots, sifted, work.earlier);
    const { key: _key, lost: _lost, ...counts } = sifted;
    const known = { slots, sifted: counts, alarms, keys: [] };

    const estimate = await work.timed("estimate", () => end.estimate(work, sifted, alarms));
    if (!estimate.go)
      return { ...known, ...errorsKnown(sifted, [estimate.errors], estimate.opened), reason: estimate.reason };

    const options = reconcileOptions(work, estimate);
    const { word, ...reconciled } = await work.timed("reconcile", () => end.reconcile(work, sifted.key, options));
    secrets.push(word);
    const after = { ...known, qberUsed: estimate.qber, reconciled };
    if (!reconciled.ok) return { ...after, reason: "NOT_RECONCILED" };

    const verdict = await work.timed("verify", () => end.verify(work, word, sifted));
    if (!verdict.equal) return { ...after, reason: "VERIFICATION_FAILED" };

    const secured = secure(work, { ...sifted, mKey: verdict.errors });
    const verified = { ...after, ...errorsKnown(sifted, verdict.errors, { key: word }), secured };
    if (secured.reason) return { ...verified, reason: secured.reason };

    const { key, ids, slot } = await work.timed("amplify", () => end.amplify(work, word, secured));
    secrets.push(key);
    const made = splitKey(key, secured.bits, ids, work.metadata(), slot);
    unheld = [...made.keys, ...(made.deposit ? [made.deposit] : [])];
    const outcome = { ...verified, keys: made.keys, poolBits: secured.poolBits };
    const records = { decide: () => work.decide(made, outcome), release: () => work.release(made) };
    await work.timed("commit", () => end.commit(work, records));
    if (slot !== undefined) work.deposits?.settleSlot(slot);
    made.deposit?.bytes.fill(0);
    unheld = [];
    return outcome;
  } finally {
    for (const secret of secrets) secret.zeroise();
    for (const { bytes } of unheld) bytes.fill(0);
  }
}

/** How many keys a block's secret bits make: one, or pieces of the link's key size. */
export function keyCount({ link }: Pick<StageContext, "link">, bits: number): number {
  return link.keyBits ? Math.floor(bits / link.keyBits) : 1;
}

function reconcileOptions(
  { link, roundTripSeconds, sourceSeconds }: BlockWork,
  { qber, rough }: { qber: number; rough: boolean },
): ReconcileOptions {
  const { mode, accounting } = link.reconciliation;
  return { qber, mode, accounting, roundTripSeconds, sourceSeconds, rough, windowed: true };
}

/** @param truth Alice's bits as far as they are known, where this end is Bob */
function errorsKnown(
  { key, lost, clicks }: SiftedBlock,
  keyErrors: readonly number[],
  truth: { readonly key: BitString; readonly lost?: BitString } | undefined,
): Pick<BlockOutcome, "keyErrors" | "singleKey"> {
  if (!clicks || !truth) return { keyErrors };
  let [compared, errors] = [countOnes(clicks.inKey), wrongOnes(key, truth.key, clicks.inKey)];
  if (truth.lost) {
    compared += countOnes(clicks.inLost);
    errors += wrongOnes(lost, truth.lost, clicks.inLost);
  }
  return { keyErrors, singleKey: { compared, errors } };
}

function wrongOnes(own: BitString, truth: BitString, among: BitString): number {
  const wrong = xorBits(own, truth);
  for (let i = 0; i < wrong.bytes.length; i++) wrong.bytes[i]! &= among.bytes[i]!;
  return countOnes(wrong);
}
