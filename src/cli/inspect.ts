/** `qkd-distill inspect FILE…`: what dumps hold. */
import type { Command } from "commander";
import { type Inspection, inspectDump } from "../dumps/inspect.js";
import { QkdError } from "../errors.js";
import { type DumpFlags, dumpInput, dumpOptions, openOptions } from "./dump-options.js";
import { writeWhole } from "./files.js";
import { inspectionText } from "./inspect-text.js";
import { interruptSignal } from "./interrupt.js";
import { answerWith } from "./output.js";
import { progress } from "./progress.js";

interface Flags extends DumpFlags {
  digest?: boolean;
  report?: string | true;
}

export function register(program: Command): void {
  const command = program
    .command("inspect")
    .description(
      "what detector dumps hold: counts, rates, intervals, dead times, afterpulses, gaps, a part of the link file",
    )
    .argument("<files...>", "dump files, or - for standard input")
    .option("--digest", "SHA-256 over the events")
    .option("--report [file]", "also write a page with plots, default inspect.html", reportName);
  dumpOptions(command);
  answerWith(command, async (files: string[], flags: Flags) => {
    const answers: Answered[] = [];
    const interrupt = interruptSignal();
    const { signal } = interrupt;
    try {
      for (const file of files)
        if (!signal.aborted) answers.push(await inspectOne(file, flags, files.length > 1, signal));
    } finally {
      interrupt.done();
    }
    if (flags.report) await writeReport(flags.report === true ? "inspect.html" : flags.report, answers);
    const failed = answers.some((answer) => "error" in answer);
    return {
      json: files.length === 1 ? answers[0] : answers,
      text: answers.map(asText).join("\n\n"),
      exitCode: signal.aborted ? 130 : failed ? 1 : 0,
    };
  });
}

type Answered = Inspection | { file: string; error: QkdError };

/** Another name could be a dump that the option swallowed. @throws QkdError USAGE_INVALID */
function reportName(name: string): string {
  if (/\.html?$/i.test(name)) return name;
  throw new QkdError("USAGE_INVALID", `--report: ${name} is no .html file; put the option behind the dumps.`, {
    option: "--report",
  });
}

async function writeReport(path: string, answers: readonly Answered[]): Promise<void> {
  // The plotting library is loaded only where somebody wants pictures.
  const { renderInspections } = await import("../report/inspect-page.js");
  const found = answers.filter((answer): answer is Inspection => !("error" in answer));
  const failed = answers.flatMap((answer) =>
    "error" in answer ? [{ file: answer.file, reason: (answer.error as QkdError).message }] : [],
  );
  await writeWhole(path, renderInspections(found, failed), 0o644);
}

async function inspectOne(file: string, flags: Flags, several: boolean, signal: AbortSignal): Promise<Answered> {
  const bar = progress(file);
  const onProgress = (done: number, total: number | undefined) => bar.update(done, total ?? done);
  try {
    return await inspectDump(dumpInput(file), {
      ...openOptions(flags),
      ...(flags.digest ? { digest: true } : {}),
      onProgress,
      signal,
    });
  } catch (error) {
    if (several && error instanceof QkdError) return { file, error };
    throw error;
  } finally {
    bar.stop();
  }
}

function asText(answer: Answered): string {
  if (!("error" in answer)) return inspectionText(answer);
  const { code, message } = answer.error as QkdError;
  return `${answer.file}\n  ${code}: ${message}`;
}
