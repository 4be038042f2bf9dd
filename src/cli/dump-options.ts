/** Options of the commands that read dumps: what a file does not say of itself. */
import { type Command, Option } from "commander";
import { type DumpFormat, dumpFormats, type OpenOptions, type TimeUnit } from "../dumps/types.js";
import { numberOption } from "./output.js";

export interface DumpFlags {
  format?: DumpFormat | "auto";
  strict?: boolean;
  columns?: string;
  unit?: TimeUnit;
  tickPs?: number;
  referencePeriodPs?: number;
  follow?: number | true;
}

const defaultIdleSeconds = 10;

export function dumpOptions(command: Command): Command {
  return followOption(command)
    .addOption(new Option("--format <format>", "format, default by content").choices(["auto", ...dumpFormats]))
    .option("--strict", "warnings of the class `warn or error` are errors")
    .option("--columns <names>", "csv: columns in order, as time,channel; parquet, hdf5: names of those two")
    .addOption(new Option("--unit <unit>", "unit of times that the format does not say").choices(["ps", "ns", "s"]))
    .option(
      "--tick-ps <ps>",
      "qutag, qutag_raw, u64: length of a tick where it is not 1 ps (quTAU: 80.955)",
      numberOption("--tick-ps", { min: 1e-6, max: 1e12 }),
    )
    .option(
      "--reference-period-ps <ps>",
      "idq_pairs: period of the reference channel",
      numberOption("--reference-period-ps", { min: 1 }),
    );
}

export const filePerDetector = "again for each further file, one per detector: channels 0, 1, … in that order";

/** What a repeated option has collected. */
export function oneMore(file: string, before: readonly string[] = []): readonly string[] {
  return [...before, file];
}

export function followOption(command: Command): Command {
  return command.option(
    "--follow [seconds]",
    `the file still grows: end once it has been quiet for so long (default ${defaultIdleSeconds} s)`,
    numberOption("--follow", { min: 0, max: 86_400 }),
  );
}

export function followed({ follow }: Pick<DumpFlags, "follow">): { follow?: { idleSeconds: number } } {
  return follow === undefined ? {} : { follow: { idleSeconds: follow === true ? defaultIdleSeconds : follow } };
}

export function openOptions(flags: DumpFlags): OpenOptions {
  const { format, strict, columns, unit, tickPs, referencePeriodPs } = flags;
  return {
    ...(format ? { format } : {}),
    ...(strict ? { strict } : {}),
    ...(columns ? { columns: columns.split(",").map((name) => name.trim()) } : {}),
    ...(unit ? { unit } : {}),
    ...(tickPs === undefined ? {} : { tickPs }),
    ...(referencePeriodPs === undefined ? {} : { referencePeriodPs }),
    ...followed(flags),
  };
}

/** `-` is standard input. */
export function dumpInput(file: string): string | typeof process.stdin {
  return file === "-" ? process.stdin : file;
}
