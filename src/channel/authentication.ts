/**
 * Authentication of transcripts, one tag for everything said in a step so far, both directions, each in its order.
 *
 * Wegman–Carter (FORMULAS.md 8; Portmann, arXiv:1202.1229; GHASH as almost-universal hash, NIST SP 800-38D):
 *
 *   tag = GHASH_g(context ‖ GHASH_h(Alice's messages) ‖ GHASH_h(Bob's messages) ‖ their numbers) ⊕ pad
 *
 * h is the sender's recycled hash key, g the other end's, the pad is used once, its index goes with the tag. Were g = h, a
 * block of Alice's and the next but one of Bob's would be coefficients of the same power of h: changed alike they would
 * cancel, whatever h is. Every message is preceded by a block of its length and sequence number; the context binds the
 * session (both ends' nonces), the label of the step, the sender's role and the pad. An attempt at forging succeeds with
 * probability at most (16-byte blocks of the longer stream + 16)·2^-128: the digests of what was changed are equal, or
 * those of at most 16 blocks.
 *
 * Computational mode, for links without a pre-shared secret: Ed25519 signatures over the SHA-256 of the same, by keys that
 * each end knows of the other. Labelled in every key; not information-theoretic.
 */
import { createHash, type KeyObject, randomBytes, sign, timingSafeEqual, verify } from "node:crypto";
import { QkdError } from "../errors.js";
import { Ghash } from "../kernels/ghash.js";
import { type AuthKeyPool, type HighWater, padBytes } from "../keys/pool.js";
import type { Deposits } from "../keys/types.js";
import type { Role } from "./types.js";

/** A tag as it goes over the wire. */
export interface Seal {
  /** Index of the pad; 0 in computational mode. */
  readonly pad: number;
  readonly tag: Uint8Array;
}

/** What hello tells for authentication; public. */
export type HelloFields = Readonly<Record<string, number | string>>;

export interface Transcript {
  /** Every message, tags excepted, in the order sent and the order received. */
  sent(message: Uint8Array): void;
  received(message: Uint8Array): void;
  /** The tag over all of it so far. @throws QkdError AUTH_POOL_EXHAUSTED, FILE_WRITE_FAILED */
  make(): Promise<Seal>;
  /**
   * Once right; a wrong tag burns its pad. @throws QkdError CHANNEL_AUTHENTICATION_FAILED, AUTH_PAD_USED,
   * AUTH_TOO_MANY_FAILURES
   */
  check(seal: Seal): Promise<void>;
  /** SHA-256 of the transcript so far, for records. */
  digest(): string;
  /** 16-byte blocks of the longer direction, for the authentication ε. */
  readonly blocks: number;
}

/** The authentication of one connection: the peer is a stranger until a tag of it was right. */
export interface ConnectionAuthentication {
  hello(): HelloFields;
  /** The peer's hello; nothing durable changes by it. @throws QkdError CHANNEL_KEY_MISMATCH, CHANNEL_MESSAGE_INVALID */
  meet(peer: HelloFields): Promise<void>;
  /** Whether so many more tags of this end leave the closing reserve alone. */
  roomFor(tags: number): Promise<boolean>;
  /** @param label the step: "hello", a block's number and attempt; never the same twice on one connection */
  transcript(label: string): Transcript;
}

export interface Authenticator {
  readonly mode: "wegman-carter" | "computational-ed25519";
  connection(): ConnectionAuthentication;
  /** Bits of pads used by this end's tags and the peer's so far. */
  readonly consumedBits: number;
  /** Where blocks put pads, where pads are used at all. */
  readonly deposits?: Deposits;
}

/** Wrong tags that one connection may bring. */
export const maxFailures = 8;
const nonceBytes = 16;

export class PadAuthenticator implements Authenticator {
  readonly mode = "wegman-carter";
  constructor(private readonly pool: AuthKeyPool) {}

  get deposits(): Deposits {
    return this.pool;
  }
  get consumedBits(): number {
    return this.pool.used * padBytes * 8;
  }
  connection(): ConnectionAuthentication {
    return new PadConnection(this.pool);
  }
}

export class SignatureAuthenticator implements Authenticator {
  readonly mode = "computational-ed25519";
  readonly consumedBits = 0;
  /** @param own Ed25519 private key  @param peer the other end's public key, known beforehand */
  constructor(
    private readonly role: Role,
    private readonly own: KeyObject,
    private readonly peer: KeyObject,
  ) {}
  connection(): ConnectionAuthentication {
    return new SignatureConnection(this.role, this.own, this.peer);
  }
}

