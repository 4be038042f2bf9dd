/** `qkd-distill pool status|add FILE`: pads left in an authentication key file; more pre-shared key for it. */
import type { Command } from "commander";
import { QkdError } from "../errors.js";
import { addToPool, poolStatus } from "../keys/pool.js";
import { readBytes } from "./files.js";
import { answerWith } from "./output.js";

export function register(program: Command): void {
  const pool = program.command("pool").description("the authentication key pool");
  pool.exitOverride();
  const status = pool
    .command("status")
    .description("pads left, used and reserved, in each direction")
    .argument("<file>", "authentication key file");
  answerWith(status, async (file: string) => {
    const found = await poolStatus(file);
    return { json: { file, ...found }, text: describe(found) };
  });

  const add = pool
    .command("add")
    .description("append pre-shared random bytes; the same bytes at both ends, before either uses them")
    .argument("<file>", "authentication key file")
    .option("--from <file>", "file with the bytes; default: standard input");
  answerWith(add, async (file: string, { from }: { from?: string }) => {
    const more = from === undefined ? await standardInput() : await readBytes(from);
    const padsAdded = await addToPool(file, more);
    more.fill(0);
    const found = await poolStatus(file);
    return {
      json: { file, padsAdded, ...found },
      text: `${padsAdded} pads added to each direction\n${describe(found)}`,
    };
  });
}

function describe({ padsLeft, padsUsed, padsReserved, linkPadsLeft }: Awaited<ReturnType<typeof poolStatus>>): string {
  const line = (name: string, key: "aliceToBob" | "bobToAlice") =>
    `${name}: ${padsLeft[key]} pads left (${padsReserved[key]} kept for closing messages), ${padsUsed[key]} used, ` +
    `${linkPadsLeft[key]} more from the link's output`;
  return [line("Alice → Bob", "aliceToBob"), line("Bob → Alice", "bobToAlice")].join("\n");
}

async function standardInput(): Promise<Uint8Array> {
  if (process.stdin.isTTY) throw new QkdError("USAGE_INVALID", "Give the bytes with --from FILE or on standard input.");
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return new Uint8Array(Buffer.concat(chunks));
}
