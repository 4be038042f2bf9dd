/** Parquet and HDF5: 64-bit integers exactly, columns and units, and damaged files that cost no more than an error. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as h5wasm from "h5wasm/node";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenOptions, openDump } from "../../src/dumps/index.js";
import { QkdError } from "../../src/errors.js";

const folder = mkdtempSync(join(tmpdir(), "tables-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  await h5wasm.ready;
});

const times = [260_182_250_239_296_553n, 260_182_250_239_296_554n, 5n, 2n ** 62n + 1n, -(2n ** 62n), -1n];
const codes = [1, 2, 3, 200, 0, 7];
const expected = times.map((time, i) => [time, codes[i]!]);
const typed = { code: expect.stringMatching(/^DUMP_/) as string };

type Column = Parameters<typeof parquetWriteBuffer>[0]["columnData"][number];

function parquet(name: string, columns: Column[], options: Partial<Parameters<typeof parquetWriteBuffer>[0]> = {}) {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData: columns, ...options })));
  return path;
}

function hdf5(name: string, sets: Record<string, Parameters<h5wasm.Group["create_dataset"]>[0]["data"]>): string {
  const path = join(folder, name);
  const file = new h5wasm.File(path, "w");
  for (const [set, data] of Object.entries(sets)) file.create_dataset({ name: set, data });
  file.close();
  return path;
}

async function events(path: string, options: OpenOptions = {}): Promise<unknown[]> {
  const found: unknown[] = [];
  const dump = await openDump(path, options);
  try {
    for await (const { base, dt, channel, length } of dump)
      for (let i = 0; i < length; i++) found.push([base + BigInt(dt[i]!), channel[i]!]);
  } finally {
    await dump.close();
  }
  return found;
}

const fault = (code: string) => expect.objectContaining({ code }) as unknown;
const failure = (path: string, options: OpenOptions = {}) => events(path, options).catch((error: unknown) => error);

describe("Parquet", () => {
  const plain: Column[] = [
    { name: "channel", data: codes, type: "INT32" },
    { name: "time", data: times, type: "INT64" },
  ];

  it("is found by content and read exactly", async () => {
    const path = parquet("plain.parquet", plain);
    const dump = await openDump(path);
    expect(dump.info.format).toBe("parquet");
    await dump.close();
    expect(await events(path)).toEqual(expected);
    expect(await events(path, { columns: ["time", "channel"] })).toEqual(expected);
    expect(await failure(path, { columns: ["t", "channel"] })).toEqual(fault("DUMP_COLUMN_MISSING"));
    expect(await failure(path, { unit: "ns" })).toEqual(fault("DUMP_BAD_RECORD"));
  });

  it("of several row groups and pages, without a channel, in nanoseconds", async () => {
    const data = BigInt64Array.from({ length: 5000 }, (_, i) => 2n ** 50n + BigInt(i * 7));
    const path = parquet("groups.parquet", [{ name: "time", data, type: "INT64" }], {
      rowGroupSize: 1234,
      pageSize: 512,
    } as object);
    expect(await events(path, { unit: "ns" })).toEqual(Array.from(data, (time) => [time * 1000n, 0]));
  });

  it("refuses what is no list of whole numbers, and names the row", async () => {
    const time: Column = { name: "time", data: [1n, 2n], type: "INT64" };
    expect(await failure(parquet("double", [{ name: "time", data: [1, 2.5], type: "DOUBLE" }]))).toEqual(
      fault("DUMP_COLUMN_MISSING"),
    );
    const large = parquet("large", [time, { name: "channel", data: [1, 256], type: "INT32" }]);
    expect(await failure(large)).toMatchObject({ code: "DUMP_BAD_RECORD", details: { record: 1 } });
    const missing = parquet("missing", [time, { name: "channel", data: [1, null], type: "INT32" }]);
    expect(await failure(missing)).toMatchObject({ code: "DUMP_BAD_RECORD", details: { record: 1 } });
  });

  it("cut anywhere or changed anywhere costs no more than a typed error", async () => {
    const whole = readFileSync(parquet("whole.parquet", plain));
    const path = join(folder, "damaged.parquet");
    for (let size = 0; size < whole.length; size += 41) {
      writeFileSync(path, whole.subarray(0, size));
      await expect(events(path, { format: "parquet" })).rejects.toMatchObject(typed);
    }
    for (let at = 4; at < whole.length; at += process.env.QKD_SLOW ? 1 : 29) {
      const bytes = Buffer.from(whole);
      bytes[at] = 0xff;
      writeFileSync(path, bytes);
      const answer = await failure(path, { format: "parquet" });
      if (!Array.isArray(answer)) expect(answer).toBeInstanceOf(QkdError);
    }
  });
});

describe("HDF5", () => {
  it("is found by content and read exactly, from groups, columns of one and behind a user block", async () => {
    const path = hdf5("plain.h5", {
      time: BigInt64Array.from(times),
      channel: Uint8Array.from(codes),
    });
    const dump = await openDump(path);
    expect(dump.info.format).toBe("hdf5");
    await dump.close();
    expect(await events(path)).toEqual(expected);
    const behind = join(folder, "behind.mat");
    writeFileSync(behind, Buffer.concat([Buffer.alloc(512, "MATLAB 7.3 MAT-file "), readFileSync(path)]));
    expect(await events(behind)).toEqual(expected);
    const late = hdf5("late.h5", { late: BigUint64Array.of(2n ** 63n, 2n ** 64n - 1n) });
    expect(await failure(late, { columns: ["late", "late"] })).toEqual(fault("DUMP_BAD_RECORD"));
    expect(await failure(late, { columns: ["late", "none"] })).toEqual(fault("DUMP_COLUMN_MISSING"));
    expect(await events(late, { columns: ["late"] })).toEqual([
      [2n ** 63n, 0],
      [2n ** 64n - 1n, 0],
    ]);
    const nested = join(folder, "nested.h5");
    const file = new h5wasm.File(nested, "w");
    const group = file.create_group("run");
    group.create_dataset({ name: "t", data: BigInt64Array.from(times), shape: [times.length, 1] });
    group.create_dataset({ name: "c", data: Uint8Array.from(codes), shape: [1, codes.length] });
    file.close();
    expect(await events(nested, { columns: ["run/t", "run/c"] })).toEqual(expected);
    expect(await failure(nested)).toMatchObject({ message: expect.stringContaining("run/t") as string });
    expect(await failure(nested, { columns: ["run/none/t"] })).toEqual(fault("DUMP_COLUMN_MISSING"));
  });

  it("refuses numbers with decimals, unequal columns, and rows that cannot be in the file", async () => {
    const time = BigInt64Array.from(times);
    expect(await failure(hdf5("float", { time: Float64Array.of(1, 2) }))).toEqual(fault("DUMP_COLUMN_MISSING"));
    expect(await failure(hdf5("short", { time, channel: Uint8Array.of(1) }))).toEqual(fault("DUMP_BAD_RECORD"));
    const path = join(folder, "claims");
    const file = new h5wasm.File(path, "w");
    const set = file.create_dataset({ name: "time", data: time, chunks: [6], maxshape: [null] });
    set.resize([1e13]);
    file.close();
    expect(await failure(path)).toMatchObject({ message: expect.stringContaining("10000000000000 rows") as string });
  });

  it("a damaged file costs no more than a typed error, and the next one is read", async () => {
    const good = hdf5("good.h5", { time: BigInt64Array.from(times), channel: Uint8Array.from(codes) });
    const whole = readFileSync(good);
    const path = join(folder, "damaged.h5");
    for (let at = 8; at < 1200; at += process.env.QKD_SLOW ? 1 : 131) {
      const bytes = Buffer.from(whole);
      bytes.fill(0xff, at, at + 4);
      writeFileSync(path, at % 2 ? bytes : bytes.subarray(0, at));
      const answer = await failure(path, { format: "hdf5" });
      if (!Array.isArray(answer)) expect(answer).toBeInstanceOf(QkdError);
    }
    expect(await events(good)).toEqual(expected);
  });
});
