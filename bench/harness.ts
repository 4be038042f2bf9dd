/**
 * Rates that can be compared on a machine that is not idle: cases take turns, round by round, so that what disturbs one
 * disturbs the others. Reported is work over time, as median, 10th and 90th percentile of the rounds.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import type { BenchReport, BenchRow } from "../cli/bench.js";
import { kernelPath } from "../kernels/wasm.js";
import { version } from "../version.js";

export interface Case {
  readonly name: string;
  readonly unit: string;
  /** Work of one run, in the unit. */
  readonly work: number;
  readonly workers?: number;
  readonly parameters: Record<string, unknown>;
  /** Runs before the first that counts; default 1. Code of many parts is compiled over several. */
  readonly warmUp?: number;
  run(): unknown;
  /** Not timed; before each run. A case that has it runs once a round. */
  before?(): Promise<void>;
}

/** What a run answers that has timed itself, such as another program behind a pipe. */
export class Elapsed {
  constructor(readonly seconds: number) {}
}

export interface BenchOptions {
  readonly seconds: number;
  readonly seed: number;
}

/** A round is repeated inside until it is long against the clock and the scheduler. */
const roundSeconds = 0.02;
const leastRounds = 5;

/**
 * Takes about `seconds` and at least five rounds after runs that are not counted (they start workers, compile, build
 * codes). A case too slow for five has as many rounds as fit, at least one; where one run takes all the time, its first.
 */
export async function measure(cases: readonly Case[], seconds: number): Promise<BenchRow[]> {
  const until = performance.now() + seconds * 1000;
  const states = [];
  for (const one of cases) {
    let first = await time(one, 1);
    for (let run = 1; run < (one.warmUp ?? 1) && first < seconds; run++) first = await time(one, 1);
    const repeats = one.before || first > roundSeconds ? 1 : Math.ceil(roundSeconds / Math.max(first, 1e-6));
    const slow = first * leastRounds > Math.max(seconds, leastRounds);
    states.push({ one, first, repeats, slow, rates: first > seconds ? [one.work / first] : [] });
  }
  for (let ran = true; ran; ) {
    ran = false;
    for (const { one, first, repeats, slow, rates } of states) {
      const wanted = rates.length < (slow ? 1 : leastRounds);
      if (!wanted && performance.now() + first * repeats * 1000 > until) continue;
      rates.push((one.work * repeats) / (await time(one, repeats)));
      ran = true;
    }
  }
  return states.map(({ one, rates }) => ({
    name: one.name,
    unit: one.unit,
    median: quantile(rates, 0.5),
    p10: quantile(rates, 0.1),
    p90: quantile(rates, 0.9),
    rounds: rates.length,
    workers: one.workers ?? 1,
    parameters: one.parameters,
  }));
}

async function time(one: Case, repeats: number): Promise<number> {
  await one.before?.();
  const began = performance.now();
  let told = 0;
  for (let i = 0; i < repeats; i++) {
    const called = one.run();
    const result: unknown = called instanceof Promise ? await called : called;
    if (result instanceof Elapsed) told += result.seconds;
  }
  return told || (performance.now() - began) / 1000;
}

/** Linear between neighbours. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export function report(seed: number, rows: BenchRow[]): BenchReport {
  return {
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      platform: `${process.platform}-${process.arch}`,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      load: Number(loadavg()[0]?.toFixed(2)),
    },
    versions: { "qkd-distill": version, node: process.versions.node, v8: process.versions.v8 },
    wasmSha256: createHash("sha256").update(readFileSync(kernelPath())).digest("hex"),
    seed,
    rows,
  };
}

/** Seeded xorshift32, 0 … 2³² − 1: inputs of a benchmark, nothing secret. */
export function generator(seed: number): () => number {
  let x = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

export function fill(bytes: number, draw: () => number): Uint8Array {
  const words = Uint32Array.from({ length: Math.ceil(bytes / 4) }, draw);
  return new Uint8Array(words.buffer, 0, bytes);
}
