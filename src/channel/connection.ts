/**
 * One connection to the peer: frames of CBOR [channel, type, body], many channels on one stream. A channel is a block
 * (its number) or one of the reserved ones below zero. Bounded: a peer can neither open channels nor queue bytes without
 * end. Silence is noticed by a heartbeat, and so is that both ends wait for each other, which only happens where somebody
 * changed what was said.
 */
import type { Duplex } from "node:stream";
import { decode, encode } from "cborg";
import type { ZodType } from "zod";
import { QkdError } from "../errors.js";
import { hasMoreItems } from "./cbor-items.js";
import { encodeFrame, FrameDecoder, maxFrameBytes } from "./framing.js";
import { heldUp } from "./held-up.js";
import type { BlockChannel } from "./types.js";

/** Messages of this type seal the transcript and are no part of it. */
const sealType = "tag";

/** Reserved channels. */
export const helloChannel = -1;
export const syncChannel = -2;
export const closingChannel = -3;
const heartbeatChannel = -4;

/** Heartbeats in a row by which the peer only waits, as this end does, before the connection is made anew. */
const stalledBeats = 3;
const maxUnopenedChannels = 64;
const maxQueuedBytes = 256 * 2 ** 20;
/** In all from a peer that has not shown who it is: a hello is a third of that at most, and what it decodes to is larger. */
const maxStrangersBytes = 2 ** 20;
/** Of CBOR in a message: far more than any has, and few enough to hold whatever they decode to. */
const mostItems = 2 ** 21;
const pauseAboveBytes = 64 * 2 ** 20;

export interface ConnectionOptions {
  /** A heartbeat goes out after this long without a message, ms. */
  readonly heartbeatMs?: number;
  /** The peer counts as gone after this long without a byte, ms. */
  readonly silenceMs?: number;
}

/** Sees every message of a channel on its way, in the order sent and the order received. */
export interface WireObserver {
  sent(message: Uint8Array): void;
  received(message: Uint8Array): void;
}

interface Letter {
  readonly type: string;
  readonly body: unknown;
  readonly raw: Uint8Array;
}

export class Connection {
  /** Resolves with the reason once the connection has ended; never rejects. */
  readonly ended: Promise<QkdError>;
  private readonly channels = new Map<number, Channel>();
  private readonly closedChannels = new Set<number>();
  private readonly decoder = new FrameDecoder(maxStrangersBytes);
  private mostReceived = maxStrangersBytes;
  private readonly timer: NodeJS.Timeout;
  private end!: (reason: QkdError) => void;
  private reason: QkdError | undefined;
  private queued = 0;
  private framesSent = 0;
  private stalled = 0;
  private lastSent = Date.now();
  private lastReceived = Date.now();
  bytesSent = 0;
  bytesReceived = 0;

