/** Both ends of reconciliation in this process, over the loopback channel; efficiency is counted, not modelled. */
import { availableParallelism } from "node:os";
import { BitString, xorBits } from "../bits.js";
import type { BenchRow } from "../cli/bench.js";
import { createEngine } from "../engine.js";
import { cascadeCores } from "./cascade.js";
import { distilled, published } from "./distilled.js";
import { type BenchOptions, type Case, fill, generator, measure } from "./harness.js";

const bits = 2 ** 22;

export async function reconcile({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const draw = generator(seed);
  await using engine = await createEngine();
  const cases: Case[] = [0.01, 0.02, 0.03, 0.05, 0.08].flatMap((qber) => {
    const alice = BitString.from(fill(bits / 8, draw));
    const errors = BitString.zeros(bits);
    for (let i = 0; i < bits; i++) if (draw() < qber * 2 ** 32) errors.bytes[i >>> 3]! |= 1 << (i & 7);
    const bob = xorBits(alice, errors);
    return (["ldpc", "cascade"] as const).map((method) => {
      const parameters: Record<string, unknown> = { bits, qber, method };
      return {
        name: `reconcile ${method} ${qber * 100} %`,
        unit: "Mbit/s",
        work: bits / 1e6,
        workers: availableParallelism(),
        parameters,
        async run() {
          const result = await engine.reconcile({ alice, bob, qber, method });
          if (!result.reconciled) throw new Error(`${method} at ${qber} left a difference`);
          const { accounting, efficiency, frames, framesFailed, rounds } = result;
          Object.assign(parameters, { accounting, efficiency, frames, framesFailed, rounds });
        },
      };
    });
  });
  for (const qber of [0.01, 0.03, 0.08]) for (const frames of [2, 32]) cases.push(...cascadeCores(qber, frames, draw));
  cases.push(distilled(engine, availableParallelism(), draw));
  // awaited here: the engine closes when this function returns
  return [...(await measure(cases, seconds)), published];
}
