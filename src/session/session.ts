/**
 * One end's life: meet the peer, run the blocks that neither end has finished, several at once; after a cut meet again
 * and go on; end when the dump is done at both ends.
 */
import type { Duplex } from "node:stream";
import type { Authenticator, ConnectionAuthentication } from "../channel/authentication.js";
import { Connection, type ConnectionOptions } from "../channel/connection.js";
import { greetAsAlice, greetAsBob, isMismatch, type Meeting } from "../channel/handshake.js";
import { heldUp } from "../channel/held-up.js";
import type { Transport } from "../channel/tcp.js";
import type { Role } from "../channel/types.js";
import { interrupted, QkdError, toQkdError } from "../errors.js";
import type { Link } from "../link.js";
import { SinkUse, sinkFailed } from "./release.js";
import { type BlockPlan, planBlocks, type RunState } from "./state.js";

export interface SessionOptions {
  readonly role: Role;
  readonly link: Link;
  readonly transport: Transport;
  readonly authenticator: Authenticator;
  readonly state: RunState;
  /**
   * Ends with CHANNEL_PEER_ABSENT after this long without a word of the peer, seconds, and after `workingTimes` as long
   * with a peer that is there and gets nothing done.
   */
  readonly waitSeconds: number;
  readonly connection?: ConnectionOptions;
  readonly signal?: AbortSignal;
  /** This end's data still grow: what takes long may only wait for them, and a stop lets blocks under way finish. */
  readonly growing?: boolean;
  /** What a session does once the ends know each other; `progress` is to be called whenever something got done. */
  run(session: Session): Promise<void>;
  /** Puts committed keys that never reached the sink there. */
  release(block: number, use: SinkUse): Promise<void>;
  /** A block whose seed has left makes no key. */
  lose(block: number): Promise<void>;
  log?(event: string, details: Readonly<Record<string, unknown>>): void;
}

export interface Session {
  readonly connection: Connection;
  readonly authentication: ConnectionAuthentication;
  readonly plan: BlockPlan;
  /** The peer has finished its dump. */
  readonly peerComplete: boolean;
  /** Seconds of a round trip, measured while meeting. */
  readonly roundTripSeconds: number;
  readonly signal: AbortSignal;
  readonly sinkUse: SinkUse;
  /** No new block is begun, those under way end, then the run ends with this. */
  leave(reason: QkdError): void;
  readonly leaving: QkdError | undefined;
  /** Rejects once the connection has ended or this end shall stop; never resolves. For what waits for data. */
  readonly over: Promise<never>;
  progress(): void;
  /** The clocks are joined: progress, the first time. */
  locked(): void;
}

/** A peer that was met and then lost is waited for a shorter time than one that never came. */
const lostShare = 0.6;
/** Less than the whole, so that the process has ended by then. */
const strangerShare = 0.9;
/** A block may keep an end busy for long: a peer that is heard is waited for so many times `waitSeconds`, and no longer. */
const workingTimes = 10;
const watchMs = 100;
const mismatchesBelieved = 2;
const farewellMs = 5000;

export async function keepSessions(options: SessionOptions): Promise<void> {
  const life = new SessionLife(options);
  await life.run();
}

class SessionLife {
  private readonly end = new AbortController();
  /** To stop once the blocks under way have ended. */
  private readonly leave = new AbortController();
  private leaving: QkdError | undefined;
  private readonly sinkUse = new SinkUse(this.end.signal, AbortSignal.any([this.end.signal, this.leave.signal]), () =>
    this.progress(),
  );
  private current: { connection: Connection; over: Promise<void> } | undefined;
  private lastProgress = Date.now();
  private lastHeard = Date.now();
  private metOnce = false;
  private lockedOnce = false;
  private mismatches = 0;
  private failure: QkdError | undefined;
  private lastError: QkdError | undefined;
  private done = false;

  constructor(private readonly options: SessionOptions) {}

