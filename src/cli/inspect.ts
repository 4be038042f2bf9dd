/** `qkd-distill inspect FILE…`: what dumps hold. */
import type { Command } from "commander";
import { type Inspection, inspectDump } from "../dumps/inspect.js";
import { QkdError } from "../errors.js";
import { type DumpFlags, dumpInput, dumpOptions, openOptions } from "./dump-options.js";
import { inspectionText } from "./inspect-text.js";
import { answerWith } from "./output.js";
import { progress } from "./progress.js";

interface Flags extends DumpFlags {
  digest?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("inspect")
    .description("what detector dumps hold: format, counts, channels, times, warnings, digests")
    .argument("<files...>", "dump files, or - for standard input")
    .option("--digest", "SHA-256 over the events");
  dumpOptions(command);
  answerWith(command, async (files: string[], flags: Flags) => {
    const answers = [];
    for (const file of files) answers.push(await inspectOne(file, flags, files.length > 1));
    const failed = answers.some((answer) => "error" in answer);
    return {
      json: files.length === 1 ? answers[0] : answers,
      text: answers.map(asText).join("\n\n"),
      exitCode: failed ? 1 : 0,
    };
  });
}

async function inspectOne(
  file: string,
  flags: Flags,
  several: boolean,
): Promise<Inspection | { file: string; error: QkdError }> {
  const bar = progress(file);
  const onProgress = (done: number, total: number | undefined) => bar.update(done, total ?? done);
  try {
    return await inspectDump(dumpInput(file), {
      ...openOptions(flags),
      ...(flags.digest ? { digest: true } : {}),
      onProgress,
    });
  } catch (error) {
    if (several && error instanceof QkdError) return { file, error };
    throw error;
  } finally {
    bar.stop();
  }
}

function asText(answer: Inspection | { file: string; error: QkdError }): string {
  if (!("error" in answer)) return inspectionText(answer);
  const { code, message } = answer.error as QkdError;
  return `${answer.file}\n  ${code}: ${message}`;
}
