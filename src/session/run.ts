/**
 * What one end does in a session: lock clocks with the peer, then block after block through party.ts, a few at once, so
 * that round trips cost little. Bob says which block comes next and when there is none; Alice follows.
 */
import { z } from "zod";
import type { LockedSource, OwnData, RawBlock } from "../block-source.js";
import { type Channel, closingChannel } from "../channel/connection.js";
import type { Role } from "../channel/types.js";
import { QkdError } from "../errors.js";
import { leastInWork, mostInWork } from "../stages/reconcile/in-work.js";
import { type BlockOptions, beginBlock } from "./block.js";
import { type LockOptions, lockClocks } from "./clock-lock.js";
import type { Session } from "./session.js";
import { unless } from "./unless.js";
import { type Window, withWindow } from "./window.js";

export interface RunOptions extends LockOptions, BlockOptions {
  /** Opened anew for every session: a dump is read from its start each time. */
  data(): Promise<{ readonly data: OwnData; close(): Promise<void> }>;
  /** A block that the ends' plan leaves out; does nothing where a row or a key tells of it. */
  giveUp(block: number): Promise<void>;
}

/** Round trips of a block besides those of its reconciliation, about: in so many of them an end only waits. */
const roundTripsOfBlock = 7;
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
    if (data) source = await lockClocks(session, options, data);
    if (role === "bob") {
      if (source) endedFirst = await lead(session, options, source, control);
      await peersWill(session, control);
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

/** @returns Alice where her data, followed, ended before Bob's */
async function lead(
  session: Session,
  options: RunOptions,
  source: LockedSource,
  control: Channel,
): Promise<Role | undefined> {
  return withWindow(session, leastInWork, async (running) => {
    const blocks = source.blocks?.();
    for (;;) {
      const next = blocks && (await unless(blocks.next(), running.failed, session.over));
      if (next === undefined || next.done) return undefined;
      const raw = next.value;
      if (!session.plan.isOpen(raw.index)) {
        await options.giveUp(raw.index);
        continue;
      }
      await unless(running.room(), session.over);
      await keepReserve(session, running);
      if (control.heard) await running.drain();
      await peersWill(session, control);
      await control.send("next", { index: raw.index });
      const block = beginBlock(session, options, raw);
      const ended = block.then(({ finish }) => finish());
      running.addMeasured(ended.then((waits) => session.roundTripSeconds * (roundTripsOfBlock + waits)));
      if (!source.growing) continue;
      // Only so many blocks are announced as Alice has.
      const last = block.then(({ slots }) => slots.last);
      if (await unless(last, running.failed, session.over)) return raw.last ? undefined : "alice";
    }
  });
}

/** Alice says something before she is told that there is no more: she leaves once the blocks under way have ended. */
async function peersWill(session: Session, control: Channel): Promise<void> {
  if (control.heard) await session.over;
}

/**
 * @param source undefined where there is no lock or nothing left to do: then Bob announces no block
 * @returns Bob where his data, followed, ended before Alice's
 */
async function follow(
  session: Session,
  options: RunOptions,
  source: LockedSource | undefined,
  control: Channel,
): Promise<Role | undefined> {
  const leave = () => control.send("leaving", {});
  return withWindow(session, mostInWork + 1, following, leave);

  async function following(running: Window): Promise<Role | undefined> {
    let blocks = source?.blocks?.();
    let ahead: RawBlock | undefined;
    let last = -1;
    let heard = performance.now();
    for (;;) {
      const { index } = await unless(control.receive("next", nextSchema), running.failed, session.over);
      if (index === null) return source?.growing && blocks && !ahead?.last ? "bob" : undefined;
      // Nothing was left to do: the link is slower than the ends.
      const sourceSeconds = running.count === 0 && last >= 0 ? (performance.now() - heard) / 1000 : 0;
      heard = performance.now();
      if (!session.plan.isOpen(index) || index <= last)
        throw new QkdError("CHANNEL_MESSAGE_INVALID", `Bob starts block ${index} again.`, { index });
      await unless(running.room(), session.over);
      await keepReserve(session, running);
      last = index;
      while (blocks && (ahead === undefined || ahead.index < index)) {
        const { value, done } = await unless(blocks.next(), running.failed, session.over);
        if (ahead && !session.plan.isOpen(ahead.index)) await options.giveUp(ahead.index);
        ahead = done ? undefined : value;
        if (done) blocks = undefined;
      }
      // Alice's dump may be the shorter one, or have a gap: she has nothing in this block.
      const raw = ahead?.index === index ? ahead : source?.empty(index);
      if (!raw) throw new QkdError("CHANNEL_MESSAGE_INVALID", `Bob starts block ${index} without a lock.`, { index });
      running.add(beginBlock(session, options, raw, sourceSeconds).then(({ finish }) => finish()));
    }
  }
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
