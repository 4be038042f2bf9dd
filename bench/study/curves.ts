/**
 * Writes the rows of src/codes/curves.generated.ts: threshold and frame error rate of every code in the catalogue.
 * `node dist/bench/study/curves.js [circulant…]` measures those circulants anew and keeps the others; a quarter of an hour.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { type CatalogueCode, catalogue, loadCode } from "../../codes/catalogue.js";
import type { LdpcCode } from "../../codes/code.js";
import { ensembleOf, threshold } from "../../codes/density.js";
import { type CurvePoint, type Decoder, frameErrors } from "../../codes/frame-errors.js";
import { loadKernels } from "../../kernels/index.js";
import { entropy } from "../../security/index.js";

const path = new URL("../../../src/codes/curves.generated.ts", import.meta.url);
/** Bits, and frames, of a point; it ends early at so many failures. */
const pointBits = 2 ** 26;
const [fewest, mostFrames, enough] = [256, 3000, 100];
/** Of the distance in f between the curve's middle and its foot. */
const steps = [-0.5, 0, 0.35, 0.65, 1, 1.4] as const;

const { decode } = await loadKernels();
const wanted = process.argv.slice(2).map(Number);
const all = new Map<string, Pick<CatalogueCode, "threshold" | "curve">>(catalogue.map((code) => [code.id, code]));
const thresholds = new Map<number, number>();
for (const { id, m, lifting } of catalogue) {
  if (wanted.length > 0 && !wanted.includes(lifting)) continue;
  const code = loadCode(id);
  const rows = m / lifting;
  if (!thresholds.has(rows)) thresholds.set(rows, rounded(threshold(ensembleOf(code.quasiCyclic!))));
  all.set(id, { threshold: thresholds.get(rows)!, curve: curveOf(code, decode) });
  console.error(id, JSON.stringify(all.get(id)));
}
write();

function curveOf(code: LdpcCode, decoder: Decoder): CurvePoint[] {
  const middle = middleOf(code, decoder);
  const q = qberAt(code, middle);
  const deviation = (Math.sqrt(q * (1 - q)) * Math.log2((1 - q) / q)) / entropy(q) / Math.sqrt(code.n);
  const width = 0.008 + 2.5 * deviation;
  const frames = Math.min(mostFrames, Math.max(fewest, Math.floor(pointBits / code.n)));
  return steps.map((step) => {
    const qber = rounded(qberAt(code, middle + step * width));
    const point = frameErrors(code, decoder, { qber, frames, failures: enough });
    return { ...point, iterations: hundredths(point.iterations), spread: hundredths(point.spread) };
  });
}

/** Efficiency at which about half of the frames fail. */
function middleOf(code: LdpcCode, decoder: Decoder): number {
  let [low, high] = [1.02, 1.6];
  while (high - low > 0.004) {
    const middle = (low + high) / 2;
    const { frames, failures } = frameErrors(code, decoder, { qber: rounded(qberAt(code, middle)), frames: 16 });
    if (failures * 2 > frames) low = middle;
    else high = middle;
  }
  return high;
}

/** Error rate at which the whole syndrome is f·n·h. */
function qberAt({ n, m }: LdpcCode, efficiency: number): number {
  let [low, high] = [0, 0.5];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (entropy(middle) * n * efficiency < m) low = middle;
    else high = middle;
  }
  return low;
}

function rounded(qber: number): number {
  return Number(qber.toPrecision(4));
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

function write(): void {
  const rows = [...all].map(([id, { threshold: limit, curve }]) => {
    const list = curve.map(
      ({ qber, frames, failures, iterations, spread }) =>
        `[${[qber, frames, failures, iterations, spread].join(", ")}]`,
    );
    return `  ["${id}", ${limit}, [${list.join(", ")}]],`;
  });
  writeFileSync(path, readFileSync(path, "utf8").replace(/(= \[\n)[\s\S]*(\n\];)/, `$1${rows.join("\n")}$2`));
}
