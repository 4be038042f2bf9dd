/**
 * One end of a link as the library and the commands run it (CONTRACT.md, `engine.party`): its data, a channel to the
 * peer, its authentication key, where it remembers, and where keys go.
 */
import type { Duplex } from "node:stream";
import { BitString } from "./bits.js";
import type { LockedSource, OwnData, RawBlock } from "./block-source.js";
import { type Authenticator, PadAuthenticator } from "./channel/authentication.js";
import type { Transport } from "./channel/tcp.js";
import type { Role } from "./channel/types.js";
import type { TagBatch } from "./dumps/types.js";
import { checkFiles, type DumpFiles, dumpIdentity, endData } from "./end-data.js";
import { QkdError } from "./errors.js";
import { MemoryJournal } from "./keys/journal.js";
import { AuthKeyPool } from "./keys/pool.js";
import { MemoryPrepared, type StateKey } from "./keys/prepared-store.js";
import { signatures } from "./keys/sign-key.js";
import { openStateFolder } from "./keys/state-folder.js";
import { linkDigests } from "./link/digests.js";
import { ownReading } from "./link/end.js";
import type { Link } from "./link.js";
import { checkedRandom } from "./random.js";
import { type PartyReport, type RunOptions, runParty } from "./session/party-run.js";
import { RunState, type StateRecord } from "./session/state.js";
import type { Executor } from "./workers/executor.js";

/** What an end has of a block whose slots the caller has matched: slot i is the same emission at both ends. */
export interface MatchedBlock {
  /** A bit a slot: 0 the key basis (Z), 1 the check basis (X). */
  readonly basis: BitString;
  readonly bit: BitString;
  /** 1: this end takes the slot out. */
  readonly vetoed?: BitString;
  /** Alice, where the link has a source: index of each slot's intensity. */
  readonly intensity?: Uint8Array;
  /** Where the link has a source: pulses emitted in the block. */
  readonly pulses?: number;
}

/** What one end has of an acquisition. `name`: started again in the same state folder with another name, it is refused. */
export type PartyData =
  | {
      /** Files; several: one for each detector. Alice's preparation record where the link has a source. */
      readonly dump: DumpFiles;
      /** Warnings about the dump are errors. */
      readonly strict?: boolean;
      /** The dump still grows: it has ended once it was quiet for so long. */
      readonly follow?: { readonly idleSeconds: number };
      /** Bytes read and, where known, in all. */
      readonly onProgress?: (done: number, total: number | undefined) => void;
    }
  | {
      /** Events in order of time, from the first on: asked for anew after a cut connection. */
      readonly events: () => AsyncIterable<TagBatch>;
      readonly name: string;
    }
  | {
      /** By number from 0 on, undefined behind the last; asked for again where a block is tried again. */
      readonly matched: (index: number) => Promise<MatchedBlock | undefined>;
      readonly name: string;
    };

export interface PartyOptions
  extends Pick<
    RunOptions,
    "role" | "link" | "sink" | "random" | "waitSeconds" | "connection" | "signal" | "onAudit" | "onBlock" | "log"
  > {
  readonly data: PartyData;
  /** A connected stream, which serves one connection, or what connects again after a cut: `listening`, `calling`. */
  readonly channel: Duplex | Transport;
  /** Pre-shared key: a file (which needs `state`), its bytes, or a pool, which stays the caller's to close. */
  readonly authKey?: string | Uint8Array | AuthKeyPool | Authenticator;
  /** In its place, where the link authenticates by signatures: file of the private key. */
  readonly signKey?: string;
  /**
   * Folder in which the end remembers, durably, what became of each block, and keeps prepared keys, encrypted: started
   * again it goes on. One run at a time. Absent: in memory, for as long as the `Party` lives.
   */
  readonly state?: string;
  /** Encrypts prepared keys; absent: a key made in the state folder. */
  readonly stateKey?: StateKey;
}

/** Where a run's keys and audit go. */
export interface Outputs extends Pick<PartyOptions, "sink" | "onAudit"> {
  close(): Promise<void>;
}

/** Remembers in memory where no folder is named. */
export class OwnEnd {
  private readonly memory = new RunState(new MemoryJournal<StateRecord>(), new MemoryPrepared());

  constructor(
    private readonly executor: Executor,
    private readonly options: Omit<PartyOptions, "sink" | "onAudit">,
  ) {}