abstract class MetConnection implements ConnectionAuthentication {
  private readonly nonce = randomBytes(nonceBytes).toString("hex");
  private peerNonce = "";
  private failures = 0;

  constructor(
    protected readonly mode: Authenticator["mode"],
    readonly role: Role,
  ) {}

  hello(): HelloFields {
    return { mode: this.mode, nonce: this.nonce };
  }
  async meet(peer: HelloFields): Promise<void> {
    if (peer.mode !== this.mode)
      throw new QkdError(
        "CHANNEL_KEY_MISMATCH",
        `The peer authenticates by ${String(peer.mode)}, this end by ${this.mode}.`,
      );
    if (typeof peer.nonce !== "string" || !/^[0-9a-f]{32}$/.test(peer.nonce) || peer.nonce === this.nonce)
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "The peer's nonce is missing or malformed.");
    this.peerNonce = peer.nonce;
  }
  abstract transcript(label: string): Transcript;
  abstract roomFor(tags: number): Promise<boolean>;

  /** What a tag says beside the transcript. */
  context(from: Role, pad: number, label: string): Uint8Array {
    const [alice, bob] = this.role === "alice" ? [this.nonce, this.peerNonce] : [this.peerNonce, this.nonce];
    return new TextEncoder().encode(`qkd-distill 1\n${this.mode}\n${alice}\n${bob}\n${from}\n${pad}\n${label}`);
  }
  /** @throws QkdError AUTH_TOO_MANY_FAILURES */
  expectFailures(): void {
    if (this.failures >= maxFailures)
      throw new QkdError("AUTH_TOO_MANY_FAILURES", `${maxFailures} wrong tags came on this connection.`);
  }
  failed(label: string): QkdError {
    this.failures++;
    return new QkdError(
      "CHANNEL_AUTHENTICATION_FAILED",
      "The peer's tag is wrong: the authentication keys differ, or what was said was changed on the way.",
      { transcript: label },
    );
  }
}

abstract class RecordedTranscript implements Transcript {
  /** Alice's and Bob's messages cross on the wire: each direction is digested by itself, so that both ends agree. */
  protected readonly streamDigests = { alice: createHash("sha256"), bob: createHash("sha256") };
  protected readonly counts: Record<Role, number> = { alice: 0, bob: 0 };
  private readonly sizes: Record<Role, number> = { alice: 0, bob: 0 };

  constructor(
    protected readonly role: Role,
    protected readonly label: string,
  ) {}

  get blocks(): number {
    return Math.max(this.sizes.alice, this.sizes.bob);
  }
  sent(message: Uint8Array): void {
    this.see(this.role, message);
  }
  received(message: Uint8Array): void {
    this.see(this.role === "alice" ? "bob" : "alice", message);
  }
  digest(): string {
    const { alice, bob } = this.streamDigests;
    return createHash("sha256").update(alice.copy().digest()).update(bob.copy().digest()).digest("hex");
  }
  private see(from: Role, message: Uint8Array): void {
    const header = pairBlock(message.length, ++this.counts[from]);
    this.sizes[from] += 1 + Math.ceil(message.length / 16);
    this.add(from, header, message);
    this.streamDigests[from].update(header).update(message);
  }
  protected abstract add(from: Role, header: Uint8Array, message: Uint8Array): void;
  abstract make(): Promise<Seal>;
  abstract check(seal: Seal): Promise<void>;
}

class PadConnection extends MetConnection {
  /** The peer's marks, believed once a tag of it was right. */
  claimed: HighWater | undefined;
  known = false;
  /** This end has sent a tag. */
  introduced = false;

  constructor(readonly pool: AuthKeyPool) {
    super("wegman-carter", pool.role);
  }
  override hello(): HelloFields {
    return { ...super.hello(), fingerprint: this.pool.fingerprint, ...this.pool.highWater() };
  }
  override async meet(peer: HelloFields): Promise<void> {
    await super.meet(peer);
    if (peer.fingerprint !== this.pool.fingerprint)
      throw new QkdError(
        "CHANNEL_KEY_MISMATCH",
        "The peer has another authentication key; both ends need the same file.",
      );
    const { aliceToBob, bobToAlice, linkAliceToBob, linkBobToAlice, linkSlots } = peer;
    if (![aliceToBob, bobToAlice, linkAliceToBob, linkBobToAlice].every(isMark) || typeof linkSlots !== "string")
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "The peer's marks of used pads are missing or malformed.");
    this.claimed = { aliceToBob, bobToAlice, linkAliceToBob, linkBobToAlice, linkSlots } as HighWater;
  }
  transcript(label: string): Transcript {
    return new PadTranscript(this, label);
  }
  roomFor(tags: number): Promise<boolean> {
    return this.pool.roomFor(tags);
  }
}

