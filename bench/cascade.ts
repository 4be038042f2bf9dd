/**
 * One end's core in Cascade, the other's time not counted: a wave of frames in lockstep as in a session, with tags,
 * packing of requests and answers and counting, without the channel and without the wiping at a block's end. Rates are key bits a second of that end.
 */
import { AliceWave } from "../stages/reconcile/cascade-alice.js";
import { addSpent, BlockFrames, nothingSpent } from "../stages/reconcile/cascade-block.js";
import { BobWave } from "../stages/reconcile/cascade-bob.js";
import type { Ask } from "../stages/reconcile/cascade-messages.js";
import { type Case, Elapsed, fill } from "./harness.js";

const length = 2 ** 18;

export function cascadeCores(qber: number, count: number, draw: () => number): Case[] {
  const words = Array.from({ length: count }, () => {
    const alice = new Uint8Array(fill(length / 8, draw));
    const bob = alice.slice();
    for (let i = 0; i < length; i++) if (draw() < qber * 2 ** 32) bob[i >>> 3]! ^= 1 << (i & 7);
    return { alice, bob };
  });
  const seed = Uint32Array.of(1, 2, 3, 4);
  const pace = { qber, few: false };
  const parameters: Record<string, unknown> = { qber, frames: count, frameBits: length };
  const run = (whose: "alice" | "bob") => () => {
    const spent = { alice: 0, bob: 0 };
    const timed = <T>(who: "alice" | "bob", body: () => T): T => {
      const began = performance.now();
      const result = body();
      spent[who] += performance.now() - began;
      return result;
    };
    const bits = count * length;
    const frames = { alice: new BlockFrames(seed, pace, bits), bob: new BlockFrames(seed, pace, bits) };
    const asked = timed(
      "alice",
      () =>
        new AliceWave(
          frames.alice,
          words.map(({ alice }) => alice),
        ),
    );
    const asking = timed(
      "bob",
      () =>
        new BobWave(
          frames.bob,
          words.map(({ bob }) => bob),
        ),
    );
    const leaked = nothingSpent();
    const tagKey = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    let rounds = 0;
    for (let ask: Ask | undefined = timed("bob", () => asking.ask()); ask; rounds++) {
      const now: Ask = ask;
      const { bits } = timed("alice", () => asked.answer(now, tagKey));
      const taken = timed("bob", () => asking.take({ bits, tagKey }));
      addSpent(leaked, taken.spent);
      ask = taken.ask;
    }
    frames.alice.zeroise();
    frames.bob.zeroise();
    Object.assign(parameters, { rounds, ...leaked });
    return new Elapsed(spent[whose] / 1000);
  };
  return (["bob", "alice"] as const).map((whose) => ({
    name: `reconcile cascade core of ${whose}, ${qber * 100} %, ${count} frames`,
    unit: "Mbit/s",
    work: (count * length) / 1e6,
    parameters,
    run: run(whose),
  }));
}
