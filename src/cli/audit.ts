/** `qkd-distill audit FILE`: every block's key length recomputed from its record; exit 1 where one differs. */
import type { Command } from "commander";
import { parseAudit, recompute } from "../security/audit.js";
import { readBytes } from "./files.js";
import { answerWith } from "./output.js";

export function register(program: Command): void {
  const command = program
    .command("audit")
    .description("recompute every block's key length from an audit file")
    .argument("<file>", "audit.jsonl of a run");
  answerWith(command, async (file: string) => {
    const records = parseAudit(new TextDecoder().decode(await readBytes(file)), file);
    const blocks = records.map(recompute);
    const wrong = blocks.filter(({ same }) => !same);
    const lines = blocks.map(
      ({ index, secretBits, difference }) => `block ${index}: ${secretBits} secret bits, ${difference ?? "the same"}`,
    );
    return {
      json: { blocks },
      text: [...lines, `${blocks.length} blocks, ${wrong.length} differ`].join("\n"),
      exitCode: wrong.length > 0 ? 1 : 0,
    };
  });
}
