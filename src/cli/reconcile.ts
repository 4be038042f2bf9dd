/** `qkd-distill reconcile`: two sifted keys in files, both ends in this process. */
import { type Command, Option } from "commander";
import { type PairOptions, reconcilePair } from "../stages/reconcile/pair.js";
import { PoolExecutor } from "../workers/executor.js";
import { answerWith, numberOption } from "./output.js";
import { readSifted, type SiftedFormat } from "./sifted.js";

interface Flags extends Pick<PairOptions, "method" | "mode" | "accounting"> {
  alice: string;
  bob: string;
  bits?: number;
  siftedFormat?: SiftedFormat;
  qber?: number;
  workers?: number;
}

export function register(program: Command): void {
  const command = program
    .command("reconcile")
    .description("reconcile two sifted keys in files; every disclosed bit is counted")
    .requiredOption("--alice <file>", "Alice's sifted key")
    .requiredOption("--bob <file>", "Bob's sifted key")
    .option("--bits <n>", "bits to take of each file", numberOption("--bits", { min: 0, integer: true }))
    .addOption(new Option("--sifted-format <format>", "default by content").choices(["packed", "text01"]))
    .option(
      "--qber <q>",
      "expected error rate; absent: from a sample, counted",
      numberOption("--qber", { min: 0, max: 0.5 }),
    )
    .addOption(new Option("--method <method>").choices(["ldpc", "cascade", "auto"]).default("ldpc"))
    .addOption(new Option("--mode <mode>").choices(["throughput", "efficiency", "auto"]).default("auto"))
    .addOption(new Option("--accounting <accounting>").choices(["one-way", "pattern-public"]))
    .option(
      "--workers <n>",
      "worker threads, default one a core",
      numberOption("--workers", { min: 1, max: 256, integer: true }),
    );
  answerWith(command, async ({ alice, bob, bits, siftedFormat, workers, ...options }: Flags) => {
    const how = { ...(siftedFormat ? { format: siftedFormat } : {}), ...(bits === undefined ? {} : { bits }) };
    const [a, b] = [await readSifted(alice, how), await readSifted(bob, how)];
    const executor = new PoolExecutor(workers ?? "auto");
    try {
      await executor.ready();
      const { alice: _a, bob: _b, ...json } = await reconcilePair(executor, { alice: a, bob: b, ...options });
      const text = [
        `${json.bits} bits, ${json.errors} differ (QBER ${(json.qber * 100).toFixed(3)} %)`,
        `disclosed ${json.leakedBits} bits: ${Object.entries(json.leak)
          .map(([why, n]) => `${why} ${n}`)
          .join(", ")}`,
        `efficiency f = ${json.efficiency.toFixed(4)}, ${json.accounting}; ${json.frames} frames, ${json.framesFailed} revealed whole`,
        `${json.rounds} rounds, ${json.mbitPerSecond.toFixed(1)} Mbit/s; ${json.reconciled ? "equal" : "NOT RECONCILED"}`,
      ].join("\n");
      return { json, text };
    } finally {
      await executor.close();
    }
  });
}
