/**
 * The authentication key pool (CONTRACT.md, "Authentication key file"; FORMULAS.md 8; Portmann, arXiv:1202.1229): hash
 * keys that are recycled, pads that are used once. Where pads lie: pool-file.ts; how use is recorded: pad-record.ts.
 *
 * Marks move durably only by what this end sends and by what the peer has authenticated. A stranger costs one pad an
 * attempt, whatever numbers it names, and never one of the closing reserve.
 *
 * A pad's index on the wire: 2·number + (0 Alice → Bob, 1 Bob → Alice); pads from the link's output count from 2^40.
 * Those are used first (link-slots.ts): the pre-shared ones are what a connection begins with.
 */
import { timingSafeEqual } from "node:crypto";
import type { Role } from "../channel/types.js";
import { QkdError } from "../errors.js";
import { LinkSlots } from "./link-slots.js";
import {
  type Area,
  type Direction,
  FilePadRecord,
  MemoryPadRecord,
  type PadRecord,
  padRun,
  type Track,
} from "./pad-record.js";
import { FilePads, MemoryPads, type PadSource, padBytes, padsPerSlot, slotBytes } from "./pool-file.js";
import { type Receiving, raiseFloor, receivingFrom, see } from "./pool-receiving.js";
import { type ByDirection, closingReserve, type PoolStatus, statusOf } from "./pool-status.js";
import type { Deposits } from "./types.js";

export { addToPool, padBytes, slotBytes, smallestPoolBytes } from "./pool-file.js";
export { closingReserve, poolStatus } from "./pool-status.js";

/** How far beyond what the peer has authenticated its pads may run without being recorded one by one. */
const window = 4 * padRun;
const linkBase = 2 ** 40;

export interface Pad {
  readonly index: number;
  /** 16 bytes; to be zeroised by whoever uses it. */
  readonly bytes: Uint8Array;
}

/** What hello tells of a pool: next pads of each direction, and the slots filled by the link's output. */
export interface HighWater extends ByDirection {
  readonly linkAliceToBob: number;
  readonly linkBobToAlice: number;
  readonly linkSlots: string;
}

/** Slots beyond the last one known that a peer may claim. */
const slotsAhead = 2 ** 16;

export class AuthKeyPool implements Deposits {
  private readonly sending = { shared: { next: 0, end: 0 }, link: { next: 0, end: 0 } };
  private readonly receiving: Record<Area, Receiving>;
  private readonly linkSlots: LinkSlots;
  private queue: Promise<unknown> = Promise.resolve();
  /** Pads handed out for tags of this end, and burnt for tags of the peer, by this process. */
  used = 0;

  private constructor(
    readonly role: Role,
    private readonly source: PadSource,
    private readonly record: PadRecord,
  ) {
    const fresh = (area: Area) => receivingFrom(record.marks, this.track(area, "received"));
    this.receiving = { shared: fresh("shared"), link: fresh("link") };
    this.linkSlots = new LinkSlots(record.marks);
  }

  /** A pool in memory; both ends of a run in one process are given the same bytes. */
  static inMemory(bytes: Uint8Array, role: Role): AuthKeyPool {
    return new AuthKeyPool(role, new MemoryPads(new Uint8Array(bytes)), new MemoryPadRecord());
  }

  /**
   * @param copy file in this end's state folder that keeps a copy of the marks
   * @throws QkdError AUTH_KEY_TOO_SHORT, AUTH_STATE_ROLLED_BACK, AUTH_STATE_FOREIGN, AUTH_STATE_VERSION,
   *   FILE_UNREADABLE, FILE_WRITE_FAILED
   */
  static async open(file: string, role: Role, copy: string): Promise<AuthKeyPool> {
    const source = await FilePads.open(file);
    return new AuthKeyPool(role, source, await FilePadRecord.open(`${file}.used`, copy, source.fingerprint));
  }

  get fingerprint(): string {
    return this.source.fingerprint;
  }

  /** The recycled hash key for messages from that end. */
  hashKey(from: Role): Uint8Array {
    return this.source.hashKeys[directionOf(from)];
  }

  highWater(): HighWater {
    const marks = (area: Area): ByDirection => {
      const { next, end } = this.sending[area];
      const sent = next < end ? next : this.record.marks.mark.get(this.track(area, "sent"))!;
      // Slots leave gaps: their floor says nothing, the highest pad accepted does.
      const received = area === "shared" ? this.receiving.shared.floor : this.receiving.link.trusted;
      return this.role === "alice"
        ? { aliceToBob: sent, bobToAlice: received }
        : { aliceToBob: received, bobToAlice: sent };
    };
    const { aliceToBob: linkAliceToBob, bobToAlice: linkBobToAlice } = marks("link");
    return { ...marks("shared"), linkAliceToBob, linkBobToAlice, linkSlots: this.linkSlots.told() };
  }

