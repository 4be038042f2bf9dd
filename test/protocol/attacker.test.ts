/**
 * Two parties through an active attacker: whatever is dropped, repeated, reordered, flipped or injected, the ends never
 * release unequal keys, never use a pad twice, and go on when the attacker stops. Seeded; `QKD_SLOW` runs more trials.
 */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PadAuthenticator } from "../../src/channel/authentication.js";
import { endData } from "../../src/end-data.js";
import { MemoryJournal } from "../../src/keys/journal.js";
import { AuthKeyPool } from "../../src/keys/pool.js";
import { MemoryPrepared } from "../../src/keys/prepared-store.js";
import type { SecretKey } from "../../src/keys/types.js";
import { runParty } from "../../src/party-run.js";
import { RunState, type StateRecord } from "../../src/run-state.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { type Attack, hub } from "./hub.js";
import { type Simulated, simulated, smallBbm92 } from "./links.js";

const trials = process.env.QKD_SLOW ? 2000 : 24;
const executor = new InlineExecutor();
let link: Simulated;
beforeAll(async () => {
  link = await simulated(smallBbm92({ blocks: { seconds: 0.25 } }, { pairRateHz: 1_500_000 }), 0.7, 11);
}, 60_000);
afterAll(() => executor.close());

class Keys {
  readonly byId = new Map<string, string>();
  async store(key: SecretKey): Promise<void> {
    const text = Buffer.from(key.bytes).toString("hex");
    const known = this.byId.get(key.id);
    if (known !== undefined && known !== text) throw new Error(`ID ${key.id} stored with other bytes`);
    this.byId.set(key.id, text);
  }
}

async function trial(attack: Attack, waitSeconds = 8) {
  const wire = hub(attack);
  const pool = randomBytes(1 << 16);
  const end = (role: "alice" | "bob") => {
    const sink = new Keys();
    const state = new RunState(new MemoryJournal<StateRecord>(), new MemoryPrepared());
    const run = runParty({
      role,
      link: link.link,
      data: () => endData(role, link.link, link[role]),
      transport: wire[role],
      authenticator: new PadAuthenticator(AuthKeyPool.inMemory(pool, role)),
      state,
      sink,
      executor,
      waitSeconds,
      connection: { heartbeatMs: 200, silenceMs: 2000 },
    });
    return { run, sink, state };
  };
  const [alice, bob] = [end("alice"), end("bob")];
  const [a, b] = await Promise.allSettled([alice.run, bob.run]);
  return { alice, bob, ended: a.status === "fulfilled" && b.status === "fulfilled", connections: wire.connections() };
}

function mulberry(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** One disturbance at a drawn chunk of the first connection, then silence. */
function oneFault(seed: number): Attack {
  const random = mulberry(seed);
  const at = random(60);
  const kind = random(6);
  let seen = 0;
  let held: Uint8Array | undefined;
  return (chunk, _direction, connection) => {
    if (connection > 1 || ++seen < at) return [chunk];
    if (seen > at) {
      const parts = held ? [chunk, held] : [chunk];
      held = undefined;
      return parts;
    }
    const place = random(chunk.length);
    if (kind === 0) chunk[place]! ^= 1 << random(8);
    if (kind === 1) return [];
    if (kind === 2) return [chunk, chunk];
    if (kind === 3) throw new Error("cut");
    if (kind === 4) return [randomBytes(1 + random(100)), chunk];
    if (kind === 5) {
      held = chunk;
      return [];
    }
    return [chunk];
  };
}

test("undisturbed, the link gives key", async () => {
  const { alice, bob, ended } = await trial((chunk) => [chunk]);
  expect(ended).toBe(true);
  expect(alice.sink.byId.size).toBeGreaterThan(1);
  expect([...alice.sink.byId].sort()).toEqual([...bob.sink.byId].sort());
});

test(`through ${trials} attacked runs keys are equal or not there, and at least a fifth still gives key`, async () => {
  let released = 0;
  for (let seed = 1; seed <= trials; seed++) {
    const { alice, bob, ended } = await trial(oneFault(seed));
    expect(ended, `seed ${seed} did not recover`).toBe(true);
    expect([...alice.sink.byId].sort(), `seed ${seed}`).toEqual([...bob.sink.byId].sort());
    if (alice.sink.byId.size > 0) released++;
  }
  expect(released).toBeGreaterThanOrEqual(trials / 5);
}, 3_600_000);

test("an attacker who stays keeps the ends from releasing anything unequal, and both give up", async () => {
  const random = mulberry(99);
  const { alice, bob, ended } = await trial((chunk) => {
    if (random(3) === 0) chunk[random(chunk.length)]! ^= 1 << random(8);
    return [chunk];
  }, 4);
  expect(ended).toBe(false);
  expect([...alice.sink.byId].sort()).toEqual([...bob.sink.byId].sort());
}, 60_000);
