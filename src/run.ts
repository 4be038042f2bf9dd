/**
 * What one end does in a session: lock clocks with the peer, then block after block through party.ts, a few at once, so
 * that round trips cost little. Bob says which block comes next and when there is none; Alice follows.
 */
import { z } from "zod";
import { type LockedSource, lockSource, type OwnData, type RawBlock, type SourceFacts } from "./block-source.js";
import { closingChannel, syncChannel } from "./channel/connection.js";
import type { BlockChannel, Role } from "./channel/types.js";
import { QkdError, toQkdError } from "./errors.js";
import type { BlockKeys, BlockRecord, Deposits, KeySink, SecretKey } from "./keys/types.js";
import type { Link } from "./link.js";
import { alice, type BlockOutcome, type BlockWork, bob, distillBlock } from "./party.js";
import type { RandomSource } from "./random.js";
import type { BlockRow } from "./report/rows.js";
import type { RunState } from "./run-state.js";
import { LeakLedger } from "./security/index.js";
import type { Session } from "./session.js";
import { receiveTag, sendTag } from "./stages/commit.js";
import type { BlockSlots } from "./stages/slots.js";
import type { Disclose } from "./timing/pair-acquire.js";
import type { Executor } from "./workers/executor.js";

export interface RunOptions {
  readonly role: Role;
  readonly link: Link;
  /** Opened anew for every session: a dump is read from its start each time. */
  data(): Promise<{ readonly data: OwnData; close(): Promise<void> }>;
  readonly executor: Executor;
  readonly state: RunState;
  readonly sink: KeySink;
  readonly deposits?: Deposits;
  readonly random: RandomSource;
  metadata(bits: number, index: number): BlockMetadata;
  /** What is to be kept of a block. */
  record(outcome: BlockOutcome, index: number, context: BlockContext): BlockRecord;
  /** Makes it durable; the same again changes nothing. */
  keep(record: BlockRecord, index: number): Promise<void>;
  /** A block ended. */
  onBlock(record: BlockRecord): void;
  onFacts(facts: SourceFacts & { reason?: string }): void;
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
const leastInFlight = 4;
const mostInFlight = 12;
/** Round trips of a block with LDPC, about: in so many of them an end only waits. */
const roundTripsOfBlock = 10;
const nextSchema = z.strictObject({ index: z.int().min(0).nullable() });

/** Runs until the dump is done at both ends. */
export async function runSession(session: Session, options: RunOptions): Promise<void> {
  const { role, state } = options;
  const control = session.connection.channel(closingChannel);
  const bobDone = role === "bob" ? state.complete : session.peerComplete;
  let source: LockedSource | undefined;
  let endedFirst: Role | undefined;
  const { data, close } = bobDone ? { data: undefined, close: async () => undefined } : await options.data();
  try {
    if (data) source = await lock(session, options, data);
    if (role === "bob") {
      if (source) endedFirst = await lead(session, options, source, control);
      await state.finish();
      await control.send("next", { index: null });
      await control.receive("ended", z.strictObject({}));
    } else {
      endedFirst = await follow(session, options, source, control);
      await control.send("ended", {});
    }
  } finally {
    if (source) options.onFacts({ ...source.facts(), ...(endedFirst ? { endedFirst } : {}) });
    await close();
  }
  await state.finish();
  session.progress();
}

async function lock(session: Session, options: RunOptions, data: OwnData): Promise<LockedSource | undefined> {
  const transcript = session.authentication.transcript("sync");
  const channel = session.connection.channel(syncChannel, transcript);
  const sealed = { channel, seal: transcript };
  const locking = lockSource(options.role, channel, options.link, data, {
    disclose: disclosing(options.state),
    vouch: () => (options.role === "bob" ? sendTag : receiveTag)(sealed),
  });
  const source = await Promise.race([locking, session.over]);
  // Whether there is a lock is believed only once both ends have sealed what was said.
  if (options.role === "bob") {
    await sendTag(sealed);
    await receiveTag(sealed);
  } else {
    await receiveTag(sealed);
    await sendTag(sealed);
  }
  session.progress();
  if (!source.locked) {
    options.onFacts({ reason: source.reason, noLock: source.details });
    return undefined;
  }
  await checkDisclosed(source, options);
  return source;
}

/** Kept before it leaves: no key is made of it in any session, also where somebody between the ends asked for it. */
function disclosing(state: RunState): Disclose {
  return async (stretch) => {
    const told = { from: String(stretch.from), to: String(stretch.to) };
    const earlier = (state.run.opened ?? []) as readonly (typeof told)[];
    const known = earlier.some(({ from, to }) => from === told.from && to === told.to);
    const opened = known ? earlier : [...earlier, told];
    if (!known) await state.keepRun({ opened });
    return opened.map(({ from, to }) => ({ from: BigInt(from), to: BigInt(to) }));
  };
}

/** A stretch of events that was disclosed once stays the only one: another would open bits of blocks that made key. */
async function checkDisclosed(source: LockedSource, { state }: RunOptions): Promise<void> {
  const { disclosed } = source.facts();
  if (!disclosed) return;
  const earlier = state.run.disclosed as { from: string; to: string } | undefined;
  if (earlier === undefined) await state.keepRun({ disclosed });
  else if (earlier.from !== disclosed.from || earlier.to !== disclosed.to)
    throw new QkdError(
      "TIMING_SEGMENT_MOVED",
      "Another stretch of events than before would be disclosed; the run cannot go on.",
      {
        earlier,
        disclosed,
      },
    );
}

/** @returns Alice where her data, followed, ended before Bob's */
async function lead(
  session: Session,
  options: RunOptions,
  source: LockedSource,
  control: BlockChannel,
): Promise<Role | undefined> {
  return withWindow(session, leastInFlight, async (running) => {
    const blocks = source.blocks?.();
    for (;;) {
      const next = await Promise.race([blocks?.next(), running.failed, session.over]);
      if (next === undefined || next.done) return undefined;
      const raw = next.value;
      if (!session.plan.isOpen(raw.index)) continue;
      await running.room();
      await keepReserve(session, running);
      await control.send("next", { index: raw.index });
      const began = performance.now();
      const waiting = session.roundTripSeconds * roundTripsOfBlock;
      let told!: (last: boolean) => void;
      const isLast = new Promise<boolean>((resolve) => {
        told = resolve;
      });
      const block = oneBlock(session, options, raw, { onSlots: (slots) => told(slots.last ?? false) }).then(() => {
        running.size = inFlight(waiting, (performance.now() - began) / 1000);
      });
      running.add(block);
      // Only so many blocks are announced as Alice has.
      if (source.growing && (await Promise.race([isLast, running.failed, session.over])))
        return raw.last ? undefined : "alice";
    }
  });
}

/** So many blocks that as many compute as on a link without delay; a long block waits for a small share of its time. */
export function inFlight(waitingSeconds: number, blockSeconds: number): number {
  const computing = Math.max(1 - waitingSeconds / blockSeconds, leastInFlight / mostInFlight);
  return Math.round(leastInFlight / computing);
}

/**
 * @param source undefined where there is no lock or nothing left to do: then Bob announces no block
 * @returns Bob where his data, followed, ended before Alice's
 */
async function follow(
  session: Session,
  options: RunOptions,
  source: LockedSource | undefined,
  control: BlockChannel,
): Promise<Role | undefined> {
  return withWindow(session, mostInFlight + 1, async (running) => {
    let blocks = source?.blocks?.();
    let ahead: RawBlock | undefined;
    let last = -1;
    let heard = performance.now();
    for (;;) {
      const { index } = await Promise.race([control.receive("next", nextSchema), running.failed, session.over]);
      if (index === null) return source?.growing && blocks && !ahead?.last ? "bob" : undefined;
      // Nothing was left to do: the link is slower than the ends.
      const sourceSeconds = running.count === 0 && last >= 0 ? (performance.now() - heard) / 1000 : 0;
      heard = performance.now();
      if (!session.plan.isOpen(index) || index <= last)
        throw new QkdError("CHANNEL_MESSAGE_INVALID", `Bob starts block ${index} again.`, { index });
      await running.room();
      await keepReserve(session, running);
      last = index;
      while (blocks && (ahead === undefined || ahead.index < index)) {
        const { value, done } = await Promise.race([blocks.next(), running.failed, session.over]);
        ahead = done ? undefined : value;
        if (done) blocks = undefined;
      }
      // Alice's dump may be the shorter one, or have a gap: she has nothing in this block.
      const raw = ahead?.index === index ? ahead : source?.empty(index);
      if (!raw) throw new QkdError("CHANNEL_MESSAGE_INVALID", `Bob starts block ${index} without a lock.`, { index });
      running.add(oneBlock(session, options, raw, { sourceSeconds }));
    }
  });
}

/** Blocks under way end with their tags; the one that would touch the closing reserve is not begun. */
async function keepReserve({ authentication }: Session, running: Window): Promise<void> {
  if (await authentication.roomFor(running.count + 1)) return;
  await running.drain();
  throw new QkdError(
    "AUTH_POOL_EXHAUSTED",
    "The authentication pads are used up but for the closing reserve; add pre-shared key with `pool add` at both ends.",
  );
}

async function oneBlock(
  session: Session,
  options: RunOptions,
  raw: RawBlock,
  { sourceSeconds = 0, onSlots }: { sourceSeconds?: number; onSlots?: (slots: BlockSlots) => void },
): Promise<void> {
  const { state, link, role, executor, random } = options;
  const { index } = raw;
  const earlier = session.plan.retry.get(index) ?? { attempts: 0, leak: 0 };
  const attempts = earlier.attempts + 1;
  await state.mark(index, "begun", { attempts });
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
  const rows = (state.rows as unknown as BlockRow[]).filter((row) => row.index < index);
  const work: BlockWork = {
    link,
    index,
    channel: withDurableLeak(channel, disclosed, (leak) => state.mark(index, "begun", { leak: before + leak })),
    executor,
    ledger,
    random,
    seal: transcript,
    signal: session.signal,
    roundTripSeconds: session.roundTripSeconds,
    sourceSeconds,
    keyQber: keyQberOf(rows),
    earlier: rows,
    metadata: (bits) => ({ ...options.metadata(bits, index), transcript: digestOnce() }),
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
      await releaseKeys(state, options, index, kept ?? made);
    },
  };
  const slots = await work.timed("slots", () => raw.slots(work.channel, random, ledger));
  onSlots?.(slots);
  const isThere = index === 0 || slots.pulses !== 0;
  if (isThere) {
    const outcome = await distillBlock(role === "alice" ? alice : bob, work, slots);
    if (outcome.keys.length === 0) await state.mark(index, "closed");
    const record = options.record(outcome, index, context());
    await (kept ? state.keepRow(index, record.row) : options.keep(record, index));
    options.onBlock(record);
    for (const key of outcome.keys) key.bytes.fill(0);
  } else await state.mark(index, "closed");
  session.connection.finish(index);
  session.progress();
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
 * To audit, sink and pool; then the record that it is there; then out of the prepared store. A crash in between repeats what the
 * record does not know (sinks are idempotent) or leaves a file that the next start sweeps: never a key that is to be
 * released and is nowhere.
 */
export async function releaseKeys(
  state: RunState,
  { sink, deposits, keep }: Pick<RunOptions, "sink" | "deposits" | "keep">,
  block: number,
  { keys, deposit, record }: BlockKeys,
): Promise<void> {
  if (record) await keep(record, block);
  for (const key of keys) await sink.store(key);
  if (deposit) {
    if (!deposits) throw new QkdError("INTERNAL_ERROR", `Block ${block} has pads for a pool that is not there.`);
    await deposits.fillSlot(deposit.slot, deposit.bytes);
  }
  await state.mark(block, "released");
  await state.prepared.remove(block);
}

/** No key-dependent bit leaves before the journal counts it: another attempt starts from what was disclosed. */
function withDurableLeak(
  channel: BlockChannel,
  disclosed: () => number,
  keep: (leak: number) => Promise<void>,
): BlockChannel {
  let durable = 0;
  return {
    ...(channel.line ? { line: channel.line } : {}),
    async send(type, body) {
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

/**
 * Runs blocks at once and returns only when every one of them has ended, however the first failure came: a commit that is
 * still being written must be over before the peer is met again and asked what is committed.
 */
async function withWindow<T>(session: Session, size: number, body: (running: Window) => Promise<T>): Promise<T> {
  const running = new Window(size);
  try {
    const result = await body(running);
    await running.drain();
    return result;
  } catch (error) {
    const reason = toQkdError(error, "INTERNAL_ERROR");
    if (reason.code === "INTERRUPTED") {
      // What is under way ends at both ends, and the peer hears all of it.
      await running.settled();
      await session.connection.shutdown();
    }
    session.connection.close(reason);
    await running.settled();
    throw error;
  }
}

/** At most so many blocks at once; the first failure fails them all. */
class Window {
  /** Rejects with the first failure; never resolves. */
  readonly failed: Promise<never>;
  private fail!: (error: unknown) => void;
  private readonly running = new Set<Promise<void>>();

  constructor(public size: number) {
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => undefined);
  }

  add(block: Promise<void>): void {
    const tracked: Promise<void> = block.then(
      () => {
        this.running.delete(tracked);
      },
      (error: unknown) => {
        this.running.delete(tracked);
        this.fail(error);
      },
    );
    this.running.add(tracked);
  }
  get count(): number {
    return this.running.size;
  }
  async room(): Promise<void> {
    while (this.running.size >= this.size) await Promise.race([this.failed, ...this.running]);
  }
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }
  async drain(): Promise<void> {
    while (this.running.size > 0) await Promise.race([this.failed, ...this.running]);
    await Promise.race([this.failed, Promise.resolve()]);
  }
}
