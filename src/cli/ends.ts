/** `qkd-distill alice` and `qkd-distill bob`: one end in its own process, over TCP, mutual TLS when files are given. */
import type { Command } from "commander";
import { calling, listening, parseAddress, type TlsFiles, type Transport } from "../channel/tcp.js";
import type { Role } from "../channel/types.js";
import { runEnd } from "../distill.js";
import { QkdError } from "../errors.js";
import { mergeReports } from "../report/distill-report.js";
import { selfTest } from "../security/self-test.js";
import { PoolExecutor } from "../workers/executor.js";
import { distillAnswer } from "./distill-text.js";
import { filePerDetector, followed, followOption, oneMore } from "./dump-options.js";
import { readBytes } from "./files.js";
import { interruptSignal } from "./interrupt.js";
import { readLink } from "./link-file.js";
import { answerWith, numberOption } from "./output.js";
import { blockLines, progress } from "./progress.js";

interface Flags {
  link: string;
  dump: readonly string[];
  listen?: string;
  connect?: string;
  authKey?: string;
  signKey?: string;
  out: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsCa?: string;
  wait: number;
  workers?: number;
  stateKey?: string;
  strict?: boolean;
  follow?: number | true;
}

export function register(program: Command): void {
  for (const role of ["alice", "bob"] as const) {
    const command = program
      .command(role)
      .description(`${role === "alice" ? "Alice's" : "Bob's"} end in its own process; started again it goes on`)
      .requiredOption("--link <file>", "link description, the same at both ends")
      .requiredOption(
        "--dump <file>",
        `${role === "alice" ? "her dump or preparation record" : "his dump"}; ${filePerDetector}`,
        oneMore,
      )
      .option("--listen <host:port>", "wait for the peer here")
      .option("--connect <host:port>", "or call it there")
      .option("--auth-key <file>", "authentication key file, the same at both ends")
      .option("--sign-key <file>", "where the link says computational-ed25519: this end's private key, of `keypair`")
      .requiredOption("--out <folder>", `folder for ${role}/keys.jsonl, ${role}/audit.jsonl and state/`)
      .option("--tls-cert <file>", "TLS 1.3, mutual: certificate")
      .option("--tls-key <file>", "its key")
      .option("--tls-ca <file>", "authority of the peer's certificate")
      .option(
        "--wait <seconds>",
        "give up after this long without progress",
        numberOption("--wait", { min: 1, max: 86_400 }),
        60,
      )
      .option(
        "--workers <n>",
        "worker threads, default one a core",
        numberOption("--workers", { min: 1, max: 256, integer: true }),
      )
      .option(
        "--state-key <file>",
        "key that encrypts prepared keys; absent: QKD_DISTILL_STATE_KEY or one made in state/",
      )
      .option("--strict", "warnings about dumps are errors");
    followOption(command);
    answerWith(command, (flags: Flags) => runRole(role, flags));
  }
}

async function runRole(role: Role, flags: Flags) {
  const began = performance.now();
  const transport = await transportOf(flags);
  const link = await readLink(flags.link);
  selfTest();
  const executor = new PoolExecutor(flags.workers ?? "auto");
  const interrupt = interruptSignal();
  const bar = progress(role);
  const follow = followed(flags);
  const lines = follow.follow ? blockLines(link) : undefined;
  try {
    const text = process.env.QKD_DISTILL_STATE_KEY;
    const report = await runEnd(executor, role, {
      link,
      dump: flags.dump,
      out: flags.out,
      transport,
      ...(flags.authKey === undefined ? {} : { authKey: flags.authKey }),
      ...(flags.signKey === undefined ? {} : { signKey: flags.signKey }),
      waitSeconds: flags.wait,
      strict: flags.strict ?? false,
      ...follow,
      signal: interrupt.signal,
      stateKey: { ...(flags.stateKey ? { file: flags.stateKey } : {}), ...(text ? { text } : {}) },
      log: (event, details) => process.stderr.write(`${role}: ${event} ${JSON.stringify(details)}\n`),
      ...(lines ? { onBlock: lines } : {}),
      onProgress: (done, total) => {
        if (!lines) bar.update(done, total ?? done);
      },
    });
    const seconds = (performance.now() - began) / 1000;
    const merged =
      role === "alice"
        ? mergeReports(link, report, undefined, seconds)
        : mergeReports(link, undefined, report, seconds);
    return distillAnswer(merged);
  } finally {
    bar.stop();
    interrupt.done();
    await executor.close();
  }
}

async function transportOf({ listen, connect, tlsCert, tlsKey, tlsCa }: Flags): Promise<Transport> {
  const tls = await tlsFiles(tlsCert, tlsKey, tlsCa);
  if (listen && !connect) return listening(parseAddress(listen), tls);
  if (connect && !listen) return calling(parseAddress(connect), tls);
  throw new QkdError("USAGE_INVALID", "Give either --listen or --connect.");
}

async function tlsFiles(cert?: string, key?: string, ca?: string): Promise<TlsFiles | undefined> {
  if (!cert && !key && !ca) return undefined;
  if (!cert || !key || !ca) throw new QkdError("USAGE_INVALID", "TLS needs --tls-cert, --tls-key and --tls-ca.");
  return { cert: await readBytes(cert), key: await readBytes(key), ca: await readBytes(ca) };
}
