/**
 * Both ends of reconciliation in this process, over the loopback channel; efficiency is counted, not modelled. LDPC in
 * both modes on one and two workers, Cascade on all; beside them the prototype's decoder where ../shared is at hand, and
 * the decoder's plain twin on a short frame of its own code.
 */
import { availableParallelism } from "node:os";
import { BitString, xorBits } from "../bits.js";
import type { BenchRow } from "../cli/bench.js";
import { loadCode } from "../codes/index.js";
import { createEngine, type Engine } from "../engine.js";
import { loadKernels } from "../kernels/index.js";
import { cascadeCores } from "./cascade.js";
import { prototypeCore } from "./cascade-prototype.js";
import { type BenchOptions, type Case, fill, generator, measure } from "./harness.js";
import { prototypeDecoder } from "./ldpc-prototype.js";

const bits = 2 ** 22;
const rates = [0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.11] as const;
export const ways = [
  { method: "ldpc", mode: "throughput", accounting: "one-way" },
  { method: "ldpc", mode: "efficiency", accounting: "pattern-public" },
  { method: "cascade", mode: "auto", accounting: "pattern-public" },
] as const;

export async function reconcile({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const draw = generator(seed);
  await using one = await createEngine({ workers: 1 });
  await using two = await createEngine({ workers: Math.min(2, availableParallelism()) });
  const cases: Case[] = rates.flatMap((qber) => {
    const { alice, bob } = pair(bits, qber, draw);
    return ways.flatMap((way) =>
      (way.method === "ldpc" ? [one, two] : [two]).map((engine) =>
        bothEnds(engine, engine === one ? 1 : 2, { alice, bob, qber, ...way }),
      ),
    );
  });
  for (const qber of rates) {
    const stick = prototypeDecoder(bits, qber, draw);
    if (stick) cases.push(stick);
  }
  cases.push(await plainTwin(draw));
  for (const qber of rates) cases.push(...cascadeCores(qber, 32, draw), ...prototypeCore(qber, 32));
  // awaited here: the engines close when this function returns
  return await measure(cases, seconds);
}

type Input = { alice: BitString; bob: BitString; qber: number } & (typeof ways)[number];

function bothEnds(engine: Engine, workers: number, input: Input): Case {
  const { method, mode, qber } = input;
  const parameters: Record<string, unknown> = { bits, qber, method, mode };
  return {
    name: `reconcile ${method}${method === "ldpc" ? ` ${mode}` : ""} ${qber * 100} %`,
    unit: "Mbit/s",
    work: bits / 1e6,
    workers,
    parameters,
    async run() {
      const result = await engine.reconcile(input);
      if (!result.reconciled) throw new Error(`${method} at ${qber} left a difference`);
      const { accounting, efficiency, frames, framesFailed, rounds, choice } = result;
      Object.assign(parameters, { accounting, efficiency, frames, framesFailed, rounds });
      if (choice.iterations !== undefined) Object.assign(parameters, { iterations: choice.iterations });
    },
  };
}

async function plainTwin(draw: () => number): Promise<Case> {
  const { reference } = await loadKernels();
  const code = loadCode("qc-256x32-m68");
  const qber = 0.03;
  const { alice, bob } = pair(code.n, qber, draw);
  const target = reference.syndrome(code, alice);
  const parameters: Record<string, unknown> = { code: code.id, qber };
  return {
    name: `reconcile plain twin ${qber * 100} %`,
    unit: "Mbit/s",
    work: code.n / 1e6,
    parameters,
    run() {
      const { ok, iterations } = reference.decode(code, bob, target, { qber });
      Object.assign(parameters, { ok, iterations });
    },
  };
}

export function pair(length: number, qber: number, draw: () => number): { alice: BitString; bob: BitString } {
  const alice = BitString.from(fill(length / 8, draw), length);
  const errors = BitString.zeros(length);
  for (let i = 0; i < length; i++) if (draw() < qber * 2 ** 32) errors.bytes[i >>> 3]! |= 1 << (i & 7);
  return { alice, bob: xorBits(alice, errors) };
}