  async run(): Promise<void> {
    const { transport, waitSeconds, signal, growing, state } = this.options;
    const asked = () => {
      if (growing && this.current?.connection.open && !this.leaving) this.leaveWith(interrupted());
      else this.stop(interrupted());
    };
    if (signal?.aborted) throw interrupted();
    signal?.addEventListener("abort", asked, { once: true });
    const late = heldUp(watchMs);
    const watch = setInterval(() => {
      const open = this.listen();
      if (growing && open && !state.complete) this.progress();
      const limit = waitSeconds * 1000 * (this.metOnce ? lostShare : strangerShare);
      const idle = Date.now() - this.lastProgress;
      const quiet = Math.min(idle, Date.now() - this.lastHeard);
      // A slow peer that is still there gets the time to say goodbye: cut off, it would take the end for missing.
      const farewell = open ? limit : farewellMs;
      const tooLong = (most: number) => quiet > most || idle > waitSeconds * 1000 * workingTimes;
      if (late()) return;
      if (this.nothingLeft() && tooLong(farewell)) this.finish();
      else if (tooLong(limit)) this.stop(this.absent());
    }, watchMs);
    try {
      await this.releaseCommitted();
      await transport.serve((stream) => this.take(stream), this.end.signal);
      await this.current?.over;
    } finally {
      clearInterval(watch);
      signal?.removeEventListener("abort", asked);
    }
    if (!this.done) throw this.failure ?? this.absent();
  }

  /** What both ends have committed waits for nobody. */
  private async releaseCommitted(): Promise<void> {
    try {
      for (const block of this.options.state.toRelease) await this.options.release(block, this.sinkUse);
    } catch (error) {
      this.stop(toQkdError(error, "INTERNAL_ERROR"));
      throw this.failure;
    }
  }

  /** A byte, heartbeats too, tells that the peer is there, and is no progress. @returns whether it may be */
  private listen(): boolean {
    const connection = this.current?.connection;
    if (!connection?.open) return false;
    this.lastHeard = connection.heardAt;
    return true;
  }

  /** Bob, every block of his resolved: only the peer's goodbye is missing, which may be lost for good. */
  private nothingLeft(): boolean {
    const { role, state } = this.options;
    return role === "bob" && this.metOnce && state.complete && state.held().prepared.length === 0;
  }

  private finish(): void {
    this.done = true;
    this.current?.connection.close(new QkdError("CHANNEL_CLOSED", "This end is done."));
    this.end.abort();
  }

  private absent(): QkdError {
    if (this.sinkUse.busy) return sinkFailed("its store() has not returned for too long");
    const why = this.lastError ? ` Last: ${this.lastError.message}` : "";
    return new QkdError("CHANNEL_PEER_ABSENT", `No progress with the peer for too long.${why}`, {
      waitSeconds: this.options.waitSeconds,
      ...(this.lastError ? { last: this.lastError.toJSON() } : {}),
    });
  }

  private stop(reason: QkdError): void {
    this.failure ??= this.leaving ?? reason;
    this.current?.connection.close(this.failure);
    this.end.abort();
  }

  private leaveWith(reason: QkdError): void {
    if (this.end.signal.aborted) return;
    this.leaving ??= reason;
    this.leave.abort();
  }

  /** A stream to somebody: the peer, once it has shown that it is. */
  private async take(stream: Duplex): Promise<void> {
    const connection = new Connection(stream, this.options.connection);
    const stopped = () => connection.close(this.failure ?? new QkdError("CHANNEL_CLOSED", "This end stops."));
    this.end.signal.addEventListener("abort", stopped, { once: true });
    try {
      // What is under way ends on the connection that it began on.
      if (this.leaving || this.end.signal.aborted) throw new QkdError("CHANNEL_CLOSED", "This end stops.");
      const session = await this.meet(connection);
      // Meeting again gets nothing done: ends that meet and fail without end stop some time.
      if (!this.metOnce) this.progress();
      this.lastHeard = Date.now();
      this.metOnce = true;
      this.mismatches = 0;
      const over = this.options.run(session);
      this.current = { connection, over: over.catch(() => undefined) };
      await over;
      this.done = true;
      await connection.shutdown();
      this.end.abort();
    } catch (error) {
      this.failed(connection, toQkdError(error, "INTERNAL_ERROR"));
    } finally {
      this.end.signal.removeEventListener("abort", stopped);
    }
  }

