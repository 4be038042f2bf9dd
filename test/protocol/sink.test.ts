/** A user's sink, log and patience as they may be: no key is lost by them, no block vanishes, no end is held for ever. */
import { randomBytes } from "node:crypto";
import { decode } from "cborg";
import { afterAll, expect, test } from "vitest";
import { PadAuthenticator } from "../../src/channel/authentication.js";
import { FrameDecoder } from "../../src/channel/framing.js";
import type { Transport } from "../../src/channel/tcp.js";
import type { Role } from "../../src/channel/types.js";
import { MemoryJournal } from "../../src/keys/journal.js";
import { AuthKeyPool } from "../../src/keys/pool.js";
import { MemoryPrepared } from "../../src/keys/prepared-store.js";
import type { SecretKey } from "../../src/keys/types.js";
import { parseLink } from "../../src/link.js";
import { type PartyReport, type RunOptions, runParty } from "../../src/session/party-run.js";
import { RunState, type StateRecord } from "../../src/session/state.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { type Attack, hub } from "./hub.js";
import { smallBbm92 } from "./links.js";
import { type MatchedBlocks, matchedBlocks } from "./matched.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());
const link = parseLink(smallBbm92({ keyBits: 256, authentication: { replenish: 2 } }));
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const passed: Attack = (chunk) => [chunk];

class End {
  readonly keys = new Map<string, string>();
  readonly state = new RunState(new MemoryJournal<StateRecord>(), new MemoryPrepared());
  before: (key: SecretKey) => void | Promise<void> = () => undefined;

  constructor(
    readonly role: Role,
    private readonly shared: { wire: ReturnType<typeof hub>; source: MatchedBlocks; secret: Uint8Array },
    private readonly authenticator = new PadAuthenticator(AuthKeyPool.inMemory(shared.secret, role)),
  ) {}

  run(more: Partial<RunOptions> = {}): Promise<PartyReport> {
    return runParty({
      role: this.role,
      link,
      data: async () => ({ data: { matched: this.shared.source[this.role] }, close: async () => undefined }),
      transport: this.shared.wire[this.role],
      authenticator: this.authenticator,
      state: this.state,
      sink: {
        store: async (key) => {
          await this.before(key);
          this.keys.set(key.id, Buffer.from(key.bytes).toString("hex"));
        },
      },
      executor,
      waitSeconds: 20,
      connection: { heartbeatMs: 100, silenceMs: 4000 },
      ...more,
    });
  }
}

function ends(blocks: number, attack = passed, source = matchedBlocks(blocks, 24_000, 0.01, 3)) {
  const shared = { wire: hub(attack), source, secret: randomBytes(1 << 16) };
  return { alice: new End("alice", shared), bob: new End("bob", shared) };
}

/** Slots of one end that come when they come. */
function slowly(source: MatchedBlocks, role: Role, wait: () => Promise<void>): MatchedBlocks {
  const own = source[role];
  return {
    ...source,
    [role]: {
      ...own,
      async *blocks() {
        for await (const raw of own.blocks!())
          yield {
            ...raw,
            slots: async (...call: Parameters<typeof raw.slots>) => {
              await wait();
              return raw.slots(...call);
            },
          };
      },
    },
  };
}

const codeOf = (run: Promise<unknown>) =>
  run.then(
    () => "none",
    (error: { code?: string }) => error.code ?? String(error),
  );

function expectSame({ alice, bob }: { alice: End; bob: End }): void {
  expect([...alice.keys].sort()).toEqual([...bob.keys].sort());
  for (const bytes of alice.keys.values()) expect(bytes).not.toMatch(/^0*$/);
}

test.each(["alice", "bob"] as const)(
  "%s's sink fails once in the midst of a run: nothing is lost, and the rest is stored on the next start",
  async (role) => {
    const both = ends(7);
    const failing = both[role];
    let calls = 0;
    failing.before = ({ block }) => {
      if (block >= 2 && calls++ === 1) throw new Error("flaky");
    };
    const runs = { alice: both.alice.run(), bob: both.bob.run() };
    const waiting = role === "alice" ? runs.bob : runs.alice;
    const error = await runs[role].catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "KEY_SINK_FAILED", cause: { message: "flaky" } });
    expect(String(error)).toContain("safe in the state");
    const statuses = Array.from({ length: 7 }, (_, i) => failing.state.block(i).status);
    expect(statuses).toContain("committed");
    expect(statuses).not.toContain("seeded");
    expect(statuses).not.toContain("prepared");

    const [again, first] = await Promise.all([failing.run(), waiting]);
    for (const { blocks } of [again, first]) {
      expect(blocks.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(blocks.every(({ secretBits }) => secretBits > 0)).toBe(true);
    }
    expectSame(both);
    expect(failing.keys.size).toBe(again.blocks.reduce((sum, { keys }) => sum + keys, 0));
  },
  60_000,
);

