/** `qkd-distill inspect FILE…`: what dumps hold. */
import { type Command, Option } from "commander";
import { type Inspection, inspectDump } from "../dumps/inspect.js";
import { type DumpFormat, dumpFormats, type OpenOptions } from "../dumps/types.js";
import { QkdError } from "../errors.js";
import { answerWith, numberOption } from "./output.js";
import { progress } from "./progress.js";

interface Flags {
  format?: DumpFormat | "auto";
  digest?: boolean;
  strict?: boolean;
  columns?: string;
  unit?: "ps" | "ns" | "s";
  referencePeriodPs?: number;
}

export function register(program: Command): void {
  const command = program
    .command("inspect")
    .description("what detector dumps hold: format, counts, channels, times, warnings, digests")
    .argument("<files...>", "dump files")
    .addOption(new Option("--format <format>", "format, default by content").choices(["auto", ...dumpFormats]))
    .option("--digest", "SHA-256 over the events")
    .option("--strict", "warnings of the class `warn or error` are errors")
    .option("--columns <names>", "CSV, Parquet, HDF5: columns in order, as time,channel")
    .addOption(new Option("--unit <unit>", "unit of times that the format does not say").choices(["ps", "ns", "s"]))
    .option(
      "--reference-period-ps <ps>",
      "idq_pairs: period of the reference channel",
      numberOption("--reference-period-ps", { min: 1 }),
    );
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
  const { columns, ...rest } = flags;
  const bar = progress(file);
  const options: OpenOptions & { digest?: boolean } = {
    ...rest,
    ...(columns ? { columns: columns.split(",").map((name) => name.trim()) } : {}),
    onProgress: (done, total) => bar.update(done, total ?? done),
  };
  try {
    return await inspectDump(file, options);
  } catch (error) {
    if (several && error instanceof QkdError) return { file, error };
    throw error;
  } finally {
    bar.stop();
  }
}

function asText(answer: Inspection | { file: string; error: QkdError }): string {
  if ("error" in answer)
    return `${answer.file}\n  ${(answer.error as QkdError).code}: ${(answer.error as QkdError).message}`;
  const seconds = Number(answer.durationPs) / 1e12;
  const rate = (count: number) => (seconds > 0 ? `${(count / seconds).toFixed(1)} /s` : "");
  const lines = [
    `${answer.file}`,
    `  format       ${answer.format}${answer.recordType ? ` (${String(answer.recordType)})` : ""}`,
    `  records      ${answer.records}  (${answer.overflowRecords} overflow records, ${answer.overflowPeriods} periods)`,
    `  events       ${answer.events}  (${answer.photons} photons, ${answer.markers} markers)`,
    `  time         ${seconds.toFixed(6)} s, from ${answer.firstPs} ps, tick ${answer.resolutionPs} ps`,
    `  backward     ${answer.outOfOrderSteps} steps`,
    ...Object.entries(answer.channels).map(
      ([code, count]) => `  channel ${code.padStart(3)}  ${count}  ${rate(count)}`,
    ),
    ...answer.warnings.map(({ code, message }) => `  ${code}: ${message}`),
  ];
  for (const name of ["digest", "digestPhotons", "digestT3"])
    if (answer[name]) lines.push(`  ${name.padEnd(15)}${String(answer[name])}`);
  return lines.join("\n");
}
