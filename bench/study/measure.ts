/** What the figures show of this machine: f and speed of each method over error rates, both ends in one process. */
import { createEngine } from "../../engine.js";
import { type Case, generator, measure } from "../harness.js";
import { pair, ways } from "../reconcile.js";

export interface Measured {
  readonly method: string;
  readonly mode: string;
  readonly accounting: string;
  readonly qber: number;
  /** Everything disclosed over n·h(errors / n). */
  readonly efficiency: number;
  readonly framesFailed: number;
  /** Median of the rounds; one worker, both ends' work. */
  readonly mbitPerSecond: number;
}

export interface StudyInput {
  readonly bits: number;
  readonly rates: readonly number[];
  readonly seconds: number;
  readonly seed: number;
}

export async function measureWays({ bits, rates, seconds, seed }: StudyInput): Promise<Measured[]> {
  const draw = generator(seed);
  await using engine = await createEngine({ workers: 1 });
  const found: Omit<Measured, "mbitPerSecond">[] = [];
  const cases = rates.flatMap((qber) => {
    const input = { ...pair(bits, qber, draw), qber };
    return ways.map((way): Case => {
      const at = found.push({ ...way, qber, efficiency: Number.NaN, framesFailed: 0 }) - 1;
      return {
        name: `${way.method} ${way.mode} ${qber}`,
        unit: "Mbit/s",
        work: bits / 1e6,
        parameters: {},
        async run() {
          const { efficiency, framesFailed } = await engine.reconcile({ ...input, ...way });
          found[at] = { ...way, qber, efficiency, framesFailed };
        },
      };
    });
  });
  const rows = await measure(cases, seconds);
  return rows.map(({ median }, i) => ({ ...found[i]!, mbitPerSecond: Math.round(median * 10) / 10 }));
}
