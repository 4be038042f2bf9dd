/**
 * Somebody between the ends who has no key but knows the protocol: on the first connection he changes what they say, hears
 * what they answer and cuts before any tag is due. What he was told is counted, or makes no key, when the ends meet again.
 */
import { randomBytes } from "node:crypto";
import { decode, encode } from "cborg";
import { afterAll, expect, test } from "vitest";
import { PadAuthenticator } from "../../src/channel/authentication.js";
import { encodeFrame, FrameDecoder } from "../../src/channel/framing.js";
import type { Role } from "../../src/channel/types.js";
import { endData } from "../../src/end-data.js";
import { MemoryJournal } from "../../src/keys/journal.js";
import { AuthKeyPool } from "../../src/keys/pool.js";
import { MemoryPrepared } from "../../src/keys/prepared-store.js";
import type { SecretKey } from "../../src/keys/types.js";
import { type Link, parseLink } from "../../src/link.js";
import type { AuditRecord } from "../../src/security/audit.js";
import { type RunOptions, runParty } from "../../src/session/party-run.js";
import { RunState, type StateRecord } from "../../src/session/state.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { hub } from "./hub.js";
import { simulated, smallBbm92, smallDecoy } from "./links.js";
import { matchedBlocks } from "./matched.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());
const link = parseLink(smallBbm92());
const blocks = 2;
const supply = matchedBlocks(blocks, 12_000, 0.01, 3);
const matched = async (role: Role) => ({ data: { matched: supply[role] }, close: async () => undefined });

interface Letter {
  readonly from: Role;
  readonly block: number;
  readonly type: string;
  readonly body: Record<string, unknown>;
}
/** What becomes of a letter: its body as it goes on; undefined cuts. */
type Between = (letter: Letter) => Record<string, unknown> | undefined;

async function run(link: Link, data: (role: Role) => ReturnType<RunOptions["data"]>, between: Between) {
  const line = () => ({ decoder: new FrameDecoder(), sent: 0 });
  const lines = { aliceToBob: line(), bobToAlice: line() };
  const wire = hub((chunk, direction, connection) => {
    if (connection > 1) return [chunk];
    const { decoder } = lines[direction];
    return decoder.push(chunk).flatMap((payload) => {
      const [block, type, body] = decode(payload) as [number, string, Record<string, unknown>];
      const from = direction === "aliceToBob" ? "alice" : "bob";
      const passes = type === "beat" ? body : between({ from, block, type, body });
      if (!passes) throw new Error("cut");
      return encodeFrame(passes === body ? payload : encode([block, type, passes]), lines[direction].sent++);
    });
  });
  const shared = randomBytes(1 << 14);
  const end = async (role: Role) => {
    const [keys, audit]: [SecretKey[], AuditRecord[]] = [[], []];
    await runParty({
      role,
      link,
      data: () => data(role),
      transport: wire[role],
      authenticator: new PadAuthenticator(AuthKeyPool.inMemory(shared, role)),
      state: new RunState(new MemoryJournal<StateRecord>(), new MemoryPrepared()),
      sink: { store: async (key) => void keys.push({ ...key, bytes: key.bytes.slice() }) },
      executor,
      waitSeconds: 20,
      connection: { heartbeatMs: 100, silenceMs: 2000 },
      onAudit: async (record) => void audit.push(record),
    });
    return { keys, audit };
  };
  const [alice, bob] = await Promise.all([end("alice"), end("bob")]);
  expect(wire.connections()).toBeLessThanOrEqual(2);
  expect(alice.keys.map(({ id }) => id).sort()).toEqual(bob.keys.map(({ id }) => id).sort());
  return { alice, bob, blocks: alice.keys.map(({ block }) => block).sort() };
}

/** Changes messages of one type, then waits for the answer and cuts. @returns the block that it came about in */
async function attacked(change: { from: Role; type: string; to: object }, answer: string, block = 0) {
  let heard: Record<string, unknown> | undefined;
  const result = await run(link, matched, ({ from, block: id, type, body }) => {
    if (heard) return undefined;
    if (id !== block) return body;
    if (type === answer) heard = body;
    if (type === answer && from !== change.from) return undefined;
    return from === change.from && type === change.type ? { ...body, ...change.to } : body;
  });
  return { ...result, heard: heard! };
}

