/** Two streams joined in memory, with back-pressure: the transport of two parties in one process. */
import { Duplex } from "node:stream";

class JoinedEnd extends Duplex {
  peer: JoinedEnd | undefined;
  private waiting: (() => void) | undefined;

  override _read(): void {
    const resume = this.waiting;
    this.waiting = undefined;
    resume?.();
  }
  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    const peer = this.peer;
    if (!peer || peer.destroyed) done(new Error("the other end is gone"));
    else if (peer.push(chunk)) done();
    else peer.waiting = done;
  }
  override _final(done: () => void): void {
    this.peer?.push(null);
    done();
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const peer = this.peer;
    this.peer = undefined;
    if (peer && !peer.destroyed) setImmediate(() => peer.destroy());
    done(error);
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const options = { highWaterMark: 4 * 2 ** 20 };
  const [a, b] = [new JoinedEnd(options), new JoinedEnd(options)];
  a.peer = b;
  b.peer = a;
  return [a, b];
}
