/** Both ends in this process: two parties over a stream in memory, each with its own half of the data (engine.distill). */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type Authenticator, PadAuthenticator } from "./channel/authentication.js";
import type { ConnectionOptions } from "./channel/connection.js";
import { duplexPair } from "./channel/duplex-pair.js";
import type { Transport } from "./channel/tcp.js";
import type { Role } from "./channel/types.js";
import { checkFiles, type DumpFiles, dumpIdentity, endData } from "./end-data.js";
import { QkdError } from "./errors.js";
import { LineFile } from "./keys/durable.js";
import { JsonlSink } from "./keys/jsonl-sink.js";
import { AuthKeyPool } from "./keys/pool.js";
import { passingSignatures, signatures } from "./keys/sign-key.js";
import { openStateFolder } from "./keys/state-folder.js";
import { linkDigests } from "./link/digests.js";
import { ownReading } from "./link/end.js";
import type { Link } from "./link.js";
import { systemRandom } from "./random.js";
import { type DistillReport, mergeReports } from "./report/distill-report.js";
import type { BlockRow } from "./report/rows.js";
import { type PartyReport, runParty } from "./session/party-run.js";
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
  readonly stateKey?: { file?: string; text?: string };
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
        transport: once(stream),
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
  readonly transport: Transport;
  /** Authentication key: a file, or what both ends of a run in one process share. */
  readonly authKey?: string | Uint8Array | Authenticator;
  /** Private key file, where the link authenticates by signatures. */
  readonly signKey?: string;
  readonly waitSeconds?: number;
  readonly connection?: ConnectionOptions;
  readonly strict?: boolean;
  /** The dump still grows. */
  readonly follow?: { readonly idleSeconds: number };
  readonly stateKey?: { file?: string; text?: string };
  readonly signal?: AbortSignal;
  readonly log?: (event: string, details: Readonly<Record<string, unknown>>) => void;
  readonly onBlock?: (row: BlockRow) => void;
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** One end with its files under `out`: keys, audit, state. */
export async function runEnd(executor: Executor, role: Role, options: EndOptions): Promise<PartyReport> {
  const { link, out, dump, signal } = options;
  const follow = options.follow && { ...options.follow, ...(signal ? { signal } : {}), signalFails: true };
  checkFiles(role, link, dump, follow);
  const folder = join(out, role);
  await mkdir(folder, { recursive: true });
  const reading = ownReading(link[role]);
  const identity = JSON.stringify({
    link: linkDigests(link),
    dump: await dumpIdentity(dump, follow),
    ...(Object.keys(reading).length > 0 ? { reading } : {}),
  });
  const open: { close(): Promise<void> }[] = [];
  const opened = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const one = await opening;
    open.push(one);
    return one;
  };
  const { strict = false, onProgress } = options;
  try {
    const { state, marksCopy } = await opened(openStateFolder(out, role, identity, options.stateKey ?? {}, signal));
    const sink = await opened(JsonlSink.open(join(folder, "keys.jsonl")));
    const audit = await opened(LineFile.open(join(folder, "audit.jsonl")));
    const { authenticator, pool } = await authenticatorOf(role, options, marksCopy);
    if (pool) open.push(pool);
    return await runParty({
      role,
      link,
      data: () =>
        endData(role, link, dump, { strict, ...(follow ? { follow } : {}), ...(onProgress ? { onProgress } : {}) }),
      transport: options.transport,
      authenticator,
      state,
      sink,
      executor,
      ...(signal ? { signal } : {}),
      growing: follow !== undefined,
      ...(options.waitSeconds === undefined ? {} : { waitSeconds: options.waitSeconds }),
      ...(options.connection ? { connection: options.connection } : {}),
      ...(options.log ? { log: options.log } : {}),
      ...(options.onBlock ? { onBlock: options.onBlock } : {}),
      onAudit: (record) => audit.append([JSON.stringify(record)]),
    });
  } finally {
    for (const one of open.reverse()) await one.close();
  }
}

/** @throws QkdError USAGE_INVALID where the option for the link's mode is missing */
async function authenticatorOf(
  role: Role,
  { link, authKey, signKey }: EndOptions,
  marksCopy: string,
): Promise<{ authenticator: Authenticator; pool?: AuthKeyPool }> {
  const { mode } = link.authentication;
  if (typeof authKey === "object" && !(authKey instanceof Uint8Array)) return { authenticator: authKey };
  if (mode === "computational-ed25519") {
    if (authKey !== undefined || signKey === undefined)
      throw new QkdError("USAGE_INVALID", `The link authenticates by ${mode}: give --sign-key and no --auth-key.`);
    return { authenticator: await signatures(link, role, signKey) };
  }
  if (authKey === undefined || signKey !== undefined)
    throw new QkdError("USAGE_INVALID", `The link authenticates by ${mode}: give --auth-key and no --sign-key.`);
  const pool =
    typeof authKey === "string"
      ? await AuthKeyPool.open(authKey, role, marksCopy)
      : AuthKeyPool.inMemory(authKey, role);
  return { authenticator: new PadAuthenticator(pool), pool };
}

function once(stream: Duplex): Transport {
  return {
    async serve(take) {
      await take(stream);
    },
  };
}
