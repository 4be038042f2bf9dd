/** DIR/state/<role>: journal, prepared keys, copy of the pad marks; versioned, held by one process at a time. */
import { join } from "node:path";
import type { Role } from "../channel/types.js";
import { QkdError } from "../errors.js";
import { RunState, type StateRecord } from "../session/state.js";
import { makeFolder } from "./durable.js";
import { FileJournal } from "./journal.js";
import { takeLock } from "./lock.js";
import { PreparedStore, type StateKey, stateKey } from "./prepared-store.js";

const version = 1;

export interface StateFolder {
  readonly state: RunState;
  /** Where the pool keeps its copy of the marks. */
  readonly marksCopy: string;
  close(): Promise<void>;
}

/**
 * @param identity what makes a run this run (link, dump): started again with another, the folder is refused
 * @param signal ends the wait for another run in the folder
 * @throws QkdError INTERRUPTED, STATE_OTHER_RUN, STATE_VERSION, STATE_DAMAGED, FILE_LOCKED, FILE_WRITE_FAILED
 */
export async function openStateFolder(
  out: string,
  role: Role,
  identity: string,
  key: StateKey = {},
  signal?: AbortSignal,
): Promise<StateFolder> {
  const folder = join(out, "state", role);
  await makeFolder(folder);
  const release = await takeLock(join(folder, "lock"), { signal });
  try {
    const { close, ...held } = await openLocked(folder, out, identity, key);
    return {
      ...held,
      async close() {
        try {
          await close();
        } finally {
          await release();
        }
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

async function openLocked(folder: string, out: string, identity: string, key: StateKey): Promise<StateFolder> {
  const secret = await stateKey(join(out, "state"), key);
  const journal = await FileJournal.open<StateRecord | Head>(join(folder, "journal.jsonl"));
  try {
    const [head, ...records] = journal.records;
    if (!head) await journal.append({ version, identity });
    else checkHead(head, identity, folder);
    const states = { records: records as StateRecord[], append: (record: StateRecord) => journal.append(record) };
    const prepared = new PreparedStore(folder, secret);
    const state = new RunState(states, prepared);
    // Left by a crash between a record and the removal that follows it, or between a key's file and its record.
    for (const block of await prepared.blocks())
      if (!["prepared", "committed"].includes(state.block(block).status)) await prepared.remove(block);
    return {
      state,
      marksCopy: join(folder, "pads.json"),
      close: () => journal.close(),
    };
  } catch (error) {
    await journal.close();
    throw error;
  }
}

interface Head {
  readonly version: number;
  readonly identity: string;
}

function checkHead(head: StateRecord | Head, identity: string, folder: string): void {
  if (!("version" in head) || head.version !== version)
    throw new QkdError("STATE_VERSION", `${folder} was written by another version.`, { folder });
  if (head.identity !== identity)
    throw new QkdError(
      "STATE_OTHER_RUN",
      `${folder} belongs to a run with another link description or dump; give another --out.`,
      { folder },
    );
}
