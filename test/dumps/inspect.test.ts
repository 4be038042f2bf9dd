import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectionText } from "../../src/cli/inspect-text.js";
import { type Inspection, inspectDump } from "../../src/dumps/inspect.js";
import type { OpenOptions } from "../../src/dumps/types.js";
import { ptu, samples } from "./samples.js";
import { chance, clicks } from "./streams.js";

const folder = mkdtempSync(join(tmpdir(), "inspect-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const csv = (rows: readonly (readonly [bigint | number, number])[]) =>
  Buffer.from(`time_ps,channel\n${rows.map(([t, c]) => `${t},${c}\n`).join("")}`);

function* numbers(value: unknown): Generator<number> {
  if (typeof value === "number") yield value;
  else if (value && typeof value === "object") for (const inner of Object.values(value)) yield* numbers(inner);
}

function isSensible(answer: Inspection): void {
  for (const number of numbers(answer)) expect(Number.isFinite(number)).toBe(true);
  for (const text of [inspectionText(answer), JSON.stringify(answer)])
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
}

async function inspected(bytes: Uint8Array, options: OpenOptions = { format: "csv" }): Promise<Inspection> {
  const answer = await inspectDump(Readable.from([bytes]), options);
  isSensible(answer);
  return answer;
}

describe("odd dumps are told in numbers that make sense", () => {
  it("no event, one, two", async () => {
    expect(await inspected(ptu(0x01010204, []), {})).toMatchObject({
      events: 0,
      channelFigures: {},
      gaps: { count: 0 },
    });
    expect(await inspected(csv([[5, 3]]))).toMatchObject({ events: 1, channelFigures: { 3: { ratePerSecond: 0 } } });
    const two = await inspected(
      csv([
        [0, 1],
        [1_000_000_000_000, 1],
      ]),
    );
    expect(two.channelFigures![1]!.ratePerSecond).toBe(1);
  });

  it("all events in one tick", async () => {
    const answer = await inspected(csv(Array.from({ length: 500 }, () => [77, 1] as const)));
    expect(answer.channelFigures![1]).toMatchObject({ events: 500, notAfter: 499, ratePerSecond: 0 });
  });

  it("64 channels, and times far out of order", async () => {
    const random = chance(5);
    const rows = Array.from({ length: 5000 }, (_, i) => [Math.floor(random() * 1e12), i % 64] as const);
    const answer = await inspected(csv(rows));
    expect(Object.keys(answer.channelFigures!)).toHaveLength(64);
    expect(answer.outOfOrderSteps).toBeGreaterThan(2000);
    const counts = Object.values(answer.rates!.counts).flat();
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(5000);
  });

  it("times beyond 2^53, told to the picosecond", async () => {
    const first = 2n ** 63n;
    const rows = Array.from({ length: 1001 }, (_, i) => [first + 1_000_000_007n * BigInt(i), 2] as const);
    const answer = await inspected(csv(rows));
    expect(answer).toMatchObject({ firstPs: String(first), durationPs: "1000000007000" });
    expect(answer.channelFigures![2]).toMatchObject({ kind: "clock", clockPeriodPs: "1000000007", clockMissing: 0 });
  });

  it("a day at one event a second", async () => {
    const times = clicks({ events: 86_400, ratePerSecond: 1 }, chance(6));
    const answer = await inspected(csv(times.map((t) => [t, 1] as const)));
    expect(answer.channelFigures![1]!.ratePerSecond).toBeCloseTo(1, 1);
    expect(answer.gaps!.count).toBe(0);
    expect(answer.rates!.counts[1]!.length).toBeGreaterThan(200);
  });

  it.each(samples.map((sample, i) => [`${i} ${sample.format}`, sample] as const))("sample %s", async (_, sample) => {
    const answer = await inspected(sample.bytes, { ...sample.options, format: sample.format });
    // Packets without times have no figures of time.
    expect(answer.rates === undefined).toBe(/^qcrypto_T[34]$/.test(sample.format));
  });

  it("T3: delays, and a sync period that cannot be", async () => {
    const records = Array.from({ length: 900 }, (_, i) => ((100 + (i % 7) ** 2) << 10) | i);
    const fine = await inspected(ptu(0x01010304, records, { tick: 25e-9, dtime: 1e-10 }), {});
    const { decay } = fine.channelFigures![1]!;
    expect(decay!.counts.reduce((sum, n) => sum + n, 0)).toBe(900);
    expect(fine.notes!.join()).not.toMatch(/syncs were lost/);
    const lost = await inspected(ptu(0x01010304, records, { tick: 12e-9, dtime: 1e-10 }), {});
    expect(lost.notes!.join()).toMatch(/syncs were lost/);
  });

  it("a preparation record", async () => {
    const path = join(folder, "prepared");
    writeFileSync(path, Buffer.alloc(1000, 0x17));
    const answer = await inspectDump(path, { format: "preparation" });
    isSensible(answer);
    expect(answer.preparation).toEqual({ ones: 1, basisX: 0.5, intensities: [0.5, 0.5, 0, 0] });
  });
});

describe("Ctrl-C", () => {
  const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
  /** As long as the command takes to start here and now, several times over. */
  let startMs = 0;
  beforeAll(async () => {
    const path = join(folder, "one.csv");
    writeFileSync(path, csv([[1, 1]]));
    const began = performance.now();
    await once(spawn(process.execPath, [cli, "inspect", path, "--json"], { stdio: "ignore" }), "close");
    startMs = 1000 + 3 * (performance.now() - began);
  });
  /** Runs the command and interrupts it once `ready` holds. */
  async function interrupted(args: string[], ready: () => boolean, input?: Buffer) {
    const child = spawn(process.execPath, [cli, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => out.push(part));
    if (input) child.stdin.write(input);
    const ended = once(child, "close") as Promise<[number]>;
    while (!ready()) await setTimeout(50);
    await setTimeout(startMs);
    child.kill("SIGINT");
    const [code] = await ended;
    return { code, json: JSON.parse(Buffer.concat(out).toString()) as Record<string, unknown> };
  }
  const some = csv(Array.from({ length: 2000 }, (_, i) => [i * 1000, 1] as const));

  it("inspect tells what it had read, of a file that grows and of standard input", async () => {
    const path = join(folder, "growing.csv");
    writeFileSync(path, some);
    const grown = await interrupted(["inspect", path, "--follow", "600", "--json"], () => true);
    expect(grown).toMatchObject({ code: 130, json: { interrupted: true, events: 2000, format: "csv" } });
    const piped = await interrupted(["inspect", "-", "--format", "csv", "--json"], () => true, some);
    expect(piped).toMatchObject({ code: 130, json: { interrupted: true, format: "csv" } });
    const silent = await interrupted(["inspect", "-", "--json"], () => true);
    expect(silent).toMatchObject({ code: 130, json: { error: { code: "INTERRUPTED" } } });
  });

  it("inspect tells what it had read of a preparation record, that grows or is long", async () => {
    const path = join(folder, "prepared-grows");
    writeFileSync(path, Buffer.alloc(1000, 0x17));
    const args = ["inspect", path, "--format", "preparation", "--json"];
    const grown = await interrupted([...args, "--follow", "600"], () => true);
    expect(grown).toMatchObject({
      code: 130,
      json: { interrupted: true, records: 2000, channels: { 1: 1000, 7: 1000 } },
    });
    // Hours of reading, of which nothing lies on the disk.
    truncateSync(path, 2 ** 42);
    const { code, json } = await interrupted(args, () => true);
    expect({ code, ...json }).toMatchObject({ code: 130, interrupted: true, format: "preparation" });
    const { records, channels } = json as unknown as Inspection;
    expect(records).toBeGreaterThan(2000);
    expect(records).toBeLessThan(2 ** 43);
    expect(channels[0]).toBe(records - 2000);
  });

  it("convert leaves nothing of its output", async () => {
    const path = join(folder, "growing.csv");
    const out = join(folder, "out.ptu");
    writeFileSync(path, some);
    const begun = () => readdirSync(folder).some((name) => name.startsWith("out.ptu"));
    const stopped = await interrupted(["convert", path, out, "--follow", "600", "--json"], begun);
    expect(stopped).toMatchObject({ code: 130, json: { error: { code: "INTERRUPTED" } } });
    expect(readdirSync(folder).filter((name) => name.startsWith("out.ptu"))).toEqual([]);
  });
});
