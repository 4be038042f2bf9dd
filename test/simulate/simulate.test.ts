import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Link, parseLink } from "../../src/link.js";
import { expectEntangled, expectPrepared } from "../../src/simulate/expectation.js";
import { simulate } from "../../src/simulate/index.js";
import { entangled, prepared } from "./links.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qkd-simulate-"));
});
afterAll(() => rm(folder, { recursive: true }));

let runs = 0;
const run = (link: Link, seconds: number, seed = 1) =>
  simulate(link, { seconds, seed, out: join(folder, `${runs++}`) });
const sha256 = async (path: string) =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex");

interface Tally {
  sifted: number;
  errors: number;
}
interface PreparedTruth {
  pulses: number;
  recorded: { photons: number; noise: number; afterpulses: number; clock: number };
  clicks: { sifted: number; errors: number; sameBasis: number; crossBasis: number; single: number };
  byIntensity: { mean: number; pulses: number; pulsesByBasis: Record<"Z" | "X", number>; Z: Tally; X: Tally }[];
  byPhotonNumber: Record<string, Tally>;
  clock: { offsetPs: string; driftPpb: number };
}
interface PairTruth {
  overlapSeconds: number;
  clicks: { allPairs: number; exclusivePairs: number; sifted: number; errors: number };
  byBasis: Record<"Z" | "X", Tally>;
}

/** |count − expected| within 5 standard deviations of a Poisson number plus the closed form's own error. */
function near(count: number, expected: number, modelError = 0.004): void {
  expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected + 1) + modelError * expected);
}

describe("same seed, same bytes", () => {
  // hashes of this simulator's output, committed: another machine or engine must give the same ones
  const known = {
    bb84: {
      alice: "fd9c4c9f0f926b0ac6bd35e0813baa86e6f75b2be9f5106ccad87a9b28f35e33",
      bob: "f85fb63ebb704e33944eb0a8992df2482b6a8235c673b61b6a507c1f9b739ef3",
    },
    bbm92: {
      alice: "a2b37aa983e49e97d42be97190b10f433d608a221d1b4cd45439205b4b28d69f",
      bob: "37dca5c28d34a9ef0110e805dd986519e3da0644dfa2f98530f9c09523fb0a34",
    },
  };
  test.each(["bb84", "bbm92"] as const)("%s", async (name) => {
    const link = name === "bb84" ? prepared({ driftWanderPpb: 5 }) : entangled({ driftWanderPpb: 5 });
    const [first, second, other] = [await run(link, 0.05), await run(link, 0.05), await run(link, 0.05, 2)];
    for (const end of ["alice", "bob"] as const) {
      expect(await sha256(first.files[end])).toBe(known[name][end]);
      expect(await sha256(second.files[end])).toBe(known[name][end]);
      expect(await sha256(other.files[end])).not.toBe(known[name][end]);
    }
    expect(await readFile(first.files.truth, "utf8")).toBe(await readFile(second.files.truth, "utf8"));
  });
});

