import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { distillText } from "../../src/cli/distill-text.js";
import { distill } from "../../src/distill.js";
import { type LinkInput, parseLink } from "../../src/link.js";
import { parseAudit, recompute } from "../../src/security/audit.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { sharedFile, sharedFolder } from "../shared.js";
import { bothKeys, keysOf, type Simulated, simulated, smallBbm92, smallDecoy } from "./links.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());

let runs = 0;
function run(link: Simulated, change: Partial<Parameters<typeof distill>[1]> = {}) {
  const out = join(link.folder, `out-${++runs}`);
  return { out, report: distill(executor, { link: link.link, alice: link.alice, bob: link.bob, out, ...change }) };
}

describe("a BBM92 link", () => {
  let link: Simulated;
  beforeAll(async () => {
    link = await simulated(smallBbm92({ keyBits: 256, blocks: { seconds: 0.5 } }), 1.2, 7);
  }, 60_000);

  test("gives the same keys under the same IDs at both ends", async () => {
    const { out, report } = run(link);
    const { secretBits, keys, blocks } = await report;
    expect(secretBits).toBeGreaterThan(2000);
    expect(blocks.length).toBeGreaterThan(1);
    const [alice, bob] = bothKeys(out);
    expect(alice).toBe(bob);
    expect(keysOf(out, "alice")).toHaveLength(keys);
    expect(
      keysOf(out, "alice").every(({ bits, key }) => bits === 256 && Buffer.from(key, "base64").length === 32),
    ).toBe(true);
    expect(statSync(join(out, "alice", "keys.jsonl")).mode & 0o777).toBe(0o600);
  });

  test("counts the same clicks again and hands no key out twice when it is started again", async () => {
    const { out, report } = run(link);
    const first = await report;
    const again = await distill(executor, { link: link.link, alice: link.alice, bob: link.bob, out });
    const anew = await run(link).report;
    expect(again.secretBits).toBe(first.secretBits);
    expect(keysOf(out, "bob")).toHaveLength(first.keys);
    expect(anew.clicks).toEqual(first.clicks);
  });

  test("leaves an audit from which every key length follows, and one altered count is named", async () => {
    const { out, report } = run(link);
    await report;
    const text = readFileSync(join(out, "alice", "audit.jsonl"), "utf8");
    const records = parseAudit(text, "audit.jsonl");
    expect(records.map(recompute).every(({ same }) => same)).toBe(true);
    const altered = {
      ...records[0]!,
      counts: { ...records[0]!.counts, testErrors: [records[0]!.counts.testErrors[0]! + 1] },
    };
    expect(recompute(altered)).toMatchObject({ same: false, difference: expect.stringContaining("testErrors") });
  });

  test("whose dumps are on other channels than the link names is refused with what to do", async () => {
    const shifted = link.link.bob.detectors!.map((detector) => ({ ...detector, channel: detector.channel + 3 }));
    const { report } = run({ ...link, link: { ...link.link, bob: { ...link.link.bob, detectors: shifted } } });
    await expect(report).rejects.toMatchObject({ code: "LINK_CHANNEL_UNKNOWN" });
  });

  test("with a cut dump salvages what precedes the cut, and refuses it when strict", async () => {
    const cut = join(link.folder, "cut.ptu");
    writeFileSync(cut, readFileSync(link.bob));
    truncateSync(cut, Math.floor(statSync(cut).size * 0.7) + 1);
    const salvaged = await run({ ...link, bob: cut }).report;
    expect(salvaged.siftedBits).toBeGreaterThan(0);
    expect(salvaged.warnings.join()).toContain("bob: DUMP_RECORD_COUNT_MISMATCH");
    await expect(run({ ...link, bob: cut }, { strict: true }).report).rejects.toMatchObject({
      code: expect.stringMatching(/^DUMP_(RECORD_COUNT_MISMATCH|TRUNCATED_RECORD)$/),
    });
  });

  test.each([
    ["a folder", "FILE_UNREADABLE", (folder: string) => folder],
    ["a missing file", "FILE_UNREADABLE", (folder: string) => join(folder, "none.ptu")],
    ["an empty file", "DUMP_BAD_MAGIC", (folder: string) => file(folder, "empty", new Uint8Array())],
    ["text", "DUMP_BAD_MAGIC", (folder: string) => file(folder, "text", new TextEncoder().encode("no dump"))],
  ])("with %s for Bob's dump ends with %s", async (_what, code, path) => {
    await expect(run({ ...link, bob: path(link.folder) }).report).rejects.toMatchObject({ code });
  });
});

