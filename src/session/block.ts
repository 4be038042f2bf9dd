/**
 * One block in a session: party.ts with the peer's channel, and everything that must be durable before something else may
 * happen (state.ts).
 */
import type { RawBlock } from "../block-source.js";
import type { BlockChannel, Role } from "../channel/types.js";
import { QkdError, toQkdError } from "../errors.js";
import type { BlockKeys, BlockRecord, SecretKey } from "../keys/types.js";
import type { Link } from "../link.js";
import { alice, type BlockOutcome, type BlockWork, bob, distillBlock } from "../party.js";
import type { RandomSource } from "../random.js";
import type { BlockRow } from "../report/rows.js";
import { LeakLedger } from "../security/index.js";
import { tripsInTurn } from "../stages/reconcile/round-trip.js";
import type { BlockSlots } from "../stages/slots.js";
import type { Executor } from "../workers/executor.js";
import { type ReleaseOptions, settleBlock, storeKeys } from "./release.js";
import type { Session } from "./session.js";
import type { RunState } from "./state.js";

export interface BlockOptions extends ReleaseOptions {
  readonly role: Role;
  readonly link: Link;
  readonly executor: Executor;
  readonly state: RunState;
  readonly random: RandomSource;
  metadata(index: number): BlockMetadata;
  /** What is to be kept of a block. */
  record(outcome: BlockOutcome, index: number, context: BlockContext): BlockRecord;
  /** A block ended. */
  onBlock(record: BlockRecord): void;
}

export type BlockMetadata = Omit<SecretKey, "id" | "bytes" | "bits" | "transcript">;

export interface BlockContext {
  /** 16-byte blocks of the transcript's longer direction. */
  readonly transcriptBlocks: number;
  readonly ledger: LeakLedger;
  readonly transcript: string;
  readonly seconds: Readonly<Record<string, number>>;
}

/** What the commit's messages add to either direction of the transcript, 16-byte blocks, at most. */
const commitBlocks = 32;

/** A block whose slots are there. */
export interface BegunBlock {
  readonly slots: BlockSlots;
  /** The rest of its stages, to be called once. @returns round trips of its reconciliation, one after the other */
  finish(): Promise<number>;
}