describe("prepare and measure counts what the closed form expects (each check fails by chance below 1e-5)", () => {
  const check = (truth: PreparedTruth, link: Link) => {
    const expected = expectPrepared(link);
    let [same, cross, single] = [0, 0, 0];
    for (const [k, row] of truth.byIntensity.entries())
      for (const [b, basis] of (["Z", "X"] as const).entries()) {
        const pulses = row.pulsesByBasis[basis];
        const { sifted, errors, sameBasis, crossBasis, single: one } = expected.byClass[k]![b]!;
        near(row[basis].sifted, pulses * sifted);
        near(row[basis].errors, pulses * errors, 0.02);
        same += pulses * sameBasis;
        cross += pulses * crossBasis;
        single += pulses * one;
      }
    near(truth.clicks.single, single);
    near(truth.clicks.sameBasis, same, 0.03);
    near(truth.clicks.crossBasis, cross, 0.03);
  };
  test.each([
    ["passive, dead time, afterpulses", { afterpulse: 0.02 }],
    ["active choice of basis", { receiver: "active" as const, darkCountsHz: 20_000 }],
    ["dark counts and background above the signal", { darkCountsHz: 200_000, backgroundHz: 400_000, lossDb: 20 }],
    ["wide jitter loses clicks at the gate", { jitterPs: 400 }],
    ["misalignment differs by basis", { misalignment: { Z: 0.03, X: 0.11 } }],
  ])("%s", async (_name, simulation) => {
    const link = prepared(simulation);
    const truth = (await run(link, 0.3)).truth as unknown as PreparedTruth;
    check(truth, link);
  });

  test("the source chooses intensity, basis and bit with the exact probabilities", async () => {
    const link = prepared();
    const { truth, files } = await run(link, 0.2);
    const { pulses, byIntensity } = truth as unknown as PreparedTruth;
    const record = await readFile(files.alice);
    expect(record.length).toBe(pulses / 2);
    const nibbles = new Array<number>(16).fill(0);
    for (const byte of record) {
      nibbles[byte & 15]!++;
      nibbles[byte >>> 4]!++;
    }
    let chi = 0;
    for (const [k, { probability }] of link.source!.intensities.entries())
      for (const [b, share] of [0.7, 0.3].entries()) {
        expect(byIntensity[k]!.pulsesByBasis[b ? "X" : "Z"]).toBe(
          nibbles[4 * k + 2 * b]! + nibbles[4 * k + 2 * b + 1]!,
        );
        for (const bit of [0, 1]) {
          const expected = (pulses * probability * share) / 2;
          chi += (nibbles[4 * k + 2 * b + bit]! - expected) ** 2 / expected;
        }
      }
    expect(chi).toBeLessThan(48); // χ² with 11 degrees of freedom exceeds it with probability 1.5e-6
  });

  test("photon numbers of sifted slots follow the conditional Poisson law", async () => {
    const link = prepared({ darkCountsHz: 0, afterpulse: 0, deadTimePs: 0, lossDb: 10 });
    const { byIntensity, byPhotonNumber } = (await run(link, 0.5)).truth as unknown as PreparedTruth;
    const efficiency = 0.2 * 0.1;
    const ones = byIntensity.reduce((sum, { mean, Z }) => {
      if (mean === 0) return sum;
      const given = (mean * Math.exp(-mean) * efficiency) / -Math.expm1(-mean * efficiency);
      return sum + Z.sifted * given;
    }, 0);
    near(byPhotonNumber["1Z"]!.sifted, ones);
    expect(byPhotonNumber["0Z"]).toBeUndefined();
  });

  test("a single-photon source never gives two clicks without noise", async () => {
    const source = { pulsePeriodPs: 100_000, intensities: [{ name: "dot", mean: 0.4, probability: 0.5 }] };
    const quiet = { darkCountsHz: 0, afterpulse: 0, deadTimePs: 0 };
    const link = prepared(quiet, { protocol: "bb84-single-photon", source });
    const truth = (await run(link, 0.3)).truth as unknown as PreparedTruth;
    check(truth, link);
    expect(truth.clicks.sameBasis + truth.clicks.crossBasis).toBe(0);
  });

  test("afterpulses are the stated share of clicks", async () => {
    const { recorded } = (await run(prepared({ afterpulse: 0.05 }), 0.3)).truth as unknown as PreparedTruth;
    const clicks = recorded.photons + recorded.noise + recorded.afterpulses;
    near(recorded.afterpulses, 0.05 * clicks, 0.03); // the next click may come first
  });
});

describe("links that give no key", () => {
  test("no photon arrives, no noise: the dump is empty but whole", async () => {
    const link = prepared({ lossDb: 180, darkCountsHz: 0 }, { bob: { detectors: prepared().bob.detectors! } });
    const { truth, events } = await run(link, 0.05);
    expect(events.bob).toBe(0);
    expect((truth as unknown as PreparedTruth).clicks.sifted).toBe(0);
    const pairs = await run(entangled({ lossDb: 180, darkCountsHz: 0, backgroundHz: 0 }), 0.05);
    expect(pairs.events).toEqual({ alice: 0, bob: 0 });
  });
  test("clicks many chunks of the record apart fall into their own pulses", async () => {
    const source = { ...prepared().source!, pulsePeriodPs: 1000 };
    const link = prepared({ lossDb: 54, darkCountsHz: 0 }, { source, window: { halfWidthPs: 500 } });
    const { clicks, byPhotonNumber } = (await run(link, 0.02)).truth as unknown as PreparedTruth;
    expect(clicks.single).toBeGreaterThan(0);
    expect(clicks.single).toBeLessThan(20); // 19 chunks of 2²⁰ pulses
    expect(byPhotonNumber["0Z"] ?? byPhotonNumber["0X"]).toBeUndefined();
  });
  test("pure noise: half of the sifted bits are wrong", async () => {
    const link = prepared({ lossDb: 180, darkCountsHz: 1_000_000 });
    const { clicks } = (await run(link, 0.2)).truth as unknown as PreparedTruth;
    expect(clicks.sifted).toBeGreaterThan(1000);
    near(clicks.errors, clicks.sifted / 2, 0);
  });
  test("Bob starts after the first pulses: they are missing, the rest is in place", async () => {
    const link = prepared({ offsetPs: -50_000_000_000 });
    const truth = (await run(link, 0.2)).truth as unknown as PreparedTruth;
    const { byClass } = expectPrepared(link);
    const row = truth.byIntensity[0]!;
    near(row.Z.sifted, row.pulsesByBasis.Z * 0.75 * byClass[0]![0].sifted);
    expect(Math.abs(Number(truth.clock.offsetPs) + 50_000_000_000)).toBeLessThan(500);
  });
});

