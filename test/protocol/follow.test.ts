/** Keys while both dumps still grow: the same blocks and counts as of the finished dumps, and nothing lost by a stop. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { distill } from "../../src/distill.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { GrowingLink } from "./growing.js";
import { bothKeys, keysOf, type Simulated, simulated, smallBbm92, smallDecoy } from "./links.js";
import { EndProcess, linkFile, pairOf } from "./processes.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());

/** Few events a second: the lock is tried once Alice has 12 s. */
const pairs = smallBbm92({ blocks: { seconds: 2.5 } }, { pairRateHz: 80_000, backgroundHz: 100, darkCountsHz: 20 });
const pulses = smallDecoy(
  {
    epsilon: { secrecy: 1e-6, correctness: 1e-9 },
    source: {
      pulsePeriodPs: 100_000,
      basisProbability: { Z: 0.7, X: 0.3 },
      intensities: [
        { name: "signal", mean: 0.5, probability: 0.5 },
        { name: "decoy", mean: 0.12, probability: 0.3 },
        { name: "vacuum", mean: 0.0002, probability: 0.2 },
      ],
    },
    blocks: { pulses: 4e6 },
  },
  { lossDb: 7, darkCountsHz: 20, backgroundHz: 20, misalignment: { Z: 0.002, X: 0.002 } },
);
/** Bob's first event is a third of a second after the first pulse: what Alice has by then tells which one. */
const late = { ...pulses, simulation: { ...pulses.simulation, offsetPs: -300_000_000_000 } };
const follow = { idleSeconds: 0.5 };

describe.each([
  ["BBM92 pairs", pairs, 13.5, 0.93],
  ["decoy BB84 with a preparation record", pulses, 1.2, 0.8],
  ["decoy BB84, Bob's dump begun late", late, 1.5, 0.85],
])("%s", (_, input, seconds, enough) => {
  let whole: Simulated;
  beforeAll(async () => {
    whole = await simulated(input, seconds, 7);
  }, 60_000);
  const finished = (change: Partial<Simulated> = {}) =>
    distill(executor, { ...whole, ...change, out: `${whole.folder}/out-${Math.random()}` });

  test("keys come before the dumps end, and in all the blocks and counts of the finished ones", async () => {
    const link = new GrowingLink(whole);
    const running = distill(executor, { ...link, follow });
    await link.write({ alice: enough, bob: enough });
    await link.keys(1, running);
    await link.write({ alice: 1, bob: 1 });
    const [report, ordinary] = [await running, await finished()];
    expect(report.blocks.length).toBe(ordinary.blocks.length);
    expect(report.clicks).toEqual(ordinary.clicks);
    expect(report.secretBits).toBeGreaterThan(ordinary.secretBits / 2);
    const [alice, bob] = bothKeys(link.out);
    expect(alice).toBe(bob);
    expect(keysOf(link.out, "alice")).toHaveLength(report.keys);
  });

  test("an end that is quiet first ends the run with what both have", async () => {
    const link = new GrowingLink(whole);
    const running = distill(executor, { ...link, follow });
    await link.write({ alice: enough, bob: enough });
    await link.keys(1, running);
    await link.write({ alice: enough, bob: 1 }, 40, 30);
    const report = await running;
    expect(report.warnings.join()).toContain("alice: the dump was quiet first");
    expect(report.keys).toBeGreaterThan(0);
    const [alice, bob] = bothKeys(link.out);
    expect(alice).toBe(bob);
  });
});

describe("stopped and started again", () => {
  const blocksOf = (out: string, role: "alice" | "bob") => keysOf(out, role).map(({ block }) => block);
  const expectEachOnce = (blocks: number[]) => expect(new Set(blocks).size).toBe(blocks.length);

  test("Ctrl-C ends with the keys at both ends and a report; no block is lost and none makes key twice", async () => {
    const whole = await simulated(pairs, 13.5, 7);
    const link = new GrowingLink(whole);
    const { alice, bob, out } = link;
    const args = ["--link", linkFile(whole), "--alice", alice, "--bob", bob, "--out", out, "--workers", "1"];
    const run = new EndProcess("distill", [...args, "--follow", "0.5"]);
    const first = run.start();
    await link.write({ alice: 0.93, bob: 0.93 });
    await link.keys(2, first);
    run.signal("SIGINT");
    const { code, json } = await first;
    expect(code).toBe(130);
    expect(json).toMatchObject({ interrupted: true, keys: keysOf(out, "bob").length });
    const [a, b] = bothKeys(out);
    expect(a).toBe(b);

    await link.write({ alice: 1, bob: 1 });
    const again = await run.start();
    expect(again).toMatchObject({ code: 0, json: { keys: keysOf(out, "bob").length } });
    const ordinary = await distill(executor, { ...whole, out: `${out}-whole` });
    expect(again.json.blocks).toHaveLength(ordinary.blocks.length);
    expect(again.json.clicks).toEqual(ordinary.clicks);
    expectEachOnce(blocksOf(out, "bob"));
    const [alices, bobs] = bothKeys(out);
    expect(alices).toBe(bobs);
  });

  test("two processes, Bob's killed: the keys of all blocks, once, at both ends", async () => {
    const whole = await simulated(pulses, 1.2, 9);
    const link = new GrowingLink(whole);
    const extra = ["--follow", "0.5"];
    const pair = await pairOf(link, randomBytes(1 << 16), { extra: { alice: extra, bob: extra } });
    try {
      const running = Promise.race([pair.alice.start(), pair.bob.start()]);
      await link.write({ alice: 0.8, bob: 0.8 });
      await link.keys(1, running, [pair.out.alice, pair.out.bob]);
      pair.bob.signal("SIGKILL");
      await pair.bob.ended;
      const ends = [pair.alice.ended, pair.bob.start()];
      await link.write({ alice: 1, bob: 1 });
      expect((await Promise.all(ends)).map(({ code }) => code)).toEqual([0, 0]);
      const [alices, bobs] = bothKeys(pair.out.alice, pair.out.bob);
      expect(alices).toBe(bobs);
      expectEachOnce(blocksOf(pair.out.bob, "bob"));
      const { blocks: all } = await distill(executor, { ...whole, out: `${link.out}-whole` });
      const audited = readFileSync(join(pair.out.bob, "bob", "audit.jsonl"), "utf8")
        .trim()
        .split("\n");
      expect(new Set(audited.map((line) => JSON.parse(line).block)).size).toBe(all.length);
    } finally {
      pair.close();
    }
  });
});
