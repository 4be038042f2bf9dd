/** Keys while both dumps still grow: the same blocks and counts as of the finished dumps, and nothing lost by a stop. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { distill } from "../../src/distill.js";
import type { LinkInput } from "../../src/link.js";
import { demoDecoy } from "../../src/simulate/index.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { GrowingLink } from "./growing.js";
import { bothKeys, keysOf, simulated, smallBbm92, smallDecoy } from "./links.js";
import { EndProcess, linkFile, pairOf } from "./processes.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());

/** Few events a second: the lock is tried once Alice has 12 s. */
const pairs = smallBbm92({ blocks: { seconds: 2.5 } }, { pairRateHz: 80_000, backgroundHz: 100, darkCountsHz: 20 });
const shares = [0.5, 0.3, 0.2];
const intensities = demoDecoy.link.source!.intensities.map((one, i) => ({ ...one, probability: shares[i]! }));
const pulses = smallDecoy(
  {
    epsilon: { secrecy: 1e-6, correctness: 1e-9 },
    source: { pulsePeriodPs: 100_000, basisProbability: { Z: 0.7, X: 0.3 }, intensities },
    blocks: { pulses: 4e6 },
  },
  { lossDb: 6, darkCountsHz: 20, backgroundHz: 20, misalignment: { Z: 0.002, X: 0.002 } },
);
/** Bob's first event is a third of a second after the first pulse: what Alice has by then tells which one. */
const late = { ...pulses, simulation: { ...pulses.simulation, offsetPs: -300_000_000_000 } };
const follow = { idleSeconds: 0.5 };
/** Processes start, compute and die at a speed of their own while the writer waits. */
const patience = "3";

/** The finished dumps and what they give. */
const finished = (input: LinkInput, seconds: number) => {
  const link = simulated(input, seconds, 7);
  const report = link.then((whole) => distill(executor, { ...whole, out: join(whole.folder, "out") }));
  report.catch(() => undefined);
  return { link, report };
};
let wholes: Record<"pairs" | "pulses" | "late", ReturnType<typeof finished>>;
beforeAll(async () => {
  wholes = { pairs: finished(pairs, 13.5), pulses: finished(pulses, 1.2), late: finished(late, 1.5) };
  await Promise.all(Object.values(wholes).map(({ report }) => report));
}, 60_000);

function expectSameKeys(alice: string, bob = alice): void {
  const [alices, bobs] = bothKeys(alice, bob);
  expect(alices).toBe(bobs);
  const blocks = keysOf(bob, "bob").map(({ block }) => block);
  expect(blocks.length).toBeGreaterThan(0);
  expect(new Set(blocks).size).toBe(blocks.length);
}

describe.each([
  ["BBM92 pairs", "pairs", { alice: 0.93, bob: 0.7 }, "bob"],
  ["decoy BB84 with a preparation record", "pulses", { alice: 0.8, bob: 0.8 }, "alice"],
  ["decoy BB84, Bob's dump begun late", "late", { alice: 0.85, bob: 0.85 }, "alice"],
] as const)("%s", (_, name, enough, quiet) => {
  test("keys come before the dumps end, and in all the blocks and counts of the finished ones", async () => {
    const link = new GrowingLink(await wholes[name].link);
    const running = distill(executor, { ...link, follow });
    await link.write(enough);
    await link.keys(1, running);
    await link.write({ alice: 1, bob: 1 });
    const [report, ordinary] = [await running, await wholes[name].report];
    expect(report.blocks.length).toBe(ordinary.blocks.length);
    expect(report.clicks).toEqual(ordinary.clicks);
    expect(report.secretBits).toBeGreaterThan(ordinary.secretBits / 2);
    expectSameKeys(link.out);
    expect(keysOf(link.out, "alice")).toHaveLength(report.keys);
  });

  test("an end that is quiet first ends the run with what both have", async () => {
    const link = new GrowingLink(await wholes[name].link);
    const running = distill(executor, { ...link, follow });
    await link.write(enough);
    await link.keys(1, running);
    await link.write({ alice: 1, bob: 1, [quiet]: enough[quiet] }, 40, 30);
    const report = await running;
    expect(report.warnings.join()).toContain(`${quiet}: the dump was quiet first`);
    expectSameKeys(link.out);
  });
});

describe("stopped and started again", () => {
  test("Ctrl-C ends with the keys at both ends and a report; no block is lost and none makes key twice", async () => {
    const whole = await wholes.pairs.link;
    const link = new GrowingLink(whole);
    const { alice, bob, out } = link;
    const args = ["--link", linkFile(whole), "--alice", alice, "--bob", bob, "--out", out, "--workers", "1"];
    const run = new EndProcess("distill", [...args, "--follow", patience]);
    const first = run.start();
    await link.write({ alice: 0.93, bob: 0.93 });
    await link.keys(2, first);
    run.signal("SIGINT");
    const { code, json } = await first;
    expect(code).toBe(130);
    expect(json).toMatchObject({ interrupted: true, keys: keysOf(out, "bob").length });
    expectSameKeys(out);

    await link.write({ alice: 1, bob: 1 });
    const again = await run.start();
    expect(again).toMatchObject({ code: 0, json: { keys: keysOf(out, "bob").length } });
    const ordinary = await wholes.pairs.report;
    expect(again.json.blocks).toHaveLength(ordinary.blocks.length);
    expect(again.json.clicks).toEqual(ordinary.clicks);
    expectSameKeys(out);
  });

  test("two processes, Bob's killed: no block is forgotten, and keys are equal", async () => {
    const link = new GrowingLink(await wholes.pulses.link);
    const extra = ["--follow", patience];
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
      expectSameKeys(pair.out.alice, pair.out.bob);
      const { blocks } = await wholes.pulses.report;
      const lines = (...path: string[]) =>
        readFileSync(join(pair.out.bob, ...path), "utf8")
          .trim()
          .split("\n");
      // A block whose seed had left when he died is never distilled again: its row says so.
      const journal = lines("state", "bob", "journal.jsonl").map((line) => JSON.parse(line.slice(line.indexOf(" "))));
      const rows = new Map(journal.flatMap(({ row }) => (row ? [[row.index, row]] : [])));
      const audited = lines("bob", "audit.jsonl").map((line) => JSON.parse(line).block as number);
      expect(audited.length).toBeGreaterThan(0);
      for (const [index, row] of rows)
        expect(audited.includes(index) || ["LOST_AFTER_SEED", "GIVEN_UP_BY_PEER"].includes(row.reason)).toBe(true);
      expect([...rows.keys()].sort()).toEqual(blocks.map(({ index }) => index));
    } finally {
      pair.close();
    }
  });
});