describe("entangled pairs", () => {
  test.each([
    ["opposite bits", {}, {}],
    ["equal bits", {}, { correlation: "equal" as const }],
    ["unequal bases and much background", { receiverBasis: { Z: 0.8, X: 0.2 }, backgroundHz: 150_000 }, {}],
  ])("%s", async (_name, simulation, more) => {
    const link = entangled({ pairRateHz: 2_000_000, ...simulation }, more);
    const { overlapSeconds, clicks, byBasis } = (await run(link, 0.6)).truth as unknown as PairTruth;
    const expected = expectEntangled(link);
    expect(overlapSeconds).toBeCloseTo(0.58, 3);
    near(clicks.allPairs, expected.coincidences * overlapSeconds, 0.01);
    for (const [b, basis] of (["Z", "X"] as const).entries()) {
      near(byBasis[basis].sifted, expected.sifted[b]! * overlapSeconds, 0.01);
      near(byBasis[basis].errors, expected.errors[b]! * overlapSeconds, 0.03);
    }
  });
});

describe("files", () => {
  test("link.json parses, names the formats and holds nothing of the simulation", async () => {
    const link = prepared({ formats: { bob: "qutag" } });
    const { files, formats } = await run(link, 0.01);
    const written = JSON.parse(await readFile(files.link, "utf8"));
    expect(formats).toEqual({ alice: "preparation", bob: "qutag" });
    expect(written.simulation).toBeUndefined();
    const parsed = parseLink(written);
    expect({ ...parsed, bob: link.bob, simulation: link.simulation }).toEqual(link);
  });

  test("the offset is drawn in ± 1 s and the drift in ± 10 ppm where the link does not say", async () => {
    const drawn = [];
    for (let seed = 0; seed < 12; seed++) {
      const link = prepared({ lossDb: 40, offsetPs: undefined, wanderPs: 0 } as never);
      drawn.push((await run(link, 0.02, seed)).truth as unknown as PreparedTruth);
    }
    const offsets = drawn.map(({ clock }) => Number(clock.offsetPs));
    expect(Math.max(...offsets.map(Math.abs))).toBeLessThanOrEqual(0.005e12); // a quarter of 20 ms
    expect(offsets.some((o) => o < 0) && offsets.some((o) => o > 0)).toBe(true);
    expect(Math.max(...drawn.map(({ clock }) => Math.abs(clock.driftPpb)))).toBeLessThanOrEqual(10_000);
  });

  test.each([Number.NaN, 1.5, 2 ** 53, Number.POSITIVE_INFINITY, "1", undefined])("%s is no seed", async (seed) => {
    const out = join(folder, "no-seed");
    await expect(simulate(prepared(), { seconds: 0.01, seed: seed as number, out })).rejects.toMatchObject({
      code: "USAGE_INVALID",
    });
    expect(existsSync(out)).toBe(false);
  });

  test.each([prepared(), entangled()])("a run of $protocol that is stopped says INTERRUPTED", async (link) => {
    const options = { seconds: 1, seed: 2n ** 70n, out: join(folder, `stopped-${link.protocol}`) };
    const stopped = simulate(link, { ...options, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ name: "QkdError", code: "INTERRUPTED" });
  });

  test("an interrupted run leaves nothing under a final name", async () => {
    const abort = new AbortController();
    const out = join(folder, "aborted");
    const stopped = simulate(prepared(), {
      seconds: 1,
      seed: 1,
      out,
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    await expect(stopped).rejects.toThrow();
    expect(await readdir(out)).toEqual([]);
  });

  test("refusals name the field or the file", async () => {
    await expect(run(prepared({ formats: { bob: "ht2" } }), 0.01)).rejects.toMatchObject({
      code: "LINK_CONFIG_INVALID",
      details: { field: "bob.format" },
    });
    await expect(run(prepared(), 0)).rejects.toMatchObject({ code: "USAGE_INVALID" });
    const taken = simulate(prepared(), { seconds: 0.01, seed: 1, out: "/dev/null/x" });
    await expect(taken).rejects.toMatchObject({ code: "FILE_WRITE_FAILED" });
    expect(existsSync("/dev/null/x")).toBe(false);
  });
});
