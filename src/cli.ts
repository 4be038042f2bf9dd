#!/usr/bin/env node
/** The command: one file a sub-command in cli/, loaded when asked for. */
import { Command, CommanderError } from "commander";
import { tellBrokenOutput } from "./cli/output.js";
import { QkdError } from "./errors.js";

const ends = () => import("./cli/ends.js");

/** Each module exports `register(program)`. Loaded all at once only for --help. */
const commands: Record<string, () => Promise<{ register(program: Command): void }>> = {
  demo: () => import("./cli/demo.js"),
  simulate: () => import("./cli/simulate.js"),
  inspect: () => import("./cli/inspect.js"),
  convert: () => import("./cli/convert.js"),
  distill: () => import("./cli/distill.js"),
  alice: ends,
  bob: ends,
  reconcile: () => import("./cli/reconcile.js"),
  keylength: () => import("./cli/keylength.js"),
  amplify: () => import("./cli/amplify.js"),
  audit: () => import("./cli/audit.js"),
  keypair: () => import("./cli/keypair.js"),
  pool: () => import("./cli/pool.js"),
  plan: () => import("./cli/plan.js"),
  bench: () => import("./cli/bench.js"),
};

async function main(args: string[]): Promise<void> {
  tellBrokenOutput();
  const program = new Command("qkd-distill")
    .description("QKD post-processing: raw detector dumps in, secret keys out")
    .exitOverride()
    .configureHelp({ sortSubcommands: false });
  const wanted = commands[args[0] ?? ""];
  const modules = await Promise.all((wanted ? [wanted] : [...new Set(Object.values(commands))]).map((load) => load()));
  for (const module of modules) module.register(program);
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof QkdError) process.stderr.write(`${error.code}: ${error.message}\n`);
    else if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
  }
}

await main(process.argv.slice(2));
