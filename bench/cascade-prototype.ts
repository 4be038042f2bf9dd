/**
 * The measuring stick of KERNELS.md E: the prototype's Bob on as many frames in lockstep, where ../shared is at hand. Its
 * tag is no universal hash, and it packs nothing and wipes nothing.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cascadeParameters } from "../stages/reconcile/cascade-frames.js";
import { type Case, Elapsed } from "./harness.js";

/** What prototypes/cascade/cascade.ts exports; frames by number. */
interface Prototype {
  seed(x: number): number;
  init(bits: number, frames: number, k1: number, k2: number, k3: number, few: number, oneShot: number): number;
  gen(frame: number, threshold: bigint): number;
  permA(frame: number): void;
  permB(frame: number, pass: number): void;
  aliceStart(frame: number, pass: number): void;
  bobStart(frame: number, pass: number): void;
  build(frame: number): number;
  alice(frame: number): void;
  bob(frame: number): void;
  tagA(frame: number): void;
  tagB(frame: number): bigint;
  tail(frame: number, bit: number): number;
  same(frame: number): number;
}

const path = join(process.cwd(), "..", "shared", "prototypes", "cascade", "cascade.wasm");
const passes = 3;
const logLength = 18;

/** One row; none, and it says so, where the prototype is not there. */
export function prototypeCore(qber: number, count: number): Case[] {
  if (!existsSync(path)) {
    console.error(`no prototype at ${path}: Cascade's speed stands beside nothing`);
    return [];
  }
  const bits = 2 ** logLength;
  const prototype = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), {
    env: {
      abort() {
        throw new Error("the prototype aborted");
      },
      seed: () => 1,
    },
  }).exports as unknown as Prototype;
  const { levels, together } = cascadeParameters(qber);
  const few = Math.floor(bits * together);
  prototype.seed(7);
  prototype.init(bits, count, levels[0]!, levels[1]!, levels[2]!, few, few);
  const threshold = BigInt(Math.floor(qber * 2 ** 53)) << 11n;
  const draw = () => {
    for (let frame = 0; frame < count; frame++) {
      prototype.gen(frame, threshold);
      prototype.permA(frame);
    }
  };
  const core: Case = {
    name: `prototype cascade core of bob, ${qber * 100} %, ${count} frames`,
    unit: "Mbit/s",
    work: (count * bits) / 1e6,
    parameters: { qber, frames: count, frameBits: bits },
    before: async () => draw(),
    run: () => new Elapsed(bobSeconds(prototype, count)),
  };
  return [core];
}

/** All frames to their ends, one step a round. */
function bobSeconds(prototype: Prototype, count: number): number {
  let spent = 0;
  const asBob = <T>(body: () => T): T => {
    const began = performance.now();
    const result = body();
    spent += performance.now() - began;
    return result;
  };
  const begun = new Uint8Array(count);
  const search = (frame: number) => asBob(() => prototype.build(frame)) !== 0;
  /** What has nothing to ask starts its next pass or compares tags. @returns whether it goes on */
  const proceed = (frame: number): boolean => {
    for (;;) {
      if (begun[frame]! < passes) {
        const pass = begun[frame]++;
        prototype.aliceStart(frame, pass);
        asBob(() => {
          if (pass > 0) prototype.permB(frame, pass);
          prototype.bobStart(frame, pass);
        });
      } else {
        prototype.tagA(frame);
        const differ = asBob(() => prototype.tagB(frame));
        if (differ === 0n) return false;
        prototype.tail(frame, BigInt.asUintN(64, differ & -differ).toString(2).length - 1);
      }
      if (search(frame)) return true;
    }
  };
  let live = Array.from({ length: count }, (_, frame) => frame);
  while (live.length > 0) {
    live = live.filter((frame) => (begun[frame]! > 0 && search(frame)) || proceed(frame));
    for (const frame of live) prototype.alice(frame);
    asBob(() => {
      for (const frame of live) prototype.bob(frame);
    });
  }
  for (let frame = 0; frame < count; frame++)
    if (!prototype.same(frame)) throw new Error("the prototype left an error");
  return spent / 1000;
}
