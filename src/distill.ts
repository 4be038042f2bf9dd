/** Both ends in this process: two parties over a stream in memory, each with its own half of the data (engine.distill). */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Authenticator } from "./channel/authentication.js";
import type { ConnectionOptions } from "./channel/connection.js";
import { duplexPair } from "./channel/duplex-pair.js";
import type { Transport } from "./channel/tcp.js";
import type { Role } from "./channel/types.js";
import type { DumpFiles } from "./end-data.js";
import { QkdError } from "./errors.js";
import { LineFile } from "./keys/durable.js";
import { JsonlSink } from "./keys/jsonl-sink.js";
import type { StateKey } from "./keys/prepared-store.js";
import { passingSignatures } from "./keys/sign-key.js";
import type { Link } from "./link.js";
import { OwnEnd } from "./own-end.js";
import { systemRandom } from "./random.js";
import { type DistillReport, mergeReports } from "./report/distill-report.js";
import type { BlockRow } from "./report/rows.js";
import type { PartyReport } from "./session/party-run.js";
import type { Executor } from "./workers/executor.js";

export interface DistillOptions {
  readonly link: Link;
  /** Dump files, Alice's a preparation record where the link has a source; several of an end: one for each channel. */
  readonly alice: DumpFiles;
  readonly bob: DumpFiles;
  /** Folder for DIR/alice, DIR/bob, DIR/state. */
  readonly out: string;
  readonly strict?: boolean;
  /**
   * The dumps still grow: each has ended once it was quiet for so long. `signal` then ends the run with a report, blocks
   * under way finished.
   */
  readonly follow?: { readonly idleSeconds: number };
  /** Authentication key files of both ends; absent: a random pool for the run. */
  readonly authKey?: string;
  readonly stateKey?: StateKey;
  readonly signal?: AbortSignal;
  readonly onBlock?: (row: BlockRow) => void;
  readonly onProgress?: (end: Role, done: number, total: number | undefined) => void;
}

const poolBytes = 1 << 20;

export async function distill(executor: Executor, options: DistillOptions): Promise<DistillReport> {
  const began = performance.now();
  const pool = systemRandom(poolBytes);
  const passing = options.link.authentication.mode === "computational-ed25519" ? passingSignatures() : undefined;
  if (passing && options.authKey)
    throw new QkdError("USAGE_INVALID", "The link authenticates by signatures; it takes no --auth-key.");
  const [toBob, toAlice] = duplexPair();
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const end = async (role: Role, stream: Duplex) => {
    try {
      const { link, out, authKey, strict, follow, stateKey, onBlock, onProgress } = options;
      return await runEnd(executor, role, {
        link,
        out,
        dump: options[role],
        transport: stream,
        authKey: passing?.[role] ?? authKey ?? pool,
        signal,
        // Both ends share this thread: silence means that it is busy.
        waitSeconds: 86_400,
        connection: { silenceMs: 86_400_000, heartbeatMs: 60_000 },
        ...(strict ? { strict } : {}),
        ...(follow ? { follow } : {}),
        ...(stateKey ? { stateKey } : {}),
        ...(role === "bob" && onBlock ? { onBlock } : {}),
        ...(onProgress ? { onProgress: (done, total) => onProgress(role, done, total) } : {}),
      });
    } catch (error) {
      stream.destroy();
      stop.abort();
      throw error;
    }
  };
  const [alice, bob] = await settled(end("alice", toBob), end("bob", toAlice));
  pool.fill(0);
  return mergeReports(options.link, alice, bob, (performance.now() - began) / 1000);
}

/** Where both fail, the first failure that is no mere echo of the other end's: of its connection that went away. */
async function settled(alice: Promise<PartyReport>, bob: Promise<PartyReport>): Promise<[PartyReport, PartyReport]> {
  const failures: unknown[] = [];
  const note = (error: unknown) => {
    failures.push(error);
    throw error;
  };
  const [a, b] = await Promise.allSettled([alice.catch(note), bob.catch(note)]);
  if (failures.length > 0) throw failures.find((error) => !isEcho(error)) ?? failures[0];
  return [(a as PromiseFulfilledResult<PartyReport>).value, (b as PromiseFulfilledResult<PartyReport>).value];
}

function isEcho(error: unknown): boolean {
  return (
    error instanceof QkdError && ["CHANNEL_PEER_ABSENT", "CHANNEL_CLOSED", "ENGINE_CANCELLED"].includes(error.code)
  );
}

export interface EndOptions {
  readonly link: Link;
  readonly dump: DumpFiles;
  readonly out: string;
  readonly transport: Duplex | Transport;
  /** Authentication key: a file, or what both ends of a run in one process share. */
  readonly authKey?: string | Uint8Array | Authenticator;
  /** Private key file, where the link authenticates by signatures. */
  readonly signKey?: string;
  readonly waitSeconds?: number;
  readonly connection?: ConnectionOptions;
  readonly strict?: boolean;
  /** The dump still grows. */
  readonly follow?: { readonly idleSeconds: number };
  readonly stateKey?: StateKey;
  readonly signal?: AbortSignal;
  readonly log?: (event: string, details: Readonly<Record<string, unknown>>) => void;
  readonly onBlock?: (row: BlockRow) => void;
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** One end with its files under `out`: keys, audit, state. */
export async function runEnd(executor: Executor, role: Role, options: EndOptions): Promise<PartyReport> {
  const { out, dump, transport, strict, follow, onProgress, ...rest } = options;
  const data = {
    dump,
    ...(strict ? { strict } : {}),
    ...(follow ? { follow } : {}),
    ...(onProgress ? { onProgress } : {}),
  };
  const end = new OwnEnd(executor, { ...rest, role, data, channel: transport, state: out });
  return end.run(async () => {
    const folder = join(out, role);
    await mkdir(folder, { recursive: true });
    const sink = await JsonlSink.open(join(folder, "keys.jsonl"));
    try {
      const audit = await LineFile.open(join(folder, "audit.jsonl"));
      return {
        sink,
        onAudit: (record) => audit.append([JSON.stringify(record)]),
        close: async () => {
          await audit.close();
          await sink.close();
        },
      };
    } catch (error) {
      await sink.close();
      throw error;
    }
  });
}
