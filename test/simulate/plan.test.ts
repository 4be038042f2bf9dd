import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseLink } from "../../src/link.js";
import { planPage, planSvg } from "../../src/report/plan.js";
import { secretKeyLength } from "../../src/security/index.js";
import { demoBbm92, demoDecoy, simulate } from "../../src/simulate/index.js";
import { defaultBlocks, plan, planDefaults } from "../../src/simulate/plan.js";
import { entangled, prepared } from "./links.js";

const link = parseLink(demoDecoy.link);
const sweep = { ...planDefaults, lossesDb: [0, 5, 10, 15, 20, 25], blocks: [1e8, 1e9, 1e10], epsilons: [1e-6, 1e-12] };

describe("a plan", () => {
  test("falls with loss, grows with the block, falls with a smaller ε", () => {
    const { rows } = plan(link, sweep);
    expect(rows).toHaveLength(36);
    const at = (lossDb: number, block: number, epsilon: number) =>
      rows.find((r) => r.lossDb === lossDb && r.block === block && r.epsilon === epsilon)!;
    expect(at(0, 1e8, 1e-6).secretBits).toBeGreaterThan(100_000);
    for (const row of rows) {
      const further = at(row.lossDb + 5, row.block, row.epsilon);
      if (further) expect(further.secretBits).toBeLessThanOrEqual(row.secretBits);
      const larger = at(row.lossDb, row.block * 10, row.epsilon);
      if (larger) expect(larger.secretBitsPerSecond).toBeGreaterThanOrEqual(row.secretBitsPerSecond);
      if (row.epsilon === 1e-6) expect(at(row.lossDb, row.block, 1e-12).secretBits).toBeLessThanOrEqual(row.secretBits);
      if (row.secretBits === 0) expect(row.reason).toBeDefined();
    }
  });

  test("reach is the last loss with a key", () => {
    const { rows, reach } = plan(link, sweep);
    for (const { block, epsilon, lossDb } of reach) {
      const keys = rows.filter((r) => r.block === block && r.epsilon === epsilon && r.secretBits > 0);
      expect(lossDb).toBe(keys.at(-1)?.lossDb ?? null);
    }
  });

  test("a link above its QBER limit plans no key, with the reason", () => {
    const noisy = prepared({ misalignment: { Z: 0.12, X: 0.12 } });
    const [row] = plan(noisy, { ...sweep, lossesDb: [1], blocks: [1e10] }).rows;
    expect(row).toMatchObject({ secretBits: 0, reason: "QBER_ABOVE_LIMIT" });
  });

  test.each(["bb84-one-decoy", "bb84-single-photon"] as const)("%s", (protocol) => {
    const all = [
      { name: "signal", mean: 0.5, probability: 0.7 },
      { name: "decoy", mean: 0.1, probability: 0.3 },
    ];
    const intensities = protocol === "bb84-one-decoy" ? all : [{ ...all[0]!, mean: 0.6 }];
    const other = prepared({}, { protocol, source: { pulsePeriodPs: 10_000, intensities } });
    const { rows, proof } = plan(other, { ...sweep, lossesDb: [2], blocks: [1e10] });
    expect(proof).toBe(protocol === "bb84-one-decoy" ? "rusca2018-one-decoy" : "tomamichel2012-bbm92");
    expect(rows[0]!.secretBits).toBeGreaterThan(100_000);
  });

  test("bbm92 blocks are seconds, the link's own among them", () => {
    const own = entangled({}, { blocks: { seconds: 42 } });
    expect(defaultBlocks(own)).toEqual([1, 10, 42, 100, 1000]);
    const { blockUnit, rows } = plan(own, { ...sweep, lossesDb: [1], blocks: [42] });
    expect(blockUnit).toBe("seconds");
    expect(rows[0]!.secretBits).toBeGreaterThan(100);
    expect(rows[0]!.secretBitsPerSecond).toBeCloseTo(rows[0]!.secretBits / 42, 9);
  });
});

// what the plan promises is what the simulated link's true counts give, within 5 % (seeds fixed)
describe("plan and simulation agree on the secret key length", () => {
  const quarter = async (link: typeof demoDecoy.link, seconds: number) => {
    const out = await mkdtemp(join(tmpdir(), "qkd-plan-"));
    const { truth } = await simulate(parseLink(link), { seconds, seed: 3, out });
    await rm(out, { recursive: true });
    return truth;
  };
  test("bbm92", async () => {
    const input = { ...demoBbm92.link, simulation: { ...demoBbm92.link.simulation, offsetPs: 0 } };
    const parsed = parseLink(input);
    const truth = (await quarter(input, 2)) as {
      byBasis: Record<"Z" | "X", { sifted: number; errors: number }>;
    };
    const [row] = plan(parsed, { ...sweep, lossesDb: [3], blocks: [2], epsilons: [1e-9], efficiency: 1.15 }).rows;
    const { Z, X } = truth.byBasis;
    const q = Z.errors / Z.sifted;
    const h = -q * Math.log2(q) - (1 - q) * Math.log2(1 - q);
    const leak = Math.ceil(1.15 * Z.sifted * h);
    const { ell } = secretKeyLength({
      proof: "tomamichel2012-bbm92",
      input: { n: Z.sifted, k: X.sifted, m: X.errors, leak, tag_bits: 128, eps_sec: 1e-9, eps_cor: 1e-15 },
    });
    expect(Math.abs(ell! / row!.secretBits - 1)).toBeLessThan(0.05);
  });
});

describe("its plot", () => {
  test("as SVG stands alone, as a page holds the table; both without requests", () => {
    const result = plan(link, { ...sweep, lossesDb: [0, 5, 10] });
    const svg = planSvg(result);
    expect(svg).toMatch(/^<svg width="\d+" height="\d+"[^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg.match(/<path/g)!.length).toBeGreaterThan(10);
    const page = planPage(result);
    expect(page.match(/<tr>/g)!.length).toBe(1 + result.rows.filter((r) => r.secretBits > 0).length);
    for (const text of [svg, page]) expect(text).not.toMatch(/<script|NaN|#0102[0-9a-f]{2}/);
  });
});
