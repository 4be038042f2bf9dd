/** Files that an instrument still writes: when they are waited for, when they have ended, and what is no growth. */
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { openDump, PreparationRecord } from "../../src/dumps/index.js";
import { dumpIdentity } from "../../src/end-data.js";
import { parseLink } from "../../src/link.js";
import { demoBbm92 } from "../../src/simulate/index.js";
import { EventStream } from "../../src/timing/events.js";

const folder = mkdtempSync(join(tmpdir(), "qkd-growth-"));
afterAll(() => rmSync(folder, { recursive: true }));

const follow = { idleSeconds: 0.3 };
/** Nothing ends it but the signal. */
const patient = { idleSeconds: 600 };
const tags = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${(from + i) * 1000},1\n`).join("");

async function eventsOf(file: string, options: Parameters<typeof openDump>[1] = {}): Promise<number> {
  const dump = await openDump(file, { format: "csv", columns: ["time", "channel"], unit: "ps", follow, ...options });
  try {
    let events = 0;
    for await (const batch of dump) events += batch.length;
    return events;
  } finally {
    await dump.close();
  }
}

describe("a dump that is followed", () => {
  it("is waited for where it is not there yet", async () => {
    const file = join(folder, "late.csv");
    const read = eventsOf(file);
    await sleep(60);
    writeFileSync(file, tags(0, 100));
    expect(await read).toBe(100);
  });

  it("is missing once it was waited for", async () => {
    await expect(eventsOf(join(folder, "never.csv"))).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });

  it("is read to its end where it is moved away or deleted", async () => {
    const file = join(folder, "moved.csv");
    writeFileSync(file, tags(0, 100));
    const read = eventsOf(file);
    await sleep(60);
    appendFileSync(file, tags(100, 150));
    rmSync(file);
    expect(await read).toBe(150);
  });

  it.each([
    ["shorter", (file: string) => truncateSync(file, 100)],
    [
      "another file",
      (file: string) => {
        writeFileSync(`${file}.new`, tags(0, 300));
        renameSync(`${file}.new`, file);
      },
    ],
  ])("is refused once it is %s", async (what, change) => {
    const file = join(folder, `${what}.csv`);
    writeFileSync(file, tags(0, 200));
    const read = eventsOf(file, { follow: patient });
    setTimeout(() => change(file), 60);
    await expect(read).rejects.toMatchObject({ code: "DUMP_REPLACED" });
  });

  it("cannot be a format that is read from its end", async () => {
    const file = join(folder, "table.parquet");
    writeFileSync(file, "PAR1 and what comes");
    await expect(eventsOf(file, { format: "parquet" })).rejects.toMatchObject({ code: "DUMP_FORMAT_UNSUPPORTED" });
  });

  it("whose channels the link does not name is refused before it ends", async () => {
    const file = join(folder, "strangers.csv");
    writeFileSync(file, tags(0, 40_000).replaceAll(",1", ",77"));
    const stop = new AbortController();
    const options = { columns: ["time", "channel"], unit: "ps", follow: { ...patient, signal: stop.signal } } as const;
    const dump = await openDump(file, { format: "csv", ...options });
    const events = new EventStream(dump, parseLink(demoBbm92.link).bob, "bob");
    await expect(events.readAhead((ahead) => ahead.length > 0)).rejects.toMatchObject({
      code: "LINK_CHANNEL_UNKNOWN",
      details: { end: "bob", unnamed: [77] },
    });
    await dump.close();
  });
});

describe("a preparation record that is followed", () => {
  it("is waited for as far as is asked, and ends once it is quiet", async () => {
    const file = join(folder, "record.bin");
    writeFileSync(file, new Uint8Array(100));
    const record = await PreparationRecord.open(file, follow);
    setTimeout(() => appendFileSync(file, new Uint8Array(51)), 60);
    await Promise.all([record.reaches(250), record.reaches(300)]);
    expect(record.pulses).toBe(302);
    await record.reaches(1000);
    expect(record.pulses).toBe(302);
    await record.close();
  });

  it("has not ended where the signal says that the run does", async () => {
    const file = join(folder, "stopped.bin");
    writeFileSync(file, new Uint8Array(100));
    const stop = new AbortController();
    const record = await PreparationRecord.open(file, { ...patient, signal: stop.signal, signalFails: true });
    setTimeout(() => stop.abort(), 30);
    await expect(record.reaches(1000)).rejects.toMatchObject({ code: "INTERRUPTED" });
    await record.close();
  });
});

describe("a growing dump's identity", () => {
  it("waits for its start, and is that of the finished dump", async () => {
    const file = join(folder, "identity.bin");
    writeFileSync(file, new Uint8Array(1000).fill(1));
    const growing = dumpIdentity(file, follow);
    setTimeout(() => appendFileSync(file, new Uint8Array(9000).fill(2)), 60);
    expect(await growing).toBe(await dumpIdentity(file));
    writeFileSync(file, new Uint8Array(10_000).fill(3));
    expect(await growing).not.toBe(await dumpIdentity(file));
  });

  it("is no other where the instrument fills in what the measurement came to", async () => {
    const file = join(folder, "identity.ptu");
    const dump = (count: number, first: number) => {
      const bytes = Buffer.alloc(5000, 7);
      bytes.write("PQTTTR\0\0");
      bytes.write("TTResult_NumberOfRecords", 200);
      bytes.writeBigInt64LE(BigInt(count), 240);
      bytes.writeUInt32LE(first, 1000);
      writeFileSync(file, bytes);
      return dumpIdentity(file);
    };
    expect(await dump(12345, 1)).toBe(await dump(0, 1));
    expect(await dump(12345, 1)).not.toBe(await dump(12345, 2));
  });
});
