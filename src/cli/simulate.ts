/** `qkd-distill simulate`: both ends' dumps of a simulated link, `link.json` for distill and `truth.json` to compare. */
import type { Command } from "commander";
import { parseLink } from "../link.js";
import { simulate } from "../simulate/index.js";
import { readJson } from "./files.js";
import { answerWith, numberOption } from "./output.js";
import { progress } from "./progress.js";

interface Options {
  readonly link: string;
  readonly seconds: number;
  readonly seed: number;
  readonly out: string;
}

export function register(program: Command): void {
  const command = program
    .command("simulate")
    .description("simulate a link into instrument files; the same seed gives the same bytes")
    .requiredOption("--link <file>", "link description; its `simulation` section holds the physics")
    .requiredOption("--seconds <s>", "length of the acquisition", numberOption("--seconds", { min: 1e-6, max: 8000 }))
    .requiredOption("--seed <n>", "seed, a whole number", numberOption("--seed", { min: 0, integer: true }))
    .requiredOption("--out <folder>", "folder for alice.*, bob.*, link.json, truth.json");
  answerWith(command, async ({ link: path, seconds, seed, out }: Options) => {
    const link = parseLink(await readJson(path), path);
    const bar = progress("simulate");
    const startedAt = performance.now();
    try {
      const result = await simulate(link, { seconds, seed, out, onProgress: bar.update });
      const elapsed = (performance.now() - startedAt) / 1000;
      const { files, formats, events, truth } = result;
      return {
        json: { link: link.name, protocol: link.protocol, files, formats, events, truth, elapsedSeconds: elapsed },
        text: [
          `Simulated ${seconds} s of ${link.name} (${link.protocol}, seed ${seed}) in ${elapsed.toFixed(1)} s.`,
          `  alice  ${files.alice}  ${formats.alice}, ${events.alice} ${link.protocol === "bbm92" ? "events" : "pulses"}`,
          `  bob    ${files.bob}  ${formats.bob}, ${events.bob} events`,
          `  link   ${files.link}  for: qkd-distill distill --link ${files.link} --alice ${files.alice} --bob ${files.bob} --out DIR`,
          `  truth  ${files.truth}  never read by the pipeline`,
        ].join("\n"),
      };
    } finally {
      bar.stop();
    }
  });
}
