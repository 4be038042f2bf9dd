/** `qkd-distill keylength FILE.json`: the key length of each request in the file with every term; errors as answers. */
import type { Command } from "commander";
import { z } from "zod";
import { QkdError } from "../errors.js";
import { secretKeyLength } from "../security/index.js";
import { readJson } from "./files.js";
import { answerWith } from "./output.js";

const requests = z.array(
  z.object({ id: z.string().optional(), proof: z.string(), input: z.record(z.string(), z.unknown()) }),
);
type Request = z.output<typeof requests>[number];

export function register(program: Command): void {
  const command = program
    .command("keylength")
    .description("secret key length from counts, with every term")
    .argument("<file>", "JSON array of {id?, proof, input}, fields as in README");
  answerWith(command, async (file: string) => {
    const parsed = requests.safeParse(await readJson(file));
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0]!;
      throw new QkdError("USAGE_INVALID", `${file} is no array of {id?, proof, input}: ${path.join(".")} ${message}.`);
    }
    const json = parsed.data.map(answerTo);
    return { json, text: json.map((row, i) => describe(parsed.data[i]!, row)).join("\n\n") };
  });
}

function answerTo({ id, proof, input }: Request): Record<string, unknown> {
  const name = id === undefined ? {} : { id };
  try {
    return { ...name, ...secretKeyLength({ proof, input }) };
  } catch (error) {
    if (error instanceof QkdError) return { ...name, error };
    throw error;
  }
}

function describe({ id, proof }: Request, row: Record<string, unknown>): string {
  const title = `${id ?? proof}: `;
  if (row.error instanceof QkdError) return `${title}${row.error.code}: ${row.error.message}`;
  const { ell, phi, reason, terms } = row as { ell?: number; phi: number; reason?: string; terms: object };
  const length = ell === undefined ? "" : `${ell} secret bits${reason ? ` (${reason})` : ""}, `;
  const lines = Object.entries(terms).map(([name, value]) => `  ${name.padEnd(20)} ${[value].flat().join("  ")}`);
  return [`${title}${length}phase error at most ${phi}`, ...lines].join("\n");
}