function file(folder: string, name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

const twoIntensities: Partial<LinkInput> = {
  protocol: "bb84-one-decoy",
  source: { ...smallDecoy().source!, intensities: smallDecoy().source!.intensities.slice(0, 2).map(evenly) },
};
function evenly<T extends object>(intensity: T): T & { probability: number } {
  return { ...intensity, probability: 0.5 };
}

describe("a link that can give no key says why, with numbers where there is no lock", () => {
  test.each([
    ["12 % QBER", smallBbm92({}, { misalignment: { Z: 0.12, X: 0.12 } }), 0.6, "QBER_ABOVE_LIMIT"],
    ["pure noise", smallBbm92({}, { pairRateHz: 0.001, backgroundHz: 100_000 }), 0.6, "NO_LOCK"],
    ["an empty link", smallBbm92({}, { pairRateHz: 0.001, backgroundHz: 0, darkCountsHz: 0 }), 0.6, "NO_DETECTIONS"],
    ["a decoy link too short for its bound", smallDecoy(), 0.01, "KEY_TOO_SHORT"],
    ["one with two intensities", smallDecoy(twoIntensities), 0.01, "KEY_TOO_SHORT"],
    ["a decoy link of pure noise", smallDecoy({}, { lossDb: 90, darkCountsHz: 50_000 }), 0.1, "NO_LOCK"],
  ])(
    "%s",
    async (_name, input, seconds, reason) => {
      const link = await simulated(input, seconds, 3);
      const { out, report } = run(link);
      const found = await report;
      expect(found).toMatchObject({ secretBits: 0, keys: 0, reason });
      if (reason === "NO_LOCK") expect(distillText(found)).toMatch(/no lock .*(leastPairsHz|detections) \d+/);
      for (const role of ["alice", "bob"]) {
        expect(readFileSync(join(out, role, "keys.jsonl"), "utf8")).toBe("");
        const audit = parseAudit(readFileSync(join(out, role, "audit.jsonl"), "utf8"), "audit.jsonl");
        expect(audit.map(recompute).filter(({ same }) => !same)).toEqual([]);
      }
    },
    60_000,
  );
});

describe.skipIf(!sharedFolder)("golden links", () => {
  const truths = sharedFolder ? JSON.parse(readFileSync(sharedFile("dumps/link/truth_link.json"), "utf8")) : {};
  const detectors = [
    ["Z", 0],
    ["Z", 1],
    ["X", 0],
    ["X", 1],
  ].map(([basis, bit], i) => ({ channel: i + 1, basis, bit }));
  const common = {
    version: 1,
    name: "golden",
    keyBasis: "Z",
    epsilon: { secrecy: 1e-9, correctness: 1e-12 },
    window: { halfWidthPs: 1000 },
  };

  test.each([true, false])("decoy BB84, clock channel %s", async (clock) => {
    const link = parseLink({
      ...common,
      protocol: "bb84-two-decoy",
      source: {
        pulsePeriodPs: 250_000,
        intensities: [
          { name: "signal", mean: 0.5, probability: 0.7 },
          { name: "decoy", mean: 0.1, probability: 0.2 },
          { name: "vacuum", mean: 0, probability: 0.1 },
        ],
      },
      bob: { detectors, deadTimePs: 600_000, ...(clock ? { clockChannel: { channel: 0, everyPulses: 1000 } } : {}) },
    });
    const { truth, clock: drawn } = truths.bb84;
    const folder = mkdirTemporary();
    const { report } = run({
      link,
      alice: sharedFile("dumps/link/bb84_alice.bin"),
      bob: sharedFile("dumps/link/bb84_bob.ptu"),
      folder,
    });
    const { clicks, clock: found, secretBits } = await report;
    expect(Math.abs(clicks.single.siftedBits - truth.sifted) / truth.sifted).toBeLessThan(0.003);
    expect(Math.abs(clicks.single.qber! - truth.qber)).toBeLessThan(0.0007);
    expect(Math.abs(Number(found!.offsetPs) - drawn.t0_ps)).toBeLessThan(150);
    expect(Math.abs(found!.driftPpb - drawn.drift * 1e9)).toBeLessThan(1);
    expect(secretBits).toBe(0);
  });

  test("BBM92", async () => {
    const ends = { alice: { detectors }, bob: { detectors } };
    const link = parseLink({ ...common, ...ends, protocol: "bbm92", correlation: "opposite" });
    const { truth, clock: drawn } = truths.bbm92;
    const folder = mkdirTemporary();
    const { out, report } = run({
      link,
      alice: sharedFile("dumps/link/bbm92_alice.ptu"),
      bob: sharedFile("dumps/link/bbm92_bob.ptu"),
      folder,
    });
    const { clicks, clock: found, secretBits } = await report;
    expect(Math.abs(clicks.single.siftedBits - truth.sifted) / truth.sifted).toBeLessThan(0.005);
    expect(Math.abs(clicks.single.errors! - truth.errors)).toBeLessThanOrEqual(12);
    expect(Math.abs(found!.driftPpb - drawn.drift * 1e9)).toBeLessThan(1);
    expect(secretBits).toBeGreaterThan(3200);
    const [alice, bob] = bothKeys(out);
    expect(alice).toBe(bob);
  });
});

function mkdirTemporary(): string {
  const folder = join(process.env.TMPDIR ?? "/tmp", `qkd-golden-${process.pid}-${++runs}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}