  private failed(connection: Connection, error: QkdError): void {
    const cut = connection.open ? error : (this.failure ?? error);
    connection.close(cut);
    this.lastError = cut;
    this.log("session ended", { code: cut.code, message: cut.message });
    if (isFatal(cut) || error === this.leaving) this.stop(cut);
    else if (this.leaving && connection === this.current?.connection) this.stop(this.leaving);
    else if (isMismatch(cut) && this.options.role === "bob" && ++this.mismatches >= mismatchesBelieved) this.stop(cut);
  }

  /** Whatever a log does, the run ends as it must. */
  private log(event: string, details: Readonly<Record<string, unknown>>): void {
    try {
      this.options.log?.(event, details);
    } catch {
      // Nobody is left to tell.
    }
  }

  private progress(): void {
    this.lastProgress = Date.now();
  }

  private async meet(connection: Connection): Promise<Session> {
    const { role, link, authenticator, state } = this.options;
    const authentication = authenticator.connection();
    const meeting: Meeting = {
      link,
      authentication,
      held: () => state.held(),
      decide: async (prepared) => {
        await this.supersede();
        return this.decide(prepared);
      },
      resolve: (prepared, committed) => this.resolve(prepared, committed),
    };
    const began = performance.now();
    const patience = setTimeout(
      () => connection.close(new QkdError("CHANNEL_CLOSED", "The caller did not introduce itself in time.")),
      Math.min(10_000, this.options.waitSeconds * 500),
    );
    try {
      const peer = await (role === "alice" ? greetAsAlice : greetAsBob)(connection, meeting);
      const own = state.held();
      const leaving = () => this.leaving;
      await this.releaseCommitted();
      return {
        connection,
        authentication,
        plan: planBlocks(own, peer),
        peerComplete: peer.complete,
        roundTripSeconds: (performance.now() - began) / 2000,
        signal: this.end.signal,
        sinkUse: this.sinkUse,
        leave: (reason) => this.leaveWith(reason),
        get leaving() {
          return leaving();
        },
        over: this.over(connection),
        progress: () => this.progress(),
        locked: () => {
          if (!this.lockedOnce) this.progress();
          this.lockedOnce = true;
        },
      };
    } finally {
      clearTimeout(patience);
    }
  }

  private over(connection: Connection): Promise<never> {
    const { signal } = this.leave;
    const over = new Promise<never>((_, reject) => {
      const stopped = () => reject(this.leaving);
      signal.addEventListener("abort", stopped, { once: true });
      void connection.ended.then((reason) => {
        signal.removeEventListener("abort", stopped);
        reject(reason);
      });
    });
    over.catch(() => undefined);
    return over;
  }

  /** The peer is here anew: whatever an older connection still does comes to its end first. */
  private async supersede(): Promise<void> {
    const older = this.current;
    this.current = undefined;
    older?.connection.close(new QkdError("CHANNEL_CLOSED", "The peer connected anew."));
    await older?.over;
  }

  /** Alice: her durable record is the decision; what she has not committed she never will. */
  private async decide(prepared: readonly number[]): Promise<number[]> {
    const { state } = this.options;
    const committed: number[] = [];
    for (const block of prepared) {
      const { status } = state.block(block);
      if (status === "committed" || status === "released") committed.push(block);
      else if (status !== "closed") {
        await this.options.lose(block);
        await state.mark(block, "closed");
      }
    }
    return committed;
  }

  /** Bob: Alice's answer ends the uncertainty about his prepared keys. */
  private async resolve(prepared: readonly number[], committed: readonly number[]): Promise<void> {
    const { state } = this.options;
    const exists = new Set(committed);
    for (const block of prepared) {
      if (state.block(block).status !== "prepared") continue;
      if (exists.has(block)) await state.mark(block, "committed");
      else {
        await this.options.lose(block);
        await state.mark(block, "closed");
        await state.prepared.remove(block);
      }
    }
  }
}

/** What anybody on the wire can bring about ends a connection, never this end. */
const causedByWire: readonly string[] = ["SECURITY_ENDS_DISAGREE", "AUTH_PAD_USED", "AUTH_TOO_MANY_FAILURES"];

/** Failures of this end that another connection cannot mend. */
function isFatal({ code }: QkdError): boolean {
  return !code.startsWith("CHANNEL_") && !code.startsWith("RECONCILE_") && !causedByWire.includes(code);
}
