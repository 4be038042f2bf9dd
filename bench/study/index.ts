/**
 * `npm run study`: draws the figures of bench/figures anew, from the catalogue's measured curves and from what this machine
 * does now, with all their data in study.json beside them. `--quick` takes seconds, for a trial; `--out DIR` writes elsewhere.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { catalogue } from "../../codes/catalogue.js";
import { leastEfficiency } from "../../report/limit.js";
import { report } from "../harness.js";
import { efficiencyFigure, frameErrorFigure, speedFigure } from "./figures.js";
import { measureWays } from "./measure.js";
import { published } from "./published.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    out: { type: "string", default: join(root, "bench/figures") },
  },
});
const seed = 1;
const input = values.quick
  ? { bits: 2 ** 16, rates: [0.02, 0.05], seconds: 0, seed }
  : { bits: 2 ** 22, rates: [0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.11], seconds: 60, seed };

const measured = await measureWays(input);
const { rows: _, ...circumstances } = report(seed, []);
mkdirSync(values.out, { recursive: true });
const files = {
  "frame-errors.svg": frameErrorFigure(catalogue, [2 ** 14, 2 ** 18]),
  "efficiency.svg": efficiencyFigure(measured, published),
  "speed.svg": speedFigure(measured, published),
  "study.json": `${JSON.stringify(
    {
      made: new Date().toISOString().slice(0, 10),
      commit: commit(),
      commands: {
        figures: `npm run study${values.quick ? " -- --quick" : ""}`,
        curves: "node dist/bench/study/curves.js (src/codes/curves.generated.ts)",
      },
      ...circumstances,
      bits: input.bits,
      measured,
      limit: {
        source:
          "normal approximation of Polyanskiy, Poor, Verdu, IEEE Trans. Inf. Theory 56, 2307 (2010): h + sqrt(Q(1-Q)/n) log2((1-Q)/Q) Phi^-1(1-eps) - log2(n)/(2n), over h; n = 2^18, eps = 1e-2",
        points: input.rates.map((qber) => ({
          qber,
          efficiency: Number(leastEfficiency(qber, 2 ** 18, 0.01).toFixed(4)),
        })),
      },
      published,
    },
    undefined,
    2,
  )}\n`,
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(values.out, name), text);
console.log(`${Object.keys(files).join(", ")} in ${values.out}`);

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
