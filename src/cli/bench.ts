/** `qkd-distill bench`: rates on this machine, the fast path interleaved with the plain one it is measured against. */
import { Argument, type Command } from "commander";
import { answerWith, numberOption } from "./output.js";

export const benchNames = ["sift", "syndrome", "reconcile", "amplify", "dumps", "pipeline", "latency"] as const;
export type BenchName = (typeof benchNames)[number];

/** One rate over the rounds of a run; more is better. */
export interface BenchRow {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly rounds: number;
  readonly workers: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of the median, to that of the row it is measured against. */
  readonly ratio?: number;
  /** What the median is to reach, and whether it does. */
  readonly least?: number;
  readonly held?: boolean;
}

export interface BenchReport {
  readonly machine: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly wasmSha256: string;
  readonly seed: number;
  readonly rows: readonly BenchRow[];
}

/** What dist/bench/index.js exports; it is built from bench/, not from src/. */
interface BenchModule {
  runBenches(names: readonly BenchName[], options: { seconds: number; seed: number }): Promise<BenchReport>;
}

export function register(program: Command): void {
  const command = program
    .command("bench")
    .description("rates on this machine, each beside its baseline in the same run")
    .addArgument(new Argument("[name]", "one of them; default all").choices(benchNames))
    .option("--seconds <s>", "time to spend on each", numberOption("--seconds", { min: 0.01, max: 3600 }), 5)
    .option("--seed <n>", "seed of the inputs", numberOption("--seed", { min: 1, max: 2 ** 31, integer: true }), 1);
  answerWith(command, async (name: BenchName | undefined, { seconds, seed }: { seconds: number; seed: number }) => {
    const bench = (await import(new URL("../bench/index.js", import.meta.url).href)) as BenchModule;
    const report = await bench.runBenches(name ? [name] : benchNames, { seconds, seed });
    return { json: report, text: describe(report) };
  });
}

function describe({ machine, versions, wasmSha256, seed, rows }: BenchReport): string {
  const figure = (x: number) => (x >= 1000 ? x.toFixed(0) : x.toPrecision(4)).padStart(10);
  const width = Math.max(...rows.map((row) => row.name.length));
  const beside = ({ ratio, least, held }: BenchRow) =>
    (ratio === undefined ? "" : `, ${ratio.toFixed(2)} of its baseline`) +
    (least === undefined ? "" : `, ${held ? "reaches" : "below"} ${least}`);
  return [
    Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(", "),
    Object.entries(versions)
      .map(([key, value]) => `${key} ${value}`)
      .join(", "),
    `kernels.wasm sha256 ${wasmSha256}, seed ${seed}`,
    `${"".padEnd(width)}     median       p10       p90`,
    ...rows.map(
      (row) =>
        `${row.name.padEnd(width)} ${figure(row.median)}${figure(row.p10)}${figure(row.p90)} ${row.unit}  (${row.rounds} rounds, ${row.workers} ${row.workers === 1 ? "thread" : "threads"}${beside(row)})`,
    ),
  ].join("\n");
}