  /**
   * The marks of a peer that has been authenticated: the lower are raised to the higher.
   * @throws QkdError CHANNEL_MESSAGE_INVALID, FILE_WRITE_FAILED
   */
  raise(peer: HighWater): Promise<void> {
    return this.inTurn(async () => {
      this.linkSlots.met(peer.linkSlots);
      const link = { aliceToBob: peer.linkAliceToBob, bobToAlice: peer.linkBobToAlice };
      await this.raiseArea("shared", peer, await this.source.capacity());
      await this.raiseArea("link", link, this.record.marks.nextSlot * padsPerSlot);
    });
  }

  private async raiseArea(area: Area, peer: ByDirection, capacity: number): Promise<void> {
    const raiseTo = async (use: "sent" | "received", direction: Direction) => {
      const to = Math.min(peer[direction], capacity);
      const track = this.track(area, use);
      if (to > this.record.marks.mark.get(track)!) await this.record.reserve({ raise: track, to });
      return to;
    };
    const state = this.sending[area];
    state.next = Math.max(state.next, await raiseTo("sent", directionOf(this.role)));
    const received = await raiseTo("received", directionOf(other(this.role)));
    const receiving = this.receiving[area];
    receiving.trusted = Math.max(receiving.trusted, received);
    receiving.reservedTo = Math.max(receiving.reservedTo, received);
    raiseFloor(receiving, received);
  }

  /** Whether so many more tags can be sent without touching the closing reserve; asked before a block is begun. */
  async roomFor(tags: number): Promise<boolean> {
    const { padsLeft } = await this.status();
    const { next, end } = this.sending.link;
    const link = this.linkSlots.room(next < end ? next : this.record.marks.mark.get(this.track("link", "sent"))!);
    return Math.max(0, padsLeft[directionOf(this.role)] - closingReserve) + link >= tags;
  }

  /**
   * The pad for this end's first tag on a connection, to a peer not yet authenticated that claims to have seen pads up to
   * `claimed`: at or above it, and a claim moves no mark.
   * @throws QkdError AUTH_POOL_EXHAUSTED, CHANNEL_MESSAGE_INVALID, FILE_WRITE_FAILED
   */
  firstPad(claimed: number): Promise<Pad> {
    return this.inTurn(async () => {
      const limit = (await this.source.capacity()) - closingReserve;
      const own = await this.take("shared", limit, padRun, claimed);
      if (own !== undefined) return this.handOut("shared", own, this.role);
      const mark = this.record.marks.mark.get(this.track("shared", "sent"))!;
      for (let pad = Math.max(claimed, mark); pad < limit; pad++)
        if (await this.record.reserve({ burn: this.track("shared", "sent"), pad }))
          return this.handOut("shared", pad, this.role);
      // Whoever it is says what he likes: that this end has none left is its own to say.
      if (mark < limit)
        throw new QkdError("CHANNEL_MESSAGE_INVALID", "The peer claims to have seen pads that were never sent.", {
          claimed,
        });
      throw exhausted();
    });
  }

  /**
   * The next pad for a tag of this end; recorded as used before it is handed out.
   * @param closing for messages that close a block or session: may use the reserve
   * @param first of this end on the connection: the peer, not knowing yet who speaks, spends no pad of the link's on it
   * @throws QkdError AUTH_POOL_EXHAUSTED, FILE_WRITE_FAILED
   */
  nextPad(closing: boolean, first = false): Promise<Pad> {
    return this.inTurn(async () => {
      const link = first ? undefined : await this.take("link", this.linkSlots.limit, padRun);
      if (link !== undefined) return this.handOut("link", link, this.role);
      const capacity = await this.source.capacity();
      const shared = await this.take("shared", capacity - closingReserve, padRun);
      if (shared !== undefined) return this.handOut("shared", shared, this.role);
      const reserve = closing ? await this.take("shared", capacity, 1) : undefined;
      if (reserve !== undefined) return this.handOut("shared", reserve, this.role);
      throw exhausted();
    });
  }

  /**
   * The pad that a tag of the peer names, once: recorded as used before it is handed out, whether the tag is right or not.
   * @param first on a connection whose peer is not yet authenticated
   * @throws QkdError AUTH_PAD_USED, FILE_WRITE_FAILED
   */
  peerPad(index: number, first = false): Promise<Pad> {
    return this.inTurn(async () => {
      const peer = other(this.role);
      const { area, pad, direction } = locate(index);
      const state = this.receiving[area];
      const limit = (await this.source.capacity()) - (first ? closingReserve : 0);
      const there = area === "link" ? !first && this.inSlot(pad) : pad < limit;
      if (direction !== directionOf(peer) || !there || pad < state.floor || state.seen.has(pad))
        throw new QkdError("AUTH_PAD_USED", "A tag of the peer names a pad that cannot be used (again).", { index });
      const track = this.track(area, "received");
      if (pad >= state.reservedTo) {
        if (pad < state.trusted + window) {
          await this.record.reserve({ raise: track, to: pad + padRun });
          state.reservedTo = pad + padRun;
        } else if (!(await this.record.reserve({ burn: track, pad })))
          throw new QkdError("AUTH_PAD_USED", "A tag of the peer names a pad that another process used.", { index });
      }
      see(state, pad);
      return this.handOut(area, pad, peer);
    });
  }

