/** The benchmarks by name, for `qkd-distill bench`. */
import type { BenchName, BenchReport, BenchRow } from "../cli/bench.js";
import { amplify } from "./amplify.js";
import { dumps } from "./dumps.js";
import { type BenchOptions, report } from "./harness.js";
import { latency } from "./latency.js";
import { pipeline } from "./pipeline.js";
import { reconcile } from "./reconcile.js";
import { sift } from "./sift.js";
import { syndrome } from "./syndrome.js";

const benches: Record<BenchName, (options: BenchOptions) => Promise<BenchRow[]>> = {
  sift,
  syndrome,
  reconcile,
  amplify,
  dumps,
  pipeline,
  latency,
};

export async function runBenches(names: readonly BenchName[], options: BenchOptions): Promise<BenchReport> {
  const rows: BenchRow[] = [];
  for (const name of names) rows.push(...(await benches[name](options)));
  return report(options.seed, rows);
}
