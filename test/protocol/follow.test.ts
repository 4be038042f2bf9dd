/** Keys while both dumps still grow: the same blocks and counts as of the finished dumps, and nothing lost by a stop. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { distill } from "../../src/distill.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { GrowingLink } from "./growing.js";
import { bothKeys, keysOf, type Simulated, simulated, smallBbm92, smallDecoy } from "./links.js";

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
const follow = { idleSeconds: 0.5 };

describe.each([
  ["BBM92 pairs", pairs, 13.5, 0.93],
  ["decoy BB84 with a preparation record", pulses, 1.2, 0.8],
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