export async function beginBlock(
  session: Session,
  options: BlockOptions,
  raw: RawBlock,
  sourceSeconds = 0,
): Promise<BegunBlock> {
  const { state, link, role, executor, random } = options;
  const { index } = raw;
  const earlier = session.plan.retry.get(index) ?? { attempts: 0, leak: 0 };
  const attempts = earlier.attempts + 1;
  let begun: Promise<void> | undefined;
  // An attempt in which this end said nothing told nobody anything.
  const begin = async () => {
    if (!session.connection.open) return;
    begun ??= state.mark(index, "begun", { attempts });
    await begun;
  };
  const transcript = session.authentication.transcript(`block ${index} attempt ${attempts}`);
  const channel = session.connection.channel(index, transcript);
  const ledger = new LeakLedger();
  const { leak: before } = state.block(index);
  const disclosed = () => ledger.disclosedBy(role, link.reconciliation.accounting === "one-way");
  ledger.add("earlier-attempt", earlier.leak);
  const seconds: Record<string, number> = {};
  // The commit itself is no part of the digest: both ends take it where both have heard the same.
  let digest: string | undefined;
  const digestOnce = () => {
    digest ??= transcript.digest();
    return digest;
  };
  const context = () => ({
    ledger,
    transcript: digestOnce(),
    transcriptBlocks: transcript.blocks + commitBlocks,
    seconds,
  });
  let kept: BlockKeys | undefined;
  let failure: QkdError | undefined;
  // The key is durable: the blocks beside it end as ever, and this one too, so that none of them is lost.
  const leave = (error: unknown) => {
    failure ??= toQkdError(error, "INTERNAL_ERROR");
    session.leave(failure);
  };
  const rows = (state.rows as unknown as BlockRow[]).filter((row) => row.index < index);
  const work: BlockWork = {
    link,
    index,
    channel: withDurableLeak(channel, begin, disclosed, (leak) => state.mark(index, "begun", { leak: before + leak })),
    executor,
    ledger,
    random,
    seal: transcript,
    signal: session.signal,
    roundTripSeconds: session.roundTripSeconds,
    sourceSeconds,
    keyQber: keyQberOf(rows),
    earlier: rows,
    metadata: () => ({ ...options.metadata(index), transcript: digestOnce() }),
    async timed(stage, run) {
      const began = performance.now();
      try {
        return await run();
      } finally {
        seconds[stage] = (seconds[stage] ?? 0) + (performance.now() - began) / 1000;
      }
    },
    seeded: () => state.mark(index, "seeded"),
    ...(options.deposits ? { deposits: options.deposits } : {}),
    async decide(made, outcome) {
      // Closed meanwhile: the decision was asked for and was no.
      if (state.block(index).status === "closed") throw new QkdError("CHANNEL_CLOSED", `Block ${index} was given up.`);
      kept = { ...made, record: options.record(outcome, index, context()) };
      await state.prepared.put(index, kept);
      await state.mark(index, role === "alice" ? "committed" : "prepared");
    },
    async release(made) {
      if (role === "bob") await state.mark(index, "committed");
      await settleBlock(options, index, kept ?? made);
      await storeKeys(state, options, index, kept ?? made, session.sinkUse).catch(leave);
    },
  };
  const slots = await work.timed("slots", () => raw.slots(work.channel, random, ledger));
  const finish = async () => {
    let waits = 0;
    const isThere = index === 0 || slots.pulses !== 0;
    if (isThere) {
      const outcome = await distillBlock(role === "alice" ? alice : bob, work, slots);
      if (outcome.keys.length === 0) await state.mark(index, "closed");
      const record = options.record(outcome, index, context());
      await (kept ? state.keepRow(index, record.row) : options.keep(record, index));
      try {
        options.onBlock(record);
      } catch (error) {
        leave(error);
      }
      for (const key of outcome.keys) key.bytes.fill(0);
      waits = outcome.reconciled ? tripsInTurn(outcome.reconciled) : 0;
    } else await state.mark(index, "closed");
    session.connection.finish(index);
    session.progress();
    if (failure) throw failure;
    return waits;
  };
  return { slots, finish };
}

const trackedBlocks = 3;
/** Fewer errors than this say less than the check basis. */
const enoughErrors = 100;

/** Error rate of the key basis in the last blocks that gave key: their counts were told and paid for. */
function keyQberOf(earlier: readonly BlockRow[]): number | undefined {
  const verified = earlier.filter(({ errors, secretBits }) => errors !== null && secretBits > 0).slice(-trackedBlocks);
  const [errors, bits] = [verified.map((row) => row.errors ?? 0), verified.map(({ keyBits }) => keyBits)].map((of) =>
    of.reduce((sum, one) => sum + one, 0),
  );
  return errors! < enoughErrors ? undefined : errors! / bits!;
}

/**
 * Nothing leaves before the journal knows of the attempt, no key-dependent bit before it counts it: another attempt starts
 * from what was disclosed.
 */
function withDurableLeak(
  channel: BlockChannel,
  begin: () => Promise<void>,
  disclosed: () => number,
  keep: (leak: number) => Promise<void>,
): BlockChannel {
  let durable = 0;
  return {
    ...(channel.line ? { line: channel.line } : {}),
    async send(type, body) {
      await begin();
      if (disclosed() > durable) {
        // A margin ahead spares a disk write for each of many small disclosures.
        durable = Math.ceil(disclosed() * 1.02);
        await keep(durable);
      }
      await channel.send(type, body);
    },
    receive: (type, schema) => channel.receive(type, schema),
  };
}