  /** The tag under that pad was right: the peer really is there. */
  accepted(index: number): Promise<void> {
    return this.inTurn(async () => {
      const { area, pad } = locate(index);
      const state = this.receiving[area];
      state.trusted = Math.max(state.trusted, pad + 1);
      if (pad < state.reservedTo) return;
      await this.record.reserve({ raise: this.track(area, "received"), to: pad + 1 });
      state.reservedTo = pad + 1;
    });
  }

  claimSlot(): Promise<number> {
    return this.inTurn(async () => {
      const slot = (await this.record.reserve({ claim: this.linkSlots.peersNext })) as number;
      this.linkSlots.claimed(slot);
      return slot;
    });
  }

  expectSlot(slot: number): void {
    const { slots, nextSlot } = this.record.marks;
    if (slots.has(slot) || slot > nextSlot + slotsAhead)
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice names a slot of the pool that cannot be filled.", { slot });
    this.linkSlots.claimed(slot);
  }

  fillSlot(slot: number, bytes: Uint8Array): Promise<void> {
    return this.inTurn(async () => {
      const pads = bytes.length / (2 * padBytes);
      if (!Number.isInteger(pads) || pads < 1 || bytes.length > slotBytes || !Number.isSafeInteger(slot) || slot < 0)
        throw new RangeError(`a slot takes a multiple of 32 bytes, at most ${slotBytes}`);
      const there = this.record.marks.slots.get(slot);
      if (there !== undefined) {
        const kept = await this.source.slot(slot, there * 2 * padBytes);
        const same = kept.length === bytes.length && timingSafeEqual(kept, bytes);
        kept.fill(0);
        if (!same) throw conflict(slot);
      } else {
        await this.source.putSlot(slot, bytes);
        if (!(await this.record.reserve({ slot, pads }))) throw conflict(slot);
      }
      this.linkSlots.filled(slot);
    });
  }

  settleSlot(slot: number): void {
    this.linkSlots.settled(slot);
  }

  async status(): Promise<PoolStatus> {
    return statusOf(this.record.marks, await this.source.capacity(), this.fingerprint);
  }

  /** Overwrites what of the pool is in memory. */
  async close(): Promise<void> {
    await this.queue;
    this.source.close();
    await this.record.close();
  }

  /** Next pad of this end below `limit` and, where given, at or above `least`; a run is reserved where none is left. */
  private async take(area: Area, limit: number, run: number, least = 0): Promise<number | undefined> {
    const state = this.sending[area];
    const track = this.track(area, "sent");
    for (;;) {
      for (; state.next < state.end && state.next < limit; state.next++) {
        if (this.record.marks.burned.get(track)!.has(state.next)) continue;
        if (area === "link" && !this.linkSlots.usable(state.next)) continue;
        return state.next >= least ? state.next++ : undefined;
      }
      if (state.next < state.end) return undefined;
      const mark = Math.max(state.next, this.record.marks.mark.get(track)!);
      const from = area === "link" ? this.linkSlots.nextUsable(mark) : mark;
      if (from === undefined || from >= limit || from + run < least) return undefined;
      const count = Math.min(run, limit - from);
      state.next = (await this.record.reserve({ take: track, from, count })) as number;
      state.end = state.next + count;
    }
  }

  private async handOut(area: Area, pad: number, from: Role): Promise<Pad> {
    const direction = directionOf(from);
    this.used++;
    const index = (area === "link" ? linkBase : 0) + 2 * pad + (direction === "aliceToBob" ? 0 : 1);
    return { index, bytes: await this.source.pad(area, direction, pad) };
  }

  private inSlot(pad: number): boolean {
    return pad % padsPerSlot < (this.record.marks.slots.get(Math.floor(pad / padsPerSlot)) ?? 0);
  }

  private track(area: Area, use: "sent" | "received"): Track {
    return `${area}.${directionOf(use === "sent" ? this.role : other(this.role))}.${use}`;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(work);
    this.queue = turn.catch(() => undefined);
    return turn;
  }
}

function locate(index: number): { area: Area; pad: number; direction: Direction } {
  const area = index >= linkBase ? "link" : "shared";
  const local = area === "link" ? index - linkBase : index;
  if (!Number.isSafeInteger(index) || index < 0)
    throw new QkdError("AUTH_PAD_USED", "A tag of the peer names a pad that does not exist.", { index });
  return { area, pad: Math.floor(local / 2), direction: local % 2 === 0 ? "aliceToBob" : "bobToAlice" };
}

function directionOf(from: Role): Direction {
  return from === "alice" ? "aliceToBob" : "bobToAlice";
}

function other(role: Role): Role {
  return role === "alice" ? "bob" : "alice";
}

function exhausted(): QkdError {
  return new QkdError(
    "AUTH_POOL_EXHAUSTED",
    "The authentication pads are used up but for the closing reserve; add pre-shared key with `pool add` at both ends.",
  );
}

function conflict(slot: number): QkdError {
  return new QkdError("AUTH_REPLENISH_CONFLICT", `Block ${slot} has put other key into the pool already.`, { slot });
}