test("what both have committed is stored at the next start, also where the peer does not come", async () => {
  const { alice, bob } = ends(1);
  bob.before = () => Promise.reject(new Error("down"));
  const stop = new AbortController();
  const waiting = codeOf(alice.run({ signal: stop.signal }));
  expect(await codeOf(bob.run())).toBe("KEY_SINK_FAILED");
  stop.abort();
  await waiting;
  bob.before = () => undefined;
  const nobody: Transport = {
    serve: (_, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
  };
  expect(await codeOf(bob.run({ waitSeconds: 1, transport: nobody }))).toBe("CHANNEL_PEER_ABSENT");
  expect(alice.keys.size).toBeGreaterThan(0);
  expectSame({ alice, bob });
}, 60_000);

/** Cuts the connection at this message, so many times. */
function cutAt(type: string, times: number): Attack {
  let left = times;
  const decoders = new Map<string, FrameDecoder>();
  return (chunk, direction, connection) => {
    const line = `${direction} ${connection}`;
    const decoder = decoders.get(line) ?? new FrameDecoder();
    decoders.set(line, decoder);
    for (const payload of decoder.push(chunk)) {
      const [, name] = decode(payload) as [number, string];
      if (name === type && left > 0) {
        left--;
        throw new Error("cut");
      }
    }
    return [chunk];
  };
}

test.each([
  ["amplify.seed", 1, "LOST_AFTER_SEED"],
  ["commit.prepared", 1, "LOST_AFTER_SEED"],
  ["verify.tag", 3, "ATTEMPTS_USED_UP"],
])("cut at %s, %d times: the report says so", async (type, times, reason) => {
  const { alice, bob } = ends(1, cutAt(type, times));
  const seen: unknown[] = [];
  const reports = await Promise.all([alice.run(), bob.run({ onBlock: (row) => seen.push(row.reason) })]);
  for (const { blocks } of reports) expect(blocks).toMatchObject([{ index: 0, secretBits: 0, reason }]);
  expect(seen).toEqual([reason]);
  expect(reports[1].blocks[0]!.leakedBits > 0).toBe(type !== "amplify.seed" || bob.state.block(0).leak > 0);
  expect(alice.keys.size + bob.keys.size).toBe(0);
});

test.each(["alice", "bob"] as const)("%s computes for longer than the wait: nobody is absent", async (role) => {
  const source = slowly(matchedBlocks(1, 24_000, 0.01, 3), role, () => pause(2500));
  const both = ends(1, passed, source);
  const reports = await Promise.all([both.alice.run({ waitSeconds: 1 }), both.bob.run({ waitSeconds: 1 })]);
  for (const { blocks } of reports) expect(blocks[0]!.secretBits).toBeGreaterThan(0);
  expectSame(both);
});

test("a peer that is there and never does anything holds nobody for ever", async () => {
  const source = slowly(matchedBlocks(1, 24_000, 0.01, 3), "alice", () => pause(9000));
  const { alice, bob } = ends(1, passed, source);
  const began = Date.now();
  const held = alice.run({ waitSeconds: 60 });
  held.catch(() => undefined);
  expect(await codeOf(bob.run({ waitSeconds: 0.5 }))).toBe("CHANNEL_PEER_ABSENT");
  expect(Date.now() - began).toBeGreaterThan(4500);
  expect(Date.now() - began).toBeLessThan(15_000);
}, 30_000);

test("an attempt in which an end said nothing does not count", async () => {
  let tries = 0;
  const wire: { cut?: () => void } = {};
  const source = slowly(matchedBlocks(1, 24_000, 0.01, 3), "bob", async () => {
    if (++tries > 4) return;
    wire.cut!();
    await pause(400);
  });
  let cut = false;
  const both = ends(
    1,
    (chunk) => {
      if (cut) {
        cut = false;
        throw new Error("cut");
      }
      return [chunk];
    },
    source,
  );
  wire.cut = () => {
    cut = true;
  };
  const reports = await Promise.all([both.alice.run(), both.bob.run()]);
  for (const { blocks } of reports) expect(blocks[0]!.secretBits).toBeGreaterThan(0);
  expect(tries).toBeGreaterThan(4);
  expectSame(both);
});

test("a slow sink is no absent peer", async () => {
  const both = ends(2);
  both.bob.before = () => pause(150);
  const reports = await Promise.all([both.alice.run({ waitSeconds: 1 }), both.bob.run({ waitSeconds: 1 })]);
  expect(both.bob.keys.size).toBeGreaterThan(8);
  for (const { blocks } of reports) expect(blocks).toHaveLength(2);
  expectSame(both);
});

test("a store that hangs outlives a stop by ten seconds, and the key is stored by the next run", async () => {
  const { alice, bob } = ends(1);
  let hang: (() => void) | undefined;
  const hanging = new Promise<void>((resolve) => {
    hang = resolve;
  });
  bob.before = () => {
    hang!();
    return new Promise(() => undefined);
  };
  const stop = new AbortController();
  const waiting = alice.run({ waitSeconds: 60 });
  const stopped = codeOf(bob.run({ signal: stop.signal }));
  await hanging;
  const began = Date.now();
  stop.abort();
  expect(await stopped).toBe("INTERRUPTED");
  expect(Date.now() - began).toBeLessThan(13_000);
  bob.before = () => undefined;
  await Promise.all([bob.run(), waiting]);
  expect(bob.keys.size).toBeGreaterThan(0);
  expectSame({ alice, bob });
}, 60_000);

test("a store that hangs is what the run ends by, not the peer", async () => {
  const { alice, bob } = ends(1);
  bob.before = () => new Promise(() => undefined);
  const waiting = codeOf(alice.run({ waitSeconds: 0.5 }));
  expect(await codeOf(bob.run({ waitSeconds: 0.3 }))).toBe("KEY_SINK_FAILED");
  expect(await waiting).toBe("CHANNEL_PEER_ABSENT");
}, 60_000);

test("a log that throws hides no error", async () => {
  const { alice, bob } = ends(1);
  const stop = new AbortController();
  bob.before = () => {
    throw new Error("down");
  };
  const waiting = codeOf(alice.run({ signal: stop.signal }));
  const log = () => {
    throw new Error("log");
  };
  expect(await codeOf(bob.run({ log }))).toBe("KEY_SINK_FAILED");
  stop.abort();
  await waiting;
}, 60_000);
