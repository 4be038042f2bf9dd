import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  convertDump,
  createDumpWriter,
  type Dump,
  openDump,
  type TagBatch,
  writableFormats,
} from "../../src/dumps/index.js";
import { inOrder } from "../../src/dumps/order.js";
import type { WritableFormat } from "../../src/dumps/write/encoders.js";
import { samples } from "./samples.js";

const folder = mkdtempSync(join(tmpdir(), "convert-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function batchOf(times: readonly bigint[], codes: readonly number[]): TagBatch {
  const base = times[0] ?? 0n;
  return {
    base,
    dt: Float64Array.from(times, (t) => Number(t - base)),
    channel: Uint8Array.from(codes),
    length: times.length,
    gapBefore: false,
  };
}

async function eventsOf(batches: AsyncIterable<TagBatch>): Promise<[bigint, number][]> {
  const events: [bigint, number][] = [];
  for await (const { base, dt, channel, length } of batches)
    for (let i = 0; i < length; i++) events.push([base + BigInt(dt[i]!), channel[i]!]);
  return events;
}

async function read(path: string, format: WritableFormat, through: (dump: Dump) => AsyncIterable<TagBatch>) {
  const dump = await openDump(path, { format });
  try {
    return await eventsOf(through(dump));
  } finally {
    await dump.close();
  }
}

async function written(format: string, batches: TagBatch[]): Promise<string> {
  const path = join(folder, `${format}-${Math.random()}`);
  const writer = await createDumpWriter(path, format);
  for (const batch of batches) await writer.append(batch);
  await writer.commit();
  return path;
}

describe("writers", () => {
  const exact = writableFormats.filter((format) => format !== "a1" && format !== "u64");
  it.each(exact)("%s holds what was written, up to 2^63 ps and in any pieces", async (format) => {
    const step = fc.oneof(fc.nat(100), fc.nat(2 ** 26), fc.nat(2 ** 45));
    const events = fc.array(fc.tuple(step, fc.nat(64)), { maxLength: 60 });
    const begin = fc.constantFrom(0n, 5n, 260_182_250_239_296_553n, 2n ** 62n);
    await fc.assert(
      fc.asyncProperty(events, begin, fc.nat(60), async (list, first, cut) => {
        let t = first;
        const times = list.map(([by]) => {
          t += BigInt(by);
          return t;
        });
        const codes = list.map(([, code]) => code);
        const at = Math.min(cut, times.length);
        const pieces = [batchOf(times.slice(0, at), codes.slice(0, at)), batchOf(times.slice(at), codes.slice(at))];
        const path = await written(format, pieces);
        const dump = await openDump(path, { format });
        expect(await eventsOf(dump)).toEqual(times.map((time, i) => [time, codes[i]]));
        expect(dump.info.warnings).toEqual([]);
        await dump.close();
        rmSync(path);
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it("a1 rounds to its ticks and says so", async () => {
    const path = join(folder, "rounded");
    const writer = await createDumpWriter(path, "a1");
    await writer.append(batchOf([0n, 2n, 125n, 2n ** 50n], [1, 2, 4, 8]));
    await writer.append(batchOf([2n ** 50n + 1n], [77]));
    await writer.commit();
    expect(Object.fromEntries(writer.losses)).toEqual({
      "times rounded to ticks of 3.90625 ps": expect.any(Number) as number,
      "channels above 15: events left out": 1,
    });
    const dump = await openDump(path, { format: "a1" });
    const found = await eventsOf(dump);
    expect(found.map(([, code]) => code)).toEqual([1, 2, 4, 8]);
    [0n, 2n, 125n, 2n ** 50n].forEach((time, i) => {
      expect(Math.abs(Number(found[i]![0] - time))).toBeLessThanOrEqual(2);
    });
    await dump.close();
  });

  it("leave nothing under the final name until they commit", async () => {
    const path = join(folder, "unfinished.ptu");
    const writer = await createDumpWriter(path, "ptu");
    await writer.append(batchOf([1n], [1]));
    expect(existsSync(path)).toBe(false);
    await writer.discard();
    expect(existsSync(path)).toBe(false);
  });

  it("refuse a format without a writer", async () => {
    await expect(createDumpWriter(join(folder, "x"), "ht3")).rejects.toMatchObject({ code: "DUMP_FORMAT_UNSUPPORTED" });
  });
});

describe("convert", () => {
  it("keeps the events of every format with times that quTAG can hold, in order of time", async () => {
    for (const sample of samples) {
      if (sample.format.startsWith("qcrypto")) continue;
      const options = { ...sample.options, format: sample.format };
      const source = () => Readable.from([Buffer.from(sample.bytes)]);
      const output = join(folder, "converted");
      const result = await convertDump(source(), output, "qutag_raw", options);
      const expected = (await eventsOf(inOrder(await openDump(source(), options)))).filter(([t]) => t >= 0n);
      const dump = await openDump(output, { format: "qutag_raw" });
      expect(await eventsOf(dump)).toEqual(expected);
      expect(result.to.events).toBe(expected.length);
      await dump.close();
    }
  });

  it("names what is lost", async () => {
    const swabian = samples.find(({ format }) => format === "swabian16")!;
    const input = Readable.from([Buffer.from(swabian.bytes)]);
    const { losses, to } = await convertDump(input, join(folder, "lossy"), "ptu", { format: "swabian16" });
    expect(losses.map(({ what }) => what).join("; ")).toMatch(/channels that a ptu.*lost data.*missed/);
    expect(to.events).toBe(2);
  });

  it("between any two formats: the events are equal, or what was lost is named with its count", async () => {
    const step = fc.oneof(fc.integer({ min: -3_000_000, max: 100 }), fc.nat(2 ** 26), fc.nat(2 ** 46));
    const first = fc.constantFrom(-5n, 0n, 2n ** 53n, 2n ** 56n + 1n, 2n ** 63n - 2n ** 44n, 2n ** 64n - 2n ** 46n);
    const code = fc.oneof(fc.nat(8), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, code), { maxLength: 30 }), first, async (list, begin) => {
        let t = begin;
        const rows = list.map(([by, c]) => {
          t += BigInt(by);
          return `${t},${c}\n`;
        });
        const csv = join(folder, "any.csv");
        writeFileSync(csv, rows.filter((row) => BigInt(row.split(",")[0]!) < 2n ** 64n).join(""));
        for (const from of writableFormats) {
          const between = join(folder, `any.${from}`);
          await convertDump(csv, between, from, { format: "csv" });
          const before = await read(between, from, inOrder);
          for (const format of writableFormats) {
            const path = join(folder, "any.out");
            const { losses, to } = await convertDump(between, path, format, { format: from });
            const after = await read(path, format, (dump) => dump);
            expect(after.length, `${from} to ${format}`).toBe(to.events);
            const lost = losses.filter(({ what }) => !/steps back|were rounded/.test(what));
            if (lost.length === 0) expect(after, `${from} to ${format}`).toEqual(before);
          }
        }
      }),
      { numRuns: process.env.QKD_SLOW ? 1000 : 4, seed: 3 },
    );
  });

  it("of times that no format has costs no memory", async () => {
    const input = Readable.from([Buffer.from(BigUint64Array.of(1n, 2n ** 62n).buffer)]);
    const path = join(folder, "far.ptu");
    const { to, losses } = await convertDump(input, path, "ptu", { format: "u64", unit: "s" });
    expect(to.events).toBe(1);
    expect(losses).toEqual([{ what: "times that the format cannot hold: events left out", count: 1 }]);
  });

  it("replaces no device, and a full disk leaves nothing", async () => {
    const input = () => Readable.from([Buffer.from("1,2\n")]);
    await expect(convertDump(input(), "/dev/null", "csv", { format: "csv" })).rejects.toMatchObject({
      code: "FILE_WRITE_FAILED",
    });
    const taken = join(folder, "taken");
    mkdirSync(taken);
    await expect(convertDump(input(), taken, "csv", { format: "csv" })).rejects.toMatchObject({
      code: "FILE_WRITE_FAILED",
    });
    expect(existsSync(`${taken}.partial`)).toBe(false);
  });
});

describe("order", () => {
  it("puts small steps back right whatever the batches, keeping equal times in file order", async () => {
    const jitter = fc.array(fc.tuple(fc.nat(3_000_000), fc.nat(900_000)), { minLength: 1, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(jitter, fc.integer({ min: 1, max: 9 }), async (list, size) => {
        let t = 2n ** 60n;
        const times = list.map(([by, late]) => {
          t += BigInt(by);
          return t - BigInt(late);
        });
        const codes = list.map((_, i) => i);
        async function* source(): AsyncGenerator<TagBatch> {
          for (let i = 0; i < times.length; i += size)
            yield batchOf(times.slice(i, i + size), codes.slice(i, i + size));
        }
        const sorted = times
          .map((time, i): [bigint, number] => [time, codes[i]!])
          .sort(([a, i], [b, j]) => (a < b ? -1 : a > b ? 1 : i - j));
        expect(await eventsOf(inOrder(source()))).toEqual(sorted);
      }),
      { numRuns: 200, seed: 2 },
    );
  });
});

describe("a file that still grows", () => {
  it("is read on while it grows and ends once it is quiet", async () => {
    for (const format of ["ptu", "csv", "qutag"] as const) {
      const sample = samples.find((one) => one.format === format)!;
      const path = join(folder, `growing-${format}`);
      const third = Math.floor(sample.bytes.length / 3);
      writeFileSync(path, sample.bytes.subarray(0, third));
      setTimeout(() => appendFileSync(path, sample.bytes.subarray(third, 2 * third + 1)), 80);
      setTimeout(() => appendFileSync(path, sample.bytes.subarray(2 * third + 1)), 250);
      const dump = await openDump(path, { format, follow: { idleSeconds: 1 } });
      const expected = await eventsOf(await openDump(Readable.from([Buffer.from(sample.bytes)]), { format }));
      expect(await eventsOf(dump)).toEqual(expected);
      await dump.close();
    }
  });
});

it("the digest of a dump read from a stream is that of the file", async () => {
  const { inspectDump } = await import("../../src/dumps/index.js");
  const sample = samples[0]!;
  const path = join(folder, "same.ptu");
  writeFileSync(path, sample.bytes);
  const [file, stream] = await Promise.all([
    inspectDump(path, { digest: true }),
    inspectDump(Readable.from([Buffer.from(sample.bytes)]), { digest: true }),
  ]);
  expect(stream.digest).toBe(file.digest);
  const hash = createHash("sha256");
  for (const [tick, code] of sample.events) {
    const record = Buffer.alloc(9);
    record.writeBigUInt64LE(tick);
    record[8] = code;
    hash.update(record);
  }
  expect(file.digest).toBe(hash.digest("hex"));
});
