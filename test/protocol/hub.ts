/** Two ends joined in memory through somebody who may change what passes; reconnects like a network. */
import { type Duplex, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { duplexPair } from "../../src/channel/duplex-pair.js";
import type { Transport } from "../../src/channel/tcp.js";

export type Direction = "aliceToBob" | "bobToAlice";
/** What becomes of a chunk: the chunks that go on, or an error that cuts the connection. */
export type Attack = (chunk: Uint8Array, direction: Direction, connection: number) => Uint8Array[];

export function hub(attack: Attack): { alice: Transport; bob: Transport; connections(): number } {
  let connections = 0;
  let takeAlice: ((stream: Duplex) => Promise<void>) | undefined;
  const through = (direction: Direction, connection: number) =>
    new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        try {
          for (const part of attack(new Uint8Array(chunk), direction, connection)) this.push(part);
          done();
        } catch (error) {
          done(error as Error);
        }
      },
    });
  const joined = (connection: number): [Duplex, Duplex] => {
    const [alice, aliceWire] = duplexPair();
    const [bob, bobWire] = duplexPair();
    const cut = () => {
      for (const stream of [alice, aliceWire, bob, bobWire]) stream.destroy();
    };
    void pipeline(aliceWire, through("aliceToBob", connection), bobWire).then(cut, cut);
    void pipeline(bobWire, through("bobToAlice", connection), aliceWire).then(cut, cut);
    return [alice, bob];
  };
  return {
    connections: () => connections,
    alice: {
      serve: (take, signal) => {
        takeAlice = take;
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      },
    },
    bob: {
      async serve(take, signal) {
        while (!signal.aborted) {
          const [alice, bob] = joined(++connections);
          const atAlice = takeAlice?.(alice);
          await take(bob);
          bob.destroy();
          await atAlice;
          if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10));
        }
      },
    },
  };
}