  constructor(
    private readonly stream: Duplex,
    { heartbeatMs = 2000, silenceMs = 15_000 }: ConnectionOptions = {},
  ) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    // As many as blocks that wait to be written.
    stream.setMaxListeners(0);
    stream.on("data", (chunk: Uint8Array) => this.arrive(chunk));
    stream.on("error", (cause) => this.close(gone(cause.message, cause)));
    stream.on("end", () => this.close(gone("the peer ended it")));
    stream.on("close", () => this.close(gone("it was cut")));
    const period = Math.min(heartbeatMs, silenceMs) / 2;
    const late = heldUp(period);
    this.timer = setInterval(() => {
      const now = Date.now();
      if (!late() && now - this.lastReceived > silenceMs) this.close(gone(`nothing was heard for ${silenceMs} ms`));
      else if (now - this.lastSent > heartbeatMs)
        void this.put(encode([heartbeatChannel, "beat", { waiting: this.waiting() }])).catch(() => undefined);
    }, period);
  }

  /** A tag of the peer was right. */
  trust(): void {
    this.mostReceived = Number.POSITIVE_INFINITY;
    this.decoder.mostBytes = maxFrameBytes;
  }

  get open(): boolean {
    return this.reason === undefined;
  }

  /** When the last byte came, ms. */
  get heardAt(): number {
    return this.lastReceived;
  }

  /** The channel with this number; messages that came before it was asked for are kept for it. */
  channel(id: number, observer?: WireObserver): Channel {
    const channel = this.channels.get(id) ?? this.create(id);
    channel.opened = true;
    if (observer) channel.observer = observer;
    return channel;
  }

  /** Drops what is left of a channel; later messages to it are ignored. */
  finish(id: number): void {
    this.queued -= this.channels.get(id)?.drop() ?? 0;
    this.channels.delete(id);
    this.closedChannels.add(id);
    this.relieve();
  }

  close(reason: QkdError): void {
    if (this.reason) return;
    this.reason = reason;
    clearInterval(this.timer);
    this.stream.destroy();
    for (const channel of this.channels.values()) channel.fail(reason);
    this.end(reason);
  }

  /** Ends the stream after what was written has left. */
  async shutdown(): Promise<void> {
    if (this.reason) return;
    await new Promise<void>((resolve) => {
      const done = () => resolve();
      this.stream.end(done);
      this.stream.once("close", done);
    });
    this.close(gone("this end closed it"));
  }

  write(message: Uint8Array): Promise<void> {
    this.stalled = 0;
    return this.put(message);
  }

  private async put(message: Uint8Array): Promise<void> {
    if (this.reason) throw this.reason;
    this.lastSent = Date.now();
    let room = true;
    const frame = encodeFrame(message, this.framesSent);
    this.framesSent++;
    for (const part of frame) {
      this.bytesSent += part.length;
      room = this.stream.write(part);
    }
    if (room) return;
    await new Promise<void>((resolve, reject) => {
      const finished = () => {
        this.stream.off("drain", finished);
        if (this.reason) reject(this.reason);
        else resolve();
      };
      this.stream.once("drain", finished);
      void this.ended.then(finished);
    });
  }

  /** A channel has taken a letter out of its queue. */
  taken(bytes: number): void {
    this.queued -= bytes;
    this.relieve();
  }

  private relieve(): void {
    if (this.queued < pauseAboveBytes && this.stream.isPaused() && !this.reason) this.stream.resume();
  }

  private arrive(chunk: Uint8Array): void {
    this.lastReceived = Date.now();
    this.bytesReceived += chunk.length;
    try {
      if (this.bytesReceived > this.mostReceived) throw invalid("a stranger says more than a hello");
      for (const payload of this.decoder.push(chunk)) this.deliver(payload);
    } catch (error) {
      this.close(error instanceof QkdError ? error : invalid("it is no CBOR that this version understands"));
    }
  }

  private deliver(raw: Uint8Array): void {
    if (hasMoreItems(raw, mostItems)) throw invalid("it has too many parts");
    const letter: unknown = decode(raw, { allowUndefined: false, allowIndefinite: false, strict: true });
    if (!Array.isArray(letter) || letter.length !== 3) throw invalid("it is no [channel, type, body]");
    const [id, type, body] = letter as [unknown, unknown, unknown];
    if (typeof id !== "number" || !Number.isSafeInteger(id) || typeof type !== "string" || type.length > 64)
      throw invalid("its channel or type is malformed");
    if (id === heartbeatChannel) {
      this.beat(body);
      return;
    }
    this.stalled = 0;
    if (this.closedChannels.has(id)) return;
    const channel = this.channels.get(id) ?? this.create(id);
    this.queued += raw.length;
    if (this.queued > maxQueuedBytes) throw invalid("the peer sends without waiting for answers");
    if (!channel.opened && this.unopened() > maxUnopenedChannels) throw invalid("the peer opens too many blocks");
    if (this.queued > pauseAboveBytes) this.stream.pause();
    channel.put({ type, body, raw });
  }

  private beat(body: unknown): void {
    const peerWaits = typeof body === "object" && body !== null && "waiting" in body && body.waiting === true;
    this.stalled = peerWaits && this.waiting() ? this.stalled + 1 : 0;
    if (this.stalled >= stalledBeats) this.close(gone("both ends wait for each other"));
  }

  /** Nothing goes on here until the peer speaks: every block in work is at a receive. */
  private waiting(): boolean {
    const opened = [...this.channels.values()].filter((channel) => channel.opened);
    return opened.some((channel) => channel.waiting) && opened.every(({ id, waiting }) => id < 0 || waiting);
  }

  private unopened(): number {
    let count = 0;
    for (const channel of this.channels.values()) if (!channel.opened) count++;
    return count;
  }

  private create(id: number): Channel {
    const channel = new Channel(id, this);
    if (this.reason) channel.fail(this.reason);
    this.channels.set(id, channel);
    return channel;
  }
}

interface Reader {
  resolve(letter: Letter): void;
  reject(error: QkdError): void;
}

export class Channel implements BlockChannel {
  opened = false;
  observer: WireObserver | undefined;
  private readonly letters: Letter[] = [];
  private readonly readers: Reader[] = [];
  private failure: QkdError | undefined;

  constructor(
    readonly id: number,
    private readonly connection: Connection,
  ) {}

  get line(): object {
    return this.connection;
  }

  get waiting(): boolean {
    return this.readers.length > 0;
  }

  /** A message is here that nobody has asked for yet. */
  get heard(): boolean {
    return this.letters.length > 0;
  }

  async send(type: string, body: object): Promise<void> {
    const raw = encode([this.id, type, body]);
    if (type !== sealType) this.observer?.sent(raw);
    await this.connection.write(raw);
  }

  async receive<T>(type: string, schema: ZodType<T>): Promise<T> {
    const letter = await this.next();
    if (letter.type !== sealType) this.observer?.received(letter.raw);
    if (letter.type !== type)
      throw new QkdError("CHANNEL_MESSAGE_UNEXPECTED", `Expected ${type} from the peer, got ${letter.type}.`, {
        expected: type,
        got: letter.type,
        channel: this.id,
      });
    const parsed = schema.safeParse(letter.body);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0]!;
    throw new QkdError(
      "CHANNEL_MESSAGE_INVALID",
      `The peer's ${type} is invalid at ${issue.path.join(".") || "its root"}.`,
      { type, path: issue.path.join("."), problem: issue.code, channel: this.id },
    );
  }

  put(letter: Letter): void {
    const reader = this.readers.shift();
    if (reader) {
      this.connection.taken(letter.raw.length);
      reader.resolve(letter);
    } else this.letters.push(letter);
  }

  fail(reason: QkdError): void {
    this.failure ??= reason;
    for (const reader of this.readers.splice(0)) reader.reject(reason);
  }

  /** @returns bytes that were still queued */
  drop(): number {
    this.fail(gone("the block was closed"));
    return this.letters.splice(0).reduce((sum, letter) => sum + letter.raw.length, 0);
  }

  private next(): Promise<Letter> {
    const letter = this.letters.shift();
    if (letter) {
      this.connection.taken(letter.raw.length);
      return Promise.resolve(letter);
    }
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => this.readers.push({ resolve, reject }));
  }
}

function gone(why: string, cause?: unknown): QkdError {
  return new QkdError("CHANNEL_CLOSED", `The connection to the peer ended: ${why}.`, {}, { cause });
}

function invalid(why: string): QkdError {
  return new QkdError("CHANNEL_MESSAGE_INVALID", `The peer's message is invalid: ${why}.`);
}
