/**
 * `qkd-distill demo`, what `npm start` runs: simulate two links into instrument files, distil them from the raw dumps of
 * both ends, print what a person wants to know. Deterministic seeds; `out/` is made anew.
 */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { distill } from "../distill.js";
import { QkdError } from "../errors.js";
import { parseLink } from "../link.js";
import type { DistillReport } from "../report/distill-report.js";
import { reportModel } from "../report/from-run.js";
import { renderReport } from "../report/index.js";
import { selfTest } from "../security/self-test.js";
import { type Demo, demoBbm92, demoDecoy, simulate } from "../simulate/index.js";
import { type Executor, PoolExecutor } from "../workers/executor.js";
import { distillText } from "./distill-text.js";
import { writeWhole } from "./files.js";
import { interruptSignal } from "./interrupt.js";
import { readLink } from "./link-file.js";
import { answerWith } from "./output.js";
import { progress } from "./progress.js";

export function register(program: Command): void {
  const command = program
    .command("demo")
    .description("simulate two links and distil them: what `npm start` runs")
    .option("--out <folder>", "folder, made anew", "out");
  answerWith(command, async ({ out }: { out: string }) => {
    selfTest();
    await clear(out);
    const executor = new PoolExecutor("auto");
    const interrupt = interruptSignal();
    try {
      const decoy = await runDemo(executor, demoDecoy, out, interrupt.signal);
      const bbm92 = await runDemo(executor, demoBbm92, join(out, "bbm92"), interrupt.signal);
      return { json: { decoy: decoy.report, bbm92: bbm92.report }, text: [decoy.text, bbm92.text].join("\n\n") };
    } finally {
      interrupt.done();
      await executor.close();
    }
  });
}

/** Only what an earlier demo made: a folder of the user's is left alone. */
async function clear(out: string): Promise<void> {
  for (const name of ["alice", "bob", "state", "bbm92", "dumps", "report.html"])
    await rm(join(out, name), { recursive: true, force: true });
}

async function runDemo(
  executor: Executor,
  demo: Demo,
  out: string,
  signal: AbortSignal,
): Promise<{ report: DistillReport; text: string }> {
  const link = parseLink(demo.link);
  const simulating = progress(`simulate ${link.name}`);
  const { files } = await simulate(link, {
    seconds: demo.seconds,
    seed: demo.seed,
    out: join(out, "dumps"),
    signal,
    onProgress: simulating.update,
  });
  simulating.stop();
  const used = await readLink(files.link);
  const bar = progress(`distill  ${link.name}`);
  const report = await distill(executor, {
    link: used,
    alice: files.alice,
    bob: files.bob,
    out,
    signal,
    onProgress: (end, done, total) => {
      if (end === "bob") bar.update(done, total ?? done);
    },
  });
  bar.stop();
  await writeWhole(join(out, "report.html"), renderReport(reportModel(used, report)), 0o644);
  const keys = keysEqual(out);
  return {
    report,
    text: `${distillText(report)}\nkeys        ${keys} keys, equal at both ends: ${out}/{alice,bob}/keys.jsonl\npictures    ${out}/report.html`,
  };
}

/** Reads both key files back as a user would. @throws QkdError INTERNAL_ERROR where they differ */
function keysEqual(out: string): number {
  const [alice, bob] = ["alice", "bob"].map((end) => {
    const lines = readFileSync(join(out, end, "keys.jsonl"), "utf8")
      .split("\n")
      .filter(Boolean);
    return lines.map((line) => {
      const { key_ID, key } = JSON.parse(line) as { key_ID: string; key: string };
      return `${key_ID} ${key}`;
    });
  }) as [string[], string[]];
  if (alice.sort().join() !== bob.sort().join())
    throw new QkdError("INTERNAL_ERROR", "The two ends' key files differ.");
  return alice.length;
}
