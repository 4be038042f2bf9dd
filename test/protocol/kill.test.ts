/**
 * kill -9 of either end at seeded moments, judged once both have run and spoken again: no pad named twice, equal key
 * files, no ID twice, no block twice, no more secret bits than undisturbed. `QKD_SLOW`: 200 kills.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Role } from "../../src/channel/types.js";
import { parseAudit, recompute } from "../../src/security/audit.js";
import { bothKeys, keysOf, type Simulated, simulated, smallBbm92 } from "./links.js";
import { mulberry } from "./matched.js";
import { type EndProcess, type Pair, pairOf } from "./processes.js";

const kills = process.env.QKD_SLOW ? 200 : 10;
const killsOfARun = 6;
let link: Simulated;
let clean: Map<number, number>;
let cleanMs = 0;
const open: Pair[] = [];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const auth = randomBytes(1 << 17);
const pairUp = async () => {
  const pair = await pairOf(link, auth);
  open.push(pair);
  return pair;
};

beforeAll(async () => {
  link = await simulated(smallBbm92({ blocks: { seconds: 0.25 }, authentication: { replenish: 1 } }), 1.2, 11);
  const pair = await pairUp();
  const began = Date.now();
  const ended = await Promise.all([pair.alice.start(), pair.bob.start()]);
  cleanMs = Date.now() - began;
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  clean = bitsByBlock(pair);
  expect(clean.size).toBeGreaterThan(3);
  expectSound(pair, "undisturbed");
  pair.close();
}, 120_000);
afterAll(() => {
  for (const pair of open) pair.close();
});

function bitsByBlock({ out }: Pair): Map<number, number> {
  const bits = new Map<number, number>();
  for (const { bits: count, block } of keysOf(out.alice, "alice")) {
    expect(bits.has(block), `block ${block} made key twice`).toBe(false);
    bits.set(block, count);
  }
  return bits;
}

function expectSound(pair: Pair, name: string): void {
  const [alice, bob] = bothKeys(pair.out.alice, pair.out.bob);
  expect(alice, `${name}: keys differ`).toBe(bob);
  const ids = keysOf(pair.out.alice, "alice").map(({ key_ID }) => key_ID);
  expect(new Set(ids).size, `${name}: an ID twice`).toBe(ids.length);
  for (const pads of Object.values(pair.wire.pads))
    expect(new Set(pads).size, `${name}: a pad twice in ${pads}`).toBe(pads.length);
  const bits = bitsByBlock(pair);
  for (const role of ["alice", "bob"] as const) {
    const audit = parseAudit(readFileSync(join(pair.out[role], role, "audit.jsonl"), "utf8"), "audit.jsonl");
    const told = new Map(audit.map((record) => [record.block, record]));
    for (const [block, made] of bits) {
      const record = told.get(block);
      expect(record && recompute(record), `${name}: block ${block} at ${role}`).toMatchObject({
        secretBits: made,
        recomputed: made,
        same: true,
      });
    }
  }
  // Multiple clicks draw their bit anew, and reconciliation starts from what earlier blocks told: lengths vary.
  for (const [block, made] of bits) {
    const undisturbed = clean?.get(block);
    if (undisturbed !== undefined) expect(made, `${name}: block ${block}`).toBeLessThan(undisturbed * 1.5 + 64);
  }
}

/** Restarts what ended without the other, as an init system does, until both have ended well. */
async function finished({ alice, bob }: Pair): Promise<void> {
  const well = { alice: false, bob: false };
  const tend = async (end: EndProcess, other: EndProcess) => {
    for (let starts = 0; starts < 8 && !(well.alice && well.bob); starts++) {
      well[end.role as Role] = (await (end.running ? end.ended : end.start())).code === 0;
      for (let waited = 0; other.running && waited < 1500; waited += 20) await pause(20);
    }
  };
  await Promise.all([tend(alice, bob), tend(bob, alice)]);
  expect(well).toEqual({ alice: true, bob: true });
}

test(`through ${kills} kills keys are equal, nothing comes twice, no pad serves twice`, async () => {
  let killed = 0;
  const trial = async (seed: number) => {
    const random = mulberry(seed);
    const pair = await pairUp();
    void pair.alice.start();
    void pair.bob.start();
    for (let i = 0; i < killsOfARun; i++) {
      await pause(300 + random(cleanMs - 300));
      const victim = random(2) === 0 ? pair.alice : pair.bob;
      if (victim.running) killed++;
      victim.signal("SIGKILL");
      await victim.ended;
      for (const end of [pair.alice, pair.bob]) if (!end.running) void end.start();
    }
    await finished(pair);
    expectSound(pair, `seed ${seed}`);
    pair.close();
  };
  for (let seed = 1; killed < kills; seed += 2) await Promise.all([trial(seed), trial(seed + 1)]);
}, 3_600_000);