class PadTranscript extends RecordedTranscript {
  private readonly peer: Role;
  /** As this end hashes for its own tag, and as the peer does. */
  private readonly own: StreamHashes;
  private readonly peers: StreamHashes;

  constructor(
    private readonly connection: PadConnection,
    label: string,
  ) {
    super(connection.role, label);
    this.peer = this.role === "alice" ? "bob" : "alice";
    const { pool } = connection;
    this.own = new StreamHashes(pool.hashKey(this.role), pool.hashKey(this.peer));
    this.peers = new StreamHashes(pool.hashKey(this.peer), pool.hashKey(this.role));
  }

  protected override add(from: Role, header: Uint8Array, message: Uint8Array): void {
    this.own.add(from, header, message);
    this.peers.add(from, header, message);
  }

  override async make(): Promise<Seal> {
    const { pool, known, claimed } = this.connection;
    const seen = claimed?.[this.role === "alice" ? "aliceToBob" : "bobToAlice"] ?? 0;
    const first = !this.connection.introduced;
    this.connection.introduced = true;
    const { index, bytes } = known ? await pool.nextPad(true, first) : await pool.firstPad(seen);
    const tag = this.own.tag(this.connection.context(this.role, index, this.label), bytes, this.counts);
    bytes.fill(0);
    return { pad: index, tag };
  }

  override async check({ pad: index, tag }: Seal): Promise<void> {
    const { connection } = this;
    connection.expectFailures();
    const { bytes } = await connection.pool.peerPad(index, !connection.known);
    const expected = this.peers.tag(connection.context(this.peer, index, this.label), bytes, this.counts);
    bytes.fill(0);
    if (tag.length !== expected.length || !timingSafeEqual(tag, expected)) throw connection.failed(this.label);
    await connection.pool.accepted(index);
    if (connection.known) return;
    connection.known = true;
    if (connection.claimed) await connection.pool.raise(connection.claimed);
  }
}

/** Running hashes of both directions under one hash key, joined under another. */
class StreamHashes {
  private readonly streams: Record<Role, Ghash>;

  constructor(
    key: Uint8Array,
    private readonly joining: Uint8Array,
  ) {
    this.streams = { alice: new Ghash(key), bob: new Ghash(key) };
  }
  add(from: Role, header: Uint8Array, message: Uint8Array): void {
    this.streams[from].update(header, message);
  }
  tag(context: Uint8Array, pad: Uint8Array, counts: Record<Role, number>): Uint8Array {
    const digests = [this.streams.alice.digest(), this.streams.bob.digest(), pairBlock(counts.alice, counts.bob)];
    const tag = new Ghash(this.joining).update(pairBlock(context.length, 0), context, ...digests).digest();
    for (let i = 0; i < tag.length; i++) tag[i]! ^= pad[i]!;
    return tag;
  }
}

class SignatureConnection extends MetConnection {
  constructor(
    role: Role,
    readonly own: KeyObject,
    readonly peer: KeyObject,
  ) {
    super("computational-ed25519", role);
  }
  transcript(label: string): Transcript {
    return new SignatureTranscript(this, label);
  }
  async roomFor(): Promise<boolean> {
    return true;
  }
}

class SignatureTranscript extends RecordedTranscript {
  constructor(
    private readonly connection: SignatureConnection,
    label: string,
  ) {
    super(connection.role, label);
  }
  protected override add(): void {
    // the digests of RecordedTranscript are what is signed
  }
  override async make(): Promise<Seal> {
    return { pad: 0, tag: new Uint8Array(sign(null, this.statement(this.role), this.connection.own)) };
  }
  override async check({ pad, tag }: Seal): Promise<void> {
    this.connection.expectFailures();
    const from = this.role === "alice" ? "bob" : "alice";
    if (pad !== 0 || !verify(null, this.statement(from), this.connection.peer, tag))
      throw this.connection.failed(this.label);
  }
  private statement(from: Role): Uint8Array {
    const { alice, bob } = this.streamDigests;
    return Buffer.concat([
      alice.copy().digest(),
      bob.copy().digest(),
      pairBlock(this.counts.alice, this.counts.bob),
      this.connection.context(from, 0, this.label),
    ]);
  }
}

function pairBlock(a: number, b: number): Uint8Array {
  const block = new Uint8Array(16);
  const view = new DataView(block.buffer);
  view.setBigUint64(0, BigInt(a));
  view.setBigUint64(8, BigInt(b));
  return block;
}

function isMark(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
