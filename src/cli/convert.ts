/** `qkd-distill convert INPUT OUTPUT`: a dump in another format, with what was lost. */
import type { Command } from "commander";
import { Option } from "commander";
import { convertDump } from "../dumps/convert.js";
import { writableFormats } from "../dumps/write/encoders.js";
import { QkdError } from "../errors.js";
import { type DumpFlags, dumpInput, dumpOptions, openOptions } from "./dump-options.js";
import { interruptSignal } from "./interrupt.js";
import { answerWith } from "./output.js";
import { progress } from "./progress.js";

const byExtension: Readonly<Record<string, string>> = { ptu: "ptu", csv: "csv" };

export function register(program: Command): void {
  const command = program
    .command("convert")
    .description("write a dump's events in another format; what that cannot hold is named")
    .argument("<input>", "dump, or - for standard input")
    .argument("<output>", "file to write; replaced if it exists")
    .addOption(
      new Option("--to <format>", "format to write, default by the name (.ptu, .csv)").choices(writableFormats),
    );
  dumpOptions(command);
  answerWith(command, async (input: string, output: string, flags: DumpFlags & { to?: string }) => {
    const to = flags.to ?? byExtension[/\.(\w+)$/.exec(output)?.[1]?.toLowerCase() ?? ""];
    if (!to)
      throw new QkdError("USAGE_INVALID", `${output} does not tell a format; name one with --to.`, { option: "--to" });
    if (output === "-")
      throw new QkdError("USAGE_INVALID", "convert writes a file; headers are completed at its end.", {
        option: "output",
      });
    const interrupt = interruptSignal();
    const bar = progress("convert");
    const onProgress = (done: number, total: number | undefined) => bar.update(done, total ?? done);
    try {
      const { signal } = interrupt;
      const result = await convertDump(dumpInput(input), output, to, { ...openOptions(flags), onProgress, signal });
      const { from, losses, warnings } = result;
      return {
        json: result,
        text: [
          `${from.events} events from ${from.file} (${from.format}), ${result.to.events} to ${output} (${to}, ${result.to.bytes} bytes)`,
          ...losses.map(({ what, count }) => `  lost: ${what} (${count})`),
          ...warnings.map(({ code, message }) => `  ${code}: ${message}`),
        ].join("\n"),
      };
    } finally {
      interrupt.done();
      bar.stop();
    }
  });
}
