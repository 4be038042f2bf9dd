/** `qkd-distill plan`: secret bits by loss, block size and ε, as a table and a plot, from a link description. */
import { extname } from "node:path";
import type { Command } from "commander";
import { QkdError } from "../errors.js";
import { type Link, parseLink } from "../link.js";
import { defaultBlocks, type Plan, plan, planDefaults } from "../simulate/plan.js";
import { readJson, writeWhole } from "./files.js";
import { answerWith, numberOption } from "./output.js";

interface Options {
  readonly link: string;
  readonly loss: number[];
  readonly blocks?: number[];
  readonly epsilon?: number[];
  readonly efficiency: number;
  readonly out?: string;
}

export function register(program: Command): void {
  const command = program
    .command("plan")
    .description("secret bits by loss, block size and epsilon, from the link description's `simulation` section")
    .requiredOption("--link <file>", "link description")
    .option("--loss <from:to:step>", "channel loss in dB (bbm92: of each arm)", lossOption, planDefaults.lossesDb)
    .option(
      "--blocks <list>",
      "block sizes: pulses, seconds for bbm92; e.g. 1e8,1e10",
      listOption("--blocks", Infinity),
    )
    .option(
      "--epsilon <list>",
      "secrecy epsilons of a block; default: 1e-6, the link's and 1e-12",
      listOption("--epsilon", 1),
    )
    .option(
      "--efficiency <f>",
      "modelled reconciliation efficiency: leakage f·n·h(q)",
      numberOption("--efficiency", { min: 1, max: 3 }),
      planDefaults.efficiency,
    )
    .option("--out <file>", "the plot as .svg or .html");
  answerWith(command, async (options: Options) => {
    const link = parseLink(await readJson(options.link), options.link);
    const kind = options.out === undefined ? undefined : extname(options.out).toLowerCase();
    if (kind !== undefined && kind !== ".svg" && kind !== ".html")
      throw new QkdError("USAGE_INVALID", `--out: ${options.out} must end with .svg or .html.`, { option: "--out" });
    const result = plan(link, {
      lossesDb: options.loss,
      blocks: options.blocks ?? defaultBlocks(link),
      epsilons: options.epsilon ?? defaultEpsilons(link),
      efficiency: options.efficiency,
      tagBits: planDefaults.tagBits,
    });
    if (options.out !== undefined) {
      // the plotting library is loaded only where a plot is asked for
      const { planPage, planSvg } = await import("../report/plan.js");
      await writeWhole(options.out, kind === ".svg" ? planSvg(result) : planPage(result), 0o644);
    }
    const plot = options.out === undefined ? {} : { plot: options.out };
    return { json: { ...result, ...plot }, text: describe(result, options.out) };
  });
}

function defaultEpsilons(link: Link): number[] {
  return [...new Set([1e-6, link.epsilon.secrecy, 1e-12])].sort((a, b) => b - a);
}

function lossOption(text: string): number[] {
  const [from = Number.NaN, to = from, step = 1] = text
    .split(":")
    .map((part) => (part === "" ? Number.NaN : Number(part)));
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  if (!(from >= 0 && to <= 200 && step > 0 && count >= 1 && count <= 2000))
    throw new QkdError("USAGE_INVALID", `--loss: ${JSON.stringify(text)} is no from:to:step in dB within 0 and 200.`, {
      option: "--loss",
    });
  return Array.from({ length: count }, (_, i) => Number((from + i * step).toFixed(9)));
}

function listOption(name: string, below: number) {
  return (text: string): number[] => {
    const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
    if (values.every((v) => v > 0 && v < below)) return values;
    const bound = below === 1 ? "between 0 and 1" : "above 0";
    throw new QkdError("USAGE_INVALID", `${name}: ${JSON.stringify(text)} is no list of numbers ${bound}.`, {
      option: name,
    });
  };
}

/** A table a block size wide for each ε, at most 20 losses, and a bar of the rate on a logarithmic scale. */
function describe(result: Plan, out: string | undefined): string {
  const blocks = [...new Set(result.rows.map((r) => r.block))];
  const epsilons = [...new Set(result.rows.map((r) => r.epsilon))];
  const losses = [...new Set(result.rows.map((r) => r.lossDb))];
  const stride = Math.ceil(losses.length / 20);
  const best = Math.max(1, ...result.rows.map((r) => r.secretBitsPerSecond));
  const bar = (rate: number) => (rate > 0 ? "█".repeat(Math.max(1, Math.round(24 + 4 * Math.log10(rate / best)))) : "");
  const arm = result.protocol === "bbm92" ? " of each arm" : "";
  const lines = [
    `${result.link}: ${result.protocol}, proof ${result.proof}; loss in dB${arm}, blocks in ${result.blockUnit}.`,
    `Expected counts, leakage modelled as ${result.efficiency}·n·h(q); a run counts its own.`,
  ];
  for (const epsilon of epsilons) {
    lines.push("", `Secret bits of a block at ε = ${epsilon}`);
    const head = blocks.map((b) => b.toExponential(0).replace("e+", "e").padStart(12)).join("");
    lines.push(`  loss${head}   bits a second, largest block`);
    for (const lossDb of losses.filter((_, i) => i % stride === 0)) {
      const row = blocks.map(
        (b) => result.rows.find((r) => r.block === b && r.epsilon === epsilon && r.lossDb === lossDb)!,
      );
      if (row.every((r) => r.secretBits === 0) && lossDb !== losses[0]) break;
      const cells = row.map((r) => (r.secretBits > 0 ? String(r.secretBits) : "–").padStart(12)).join("");
      const rate = row.at(-1)!.secretBitsPerSecond;
      lines.push(`${String(lossDb).padStart(6)}${cells}   ${rate.toPrecision(3).padStart(9)} ${bar(rate)}`.trimEnd());
    }
  }
  if (out !== undefined) lines.push("", `Plot: ${out}`);
  return lines.join("\n");
}
