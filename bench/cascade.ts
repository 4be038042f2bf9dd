/**
 * One end's core in Cascade, the other's time not counted: frames in lockstep through the kernel with tags, packing of
 * requests and answers and counting, without the channel. Rates are key bits a second of that end.
 */
import { CascadeKernel } from "../kernels/cascade.js";
import type { AliceHalf, BobHalf, Request } from "../kernels/cascade-halves.js";
import { CascadeOrders } from "../kernels/cascade-order.js";
import { cascadeParameters, passLevel, shapeOf } from "../stages/reconcile/cascade-frames.js";
import { type Case, Elapsed, fill } from "./harness.js";

const length = 2 ** 18;
const passes = 3;

interface Frame {
  readonly alice: AliceHalf;
  readonly bob: BobHalf;
  request: Request;
  done: boolean;
}

export function cascadeCores(qber: number, count: number, draw: () => number): Case[] {
  const words = Array.from({ length: count }, () => {
    const alice = new Uint8Array(fill(length / 8, draw));
    const bob = alice.slice();
    for (let i = 0; i < length; i++) if (draw() < qber * 2 ** 32) bob[i >>> 3]! ^= 1 << (i & 7);
    return { alice, bob };
  });
  const orders = new CascadeOrders(length, Uint32Array.of(1, 2, 3, 4));
  const shape = shapeOf(length, qber);
  const kernels = { alice: new CascadeKernel(shape, orders, "alice"), bob: new CascadeKernel(shape, orders, "bob") };
  const together = Math.floor(length * cascadeParameters(qber).together);
  const parameters: Record<string, unknown> = { qber, frames: count, frameBits: length };
  const run = (whose: "alice" | "bob") => () => {
    const spent = { alice: 0, bob: 0 };
    const timed = <T>(who: "alice" | "bob", body: () => T): T => {
      const began = performance.now();
      const result = body();
      spent[who] += performance.now() - began;
      return result;
    };
    let leaked = 0;
    const frames: Frame[] = words.map((word) => ({
      alice: timed("alice", () => kernels.alice.alice(word.alice)),
      bob: timed("bob", () => kernels.bob.bob(word.bob, together)),
      request: { kind: "none" },
      done: false,
    }));
    const key = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    let rounds = 0;
    for (; frames.some(({ done }) => !done); rounds++)
      for (const frame of frames) {
        if (frame.done) continue;
        const { alice, bob, request } = frame;
        if (request.kind === "none" && bob.passes === passes) {
          timed("alice", () => alice.tag(key));
          timed("bob", () => [bob.tag(key), bob.word()]);
          frame.done = true;
          continue;
        }
        const answer = timed("alice", () => {
          if (request.kind === "none") return alice.start(passLevel(qber, alice.passes, length));
          if (request.kind === "go") return alice.go(request.directions);
          return request.kind === "list" ? alice.list(request.requests) : alice.ask(request.requests);
        });
        leaked += answer!.bits;
        frame.request = timed("bob", () => {
          if (request.kind === "none") bob.start(passLevel(qber, bob.passes, length), answer!.bytes);
          else bob.take(answer!.bytes);
          return bob.next();
        });
      }
    for (const { alice, bob } of frames) {
      timed("alice", () => alice.zeroise());
      timed("bob", () => bob.zeroise());
    }
    Object.assign(parameters, { rounds, parities: leaked });
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
