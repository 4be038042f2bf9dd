/** A session's blocks under way: how many at once, and that all have ended before anything else goes on. */
import { toQkdError } from "../errors.js";
import { blocksInWork, coreSeconds } from "../stages/reconcile/in-work.js";
import type { Session } from "./session.js";

/**
 * Runs blocks at once and returns only when every one of them has ended, however the first failure came: a commit that is
 * still being written must be over before the peer is met again and asked what is committed.
 */
export async function withWindow<T>(
  session: Session,
  size: number,
  body: (running: Window) => Promise<T>,
  /** Tells the peer that this end leaves once its blocks have ended. */
  farewell?: () => Promise<void>,
): Promise<T> {
  const running = new Window(size);
  try {
    const result = await body(running);
    await running.drain();
    return result;
  } catch (error) {
    const reason = session.leaving ?? toQkdError(error, "INTERNAL_ERROR");
    if (session.leaving) {
      // What is under way ends at both ends, and the peer hears all of it.
      await farewell?.().catch(() => undefined);
      await running.settled();
      await session.connection.shutdown();
    }
    session.connection.close(reason);
    await running.settled();
    throw reason;
  }
}

/** At most so many blocks at once; the first failure fails them all. */
export class Window {
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

  add(block: Promise<unknown>): void {
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
  /** One that tells how many seconds it waited for the peer: the window follows. */
  addMeasured(block: Promise<number>): void {
    const [began, beside] = [performance.now(), this.count];
    this.add(
      block.then((waiting) => {
        const seconds = (performance.now() - began) / 1000;
        this.size = blocksInWork(waiting, coreSeconds(seconds, waiting, Math.max(beside + 1, this.count)));
      }),
    );
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