test("undisturbed, every block gives key", async () => {
  expect((await run(link, matched, ({ body }) => body)).blocks).toEqual([0, 1]);
});

test("slots that somebody calls vetoed: Alice tells none of her key-basis bits there", async () => {
  const slots = (await firstSlots()) >>> 3;
  const all = { bases: new Uint8Array(slots), vetoed: new Uint8Array(slots).fill(255) };
  const { blocks, heard } = await attacked({ from: "bob", type: "sift.bases", to: all }, "sift.answer");
  expect([heard.spare, heard.check]).toEqual([new Uint8Array(), new Uint8Array()]);
  expect(blocks).toEqual([0, 1]);
});

test("an alarm that Bob never raised: the block that Alice opened makes no key later", async () => {
  const alarm = { reason: "ALARM_QBER_JUMP" };
  const { blocks, heard } = await attacked({ from: "bob", type: "estimate.bob", to: alarm }, "estimate.opened");
  expect((heard.key as Uint8Array).length * 8).toBeGreaterThan(8000);
  expect(blocks).toEqual([1]);
});

test("syndromes to one, flags of another, and a tag of a failed attempt all count in the next", async () => {
  const { alice, bob, blocks } = await attacked({ from: "alice", type: "verify.tag", to: {} }, "verify.verdict");
  expect(blocks).toEqual([0, 1]);
  for (const { audit } of [alice, bob]) {
    const entries = new Map(audit.find(({ block }) => block === 0)!.ledger.map(({ reason, bits }) => [reason, bits]));
    const both = ["syndrome", "further-syndrome", "reconciliation-flag", "error-counts"] as const;
    const once = both.reduce((sum, reason) => sum + (entries.get(reason) ?? 0), 0);
    expect(entries.get("earlier-attempt")).toBeGreaterThanOrEqual(once + 128);
  }
});

test("a stretch that somebody asks Bob to disclose makes no key later", async () => {
  const { link, alice, bob } = await simulated(smallBbm92({ blocks: { seconds: 0.3 } }), 0.6, 31);
  const files = { alice, bob };
  const data = (role: Role) => endData(role, link, files[role]);
  let disclosed = 0;
  let first = 0n;
  const result = await run(link, data, ({ type, body }) => {
    if (type === "pairs.coarse") first = BigInt(body.first as string);
    if (type === "pairs.segment") return { ...body, from: String(first), to: String(first + 350_000_000_000n) };
    if (type !== "pairs.disclosed") return disclosed > 0 ? undefined : body;
    disclosed = body.count as number;
    return undefined;
  });
  expect(disclosed).toBeGreaterThan(10_000);
  expect(result.blocks).toEqual([1]);
}, 60_000);

test("Alice numbers no pulses by outcomes that Bob has not sealed", async () => {
  const input = {
    protocol: "bb84-single-photon" as const,
    keyBasis: "Z" as const,
    epsilon: { secrecy: 1e-6, correctness: 1e-9 },
  };
  const source = { pulsePeriodPs: 250_000, intensities: [{ name: "photon", mean: 0.5, probability: 0.999 }] };
  const { link, alice, bob } = await simulated(
    { ...smallDecoy(), ...input, name: "small-single", source, simulation: { lossDb: 4 } },
    0.4,
    5,
  );
  const files = { alice, bob };
  const answered: unknown[] = [];
  const { alice: end } = await run(
    link,
    (role) => endData(role, link, files[role]),
    ({ type, body }) => {
      if (type === "pulses.shift") answered.push(body);
      if (type !== "pulses.slots") return body;
      const outcomes = (body.outcomes as Uint8Array).slice();
      outcomes[0]! ^= 1;
      return { ...body, outcomes };
    },
  );
  expect(answered).toEqual([]);
  expect(end.audit.length).toBeGreaterThan(0);
}, 60_000);

async function firstSlots(): Promise<number> {
  let slots = 0;
  for await (const raw of supply.alice.blocks!()) {
    if (raw.index === 0)
      slots = (await raw.slots(undefined as never, undefined as never, undefined as never)).own.count;
  }
  return slots;
}
