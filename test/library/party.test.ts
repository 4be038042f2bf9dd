/** `engine.party` as a key management service uses it: by the package's own names alone. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDump } from "../../src/dumps/index.js";
import {
  AuthKeyPool,
  calling,
  createEngine,
  duplexPair,
  type Engine,
  listening,
  type MatchedBlock,
  type PartyOptions,
  parseAddress,
  parseLink,
  type Role,
  type SecretKey,
} from "../../src/index.js";
import { systemRandom } from "../../src/random.js";
import { type Simulated, simulated, smallBbm92 } from "../protocol/links.js";
import { matchedBlocks } from "../protocol/matched.js";
import { freePort } from "../protocol/processes.js";

let engine: Engine;
let dumps: Simulated;
const folder = mkdtempSync(join(tmpdir(), "qkd-party-"));
const roles = ["alice", "bob"] as const;
const link = parseLink(smallBbm92({ blocks: { seconds: 0.25 } }));
const shared = systemRandom(1 << 16);

beforeAll(async () => {
  engine = await createEngine({ workers: 1 });
  dumps = await simulated(smallBbm92({ blocks: { seconds: 0.25 } }), 0.8, 12);
}, 60_000);
afterAll(() => engine.close());

/** Both ends of one run. */
async function both(options: (role: Role) => Omit<PartyOptions, "role" | "link" | "sink">) {
  const stored: Record<Role, Map<string, string>> = { alice: new Map(), bob: new Map() };
  const run = (role: Role) => {
    const store = async ({ id, bytes }: SecretKey) => {
      stored[role].set(id, Buffer.from(bytes).toString("hex"));
    };
    return engine.party({ role, link, sink: { store }, waitSeconds: 60, ...options(role) }).run();
  };
  const [alice, bob] = await Promise.all(roles.map(run));
  return { alice: alice!, bob: bob!, stored };
}

test("events from memory, a pool, a stream in memory", async () => {
  const ends = duplexPair();
  const { alice, bob, stored } = await both((role) => ({
    data: { events: () => events(dumps[role]), name: "live" },
    channel: ends[roles.indexOf(role)]!,
    authKey: AuthKeyPool.inMemory(shared, role),
  }));
  expect(stored.alice.size).toBeGreaterThan(0);
  expect(stored.alice).toEqual(stored.bob);
  expect(alice.blocks.map(({ secretBits }) => secretBits)).toEqual(bob.blocks.map(({ secretBits }) => secretBits));
});

async function* events(file: string) {
  const dump = await openDump(file);
  yield* dump;
  await dump.close();
}

test("slots that the caller has matched; the same again goes nowhere", async () => {
  const supply = matchedBlocks(2, 12_000, 0.02, 3);
  const blockOf = async (role: Role, index: number): Promise<MatchedBlock | undefined> => {
    if (index > 1) return undefined;
    const { own } = await supply[role].empty(index).slots(undefined as never, systemRandom, undefined as never);
    return own;
  };
  const state = join(folder, "matched");
  const options = (role: Role): Omit<PartyOptions, "role" | "link" | "sink" | "channel"> => ({
    data: { matched: (index) => blockOf(role, index), name: "lab 7" },
    authKey: shared,
    state,
  });
  const [first, second] = [duplexPair(), duplexPair()];
  const { stored } = await both((role) => ({ ...options(role), channel: first[roles.indexOf(role)]! }));
  expect(stored.alice.size).toBeGreaterThan(1);
  expect(stored.alice).toEqual(stored.bob);
  const again = await both((role) => ({ ...options(role), channel: second[roles.indexOf(role)]! }));
  expect(again.stored.alice.size + again.stored.bob.size).toBe(0);
  expect(again.alice.blocks).toHaveLength(2);
});

test("dumps, a state folder, key files, over TCP", async () => {
  const address = parseAddress(`127.0.0.1:${await freePort()}`);
  for (const role of roles) writeFileSync(join(folder, `${role}.key`), shared, { mode: 0o600 });
  const { stored } = await both((role) => ({
    data: { dump: dumps[role] },
    channel: role === "alice" ? listening(address) : calling(address),
    authKey: join(folder, `${role}.key`),
    state: join(folder, role),
  }));
  expect(stored.alice.size).toBeGreaterThan(0);
  expect(stored.alice).toEqual(stored.bob);
  expect(readFileSync(join(folder, "alice", "state", "alice", "journal.jsonl"), "utf8").length).toBeGreaterThan(0);
});

test("a key file without a state folder, uneven blocks and impossible workers are refused", async () => {
  const [channel] = duplexPair();
  const sink = { store: () => Promise.resolve() };
  const data = { dump: dumps.alice };
  const run = engine.party({ role: "alice", link, data, channel, sink, authKey: "some.key" }).run();
  await expect(run).rejects.toMatchObject({ code: "USAGE_INVALID" });
  for (const workers of [0, -1, 1.5, Number.NaN, 1e6])
    await expect(createEngine({ workers })).rejects.toMatchObject({ code: "USAGE_INVALID" });
});

test("close waits for what was asked for, and refuses more", async () => {
  const own = await createEngine({ workers: 1 });
  const { BitString } = await import("../../src/bits.js");
  const word = BitString.from(systemRandom(20_000));
  const other = BitString.from(word.bytes, word.length);
  const reconciling = own.reconcile({ alice: word, bob: other, qber: 0.01 });
  const hashing = own.toeplitz(word, BitString.from(systemRandom(30_000), 160_000 + 999), 1000);
  await own.close();
  expect((await hashing).length).toBe(1000);
  expect((await reconciling).reconciled).toBe(true);
  await expect(own.reconcile({ alice: word, bob: other })).rejects.toMatchObject({ code: "ENGINE_CLOSED" });
});
