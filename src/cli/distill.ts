/** `qkd-distill distill`: both ends in this process, from dumps or from sifted keys. */
import { join } from "node:path";
import { type Command, Option } from "commander";
import { distill } from "../distill.js";
import { distillSifted } from "../distill-sifted.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";
import type { DistillReport } from "../report/distill-report.js";
import { reportModel } from "../report/from-run.js";
import { selfTest } from "../security/self-test.js";
import { type Executor, PoolExecutor } from "../workers/executor.js";
import { distillAnswer } from "./distill-text.js";
import { filePerDetector, followed, followOption, oneMore } from "./dump-options.js";
import { readJson, writeWhole } from "./files.js";
import { interruptSignal } from "./interrupt.js";
import { readLink } from "./link-file.js";
import { answerWith, numberOption } from "./output.js";
import { blockLines, progress } from "./progress.js";
import { readSifted, type SiftedFormat } from "./sifted.js";

interface Flags {
  link: string;
  alice?: readonly string[];
  bob?: readonly string[];
  siftedAlice?: string;
  siftedBob?: string;
  siftedFormat?: SiftedFormat;
  bits?: number;
  statistics?: string;
  out: string;
  workers?: number;
  report?: boolean;
  strict?: boolean;
  follow?: number | true;
  authKey?: string;
  stateKey?: string;
}

export function register(program: Command): void {
  const command = program
    .command("distill")
    .description("from both ends' dumps (or sifted keys) to secret keys, both ends in this process")
    .requiredOption("--link <file>", "link description")
    .option("--alice <file>", `Alice's dump or preparation record; ${filePerDetector}`, oneMore)
    .option("--bob <file>", `Bob's dump; ${filePerDetector}`, oneMore)
    .option("--sifted-alice <file>", "instead of dumps: Alice's sifted key")
    .option("--sifted-bob <file>", "and Bob's, positions paired, opposite links flipped")
    .addOption(new Option("--sifted-format <format>", "default by content").choices(["packed", "text01"]))
    .option("--bits <n>", "bits of the sifted keys", numberOption("--bits", { min: 0, integer: true }))
    .option("--statistics <file>", "the `input` of keylength without leak and tag_bits")
    .requiredOption("--out <folder>", "folder for alice/keys.jsonl, bob/keys.jsonl")
    .option(
      "--workers <n>",
      "worker threads, default one a core",
      numberOption("--workers", { min: 1, max: 256, integer: true }),
    )
    .option("--auth-key <file>", "authentication key file; absent: a random pool for the run")
    .option(
      "--state-key <file>",
      "key that encrypts prepared keys; absent: QKD_DISTILL_STATE_KEY or one made in state/",
    )
    .option("--strict", "warnings about dumps are errors")
    .option("--report", "also write report.html");
  followOption(command);
  answerWith(command, async (flags: Flags) => {
    const link = await readLink(flags.link);
    selfTest();
    const executor = new PoolExecutor(flags.workers ?? "auto");
    const interrupt = interruptSignal();
    try {
      const report = await runOn(executor, link, flags, interrupt.signal);
      if (flags.report) {
        // The plotting library is loaded only where somebody wants pictures.
        const { renderReport } = await import("../report/index.js");
        await writeWhole(join(flags.out, "report.html"), renderReport(reportModel(link, report)), 0o644);
      }
      return distillAnswer(report);
    } finally {
      interrupt.done();
      await executor.close();
    }
  });
}

async function runOn(executor: Executor, link: Link, flags: Flags, signal: AbortSignal): Promise<DistillReport> {
  const { alice, bob, siftedAlice, siftedBob, out } = flags;
  if (siftedAlice && siftedBob && !alice && !bob && flags.follow === undefined) {
    const how = {
      ...(flags.siftedFormat ? { format: flags.siftedFormat } : {}),
      ...(flags.bits === undefined ? {} : { bits: flags.bits }),
    };
    const statistics = flags.statistics ? ((await readJson(flags.statistics)) as Record<string, unknown>) : undefined;
    const keys = { alice: await readSifted(siftedAlice, how), bob: await readSifted(siftedBob, how) };
    return distillSifted(executor, { link, out, ...keys, ...(statistics ? { statistics } : {}) });
  }
  if (!alice || !bob || siftedAlice || siftedBob)
    throw new QkdError("USAGE_INVALID", "Give --alice and --bob, or --sifted-alice and --sifted-bob without --follow.");
  const follow = followed(flags);
  const lines = follow.follow ? blockLines(link) : undefined;
  const bar = progress("distill");
  try {
    const text = process.env.QKD_DISTILL_STATE_KEY;
    return await distill(executor, {
      link,
      alice,
      bob,
      out,
      signal,
      ...(flags.strict ? { strict: true } : {}),
      ...follow,
      ...(flags.authKey ? { authKey: flags.authKey } : {}),
      stateKey: { ...(flags.stateKey ? { file: flags.stateKey } : {}), ...(text ? { text } : {}) },
      ...(lines ? { onBlock: lines } : {}),
      onProgress: (end, done, total) => {
        if (end === "bob" && !lines) bar.update(done, total ?? done);
      },
    });
  } finally {
    bar.stop();
  }
}