  /**
   * @param outputs opened once the state folder is this run's
   * @throws QkdError as the run fails: USAGE_INVALID, INTERRUPTED, CHANNEL_*, AUTH_*, DUMP_*, LINK_*, STATE_*, FILE_*
   */
  async run(outputs: () => Promise<Outputs>): Promise<PartyReport> {
    const { role, link, data, channel, signal, random } = this.options;
    check(this.options);
    const open: { close(): Promise<void> }[] = [];
    try {
      const folder = await this.folder();
      if (folder) open.push(folder);
      const { sink, onAudit, close } = await outputs();
      open.push({ close });
      const { authenticator, pool } = await authenticatorOf(this.options, folder?.marksCopy);
      if (pool) open.push(pool);
      const follow = followOf(data, signal);
      return await runParty({
        role,
        link,
        data: () => opened(role, link, data, follow),
        transport: "serve" in channel ? channel : once(channel),
        authenticator,
        state: folder?.state ?? this.memory,
        sink,
        executor: this.executor,
        growing: follow !== undefined,
        ...given(this.options, ["signal", "waitSeconds", "connection", "log", "onBlock"]),
        ...(random ? { random: checkedRandom(random) } : {}),
        ...(onAudit ? { onAudit } : {}),
      });
    } finally {
      for (const one of open.reverse()) await one.close();
    }
  }

  private async folder() {
    const { role, link, data, state, stateKey, signal } = this.options;
    if (state === undefined) return undefined;
    const reading = ownReading(link[role]);
    const identity = JSON.stringify({
      link: linkDigests(link),
      dump: "dump" in data ? await dumpIdentity(data.dump, followOf(data, signal)) : data.name,
      ...(Object.keys(reading).length > 0 ? { reading } : {}),
    });
    return openStateFolder(state, role, identity, stateKey, signal);
  }
}

function check({ role, link, data, authKey, state, signal }: Omit<PartyOptions, "sink">): void {
  if (role !== "alice" && role !== "bob") throw new QkdError("USAGE_INVALID", "An end's role is alice or bob.");
  if ("dump" in data) checkFiles(role, link, data.dump, followOf(data, signal));
  if (typeof authKey === "string" && state === undefined)
    throw new QkdError(
      "USAGE_INVALID",
      "An authentication key file needs a state folder, which keeps a copy of its marks.",
    );
}

function given<K extends keyof PartyOptions>(
  options: Pick<PartyOptions, K>,
  names: readonly K[],
): Pick<PartyOptions, K> {
  const present = names.filter((name) => options[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, options[name]])) as Pick<PartyOptions, K>;
}

function followOf(data: PartyData, signal: AbortSignal | undefined) {
  if (!("dump" in data) || !data.follow) return undefined;
  return { ...data.follow, ...(signal ? { signal } : {}), signalFails: true };
}

async function opened(
  role: Role,
  link: Link,
  data: PartyData,
  follow: ReturnType<typeof followOf>,
): Promise<{ data: OwnData; close(): Promise<void> }> {
  if ("dump" in data) {
    const { strict = false, onProgress } = data;
    return endData(role, link, data.dump, {
      strict,
      ...(follow ? { follow } : {}),
      ...(onProgress ? { onProgress } : {}),
    });
  }
  const close = () => Promise.resolve();
  if ("events" in data) return { data: { events: data.events() }, close };
  return { data: { matched: matchedSource(data.matched) }, close };
}

function matchedSource(block: (index: number) => Promise<MatchedBlock | undefined>): LockedSource {
  const raw = (index: number): RawBlock => ({
    index,
    async slots() {
      const { basis, bit, vetoed, intensity, pulses } = (await block(index)) ?? { basis: none, bit: none };
      const count = bit.length;
      const uneven = [basis.length, vetoed?.length ?? count, intensity?.length ?? count].some((n) => n !== count);
      if (uneven)
        throw new QkdError("USAGE_INVALID", `The parts of block ${index} are of different lengths.`, { index });
      return {
        // What the stages are given they wipe.
        own: {
          count,
          basis,
          bit: BitString.from(bit.bytes, count),
          vetoed: vetoed ?? BitString.zeros(count),
          ...(intensity ? { intensity } : {}),
        },
        ...(pulses === undefined ? {} : { pulses }),
      };
    },
  });
  return {
    locked: true,
    async *blocks() {
      for (let index = 0; await block(index); index++) yield raw(index);
    },
    empty: raw,
    facts: () => ({}),
  };
}

const none = BitString.zeros(0);

async function authenticatorOf(
  { role, link, authKey, signKey }: Pick<PartyOptions, "role" | "link" | "authKey" | "signKey">,
  marksCopy: string | undefined,
): Promise<{ authenticator: Authenticator; pool?: AuthKeyPool }> {
  const { mode } = link.authentication;
  if (authKey instanceof AuthKeyPool) return { authenticator: new PadAuthenticator(authKey) };
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
      ? await AuthKeyPool.open(authKey, role, marksCopy!)
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
