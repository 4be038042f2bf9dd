/** Each instrument format holds the same events: decoded here by hand from FORMATS.md, apart from the product's readers. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DumpFile, writableFormat } from "../../src/simulate/dump-file.js";
import { simulate } from "../../src/simulate/index.js";
import { prepared } from "./links.js";

type Events = [time: bigint, code: number][];

const decoders: Record<string, (bytes: Buffer) => Events> = {
  ptu: decodePtu,
  qutag: (bytes) => {
    expect(bytes.readUInt32BE(0)).toBe(0x87b391fa);
    expect(bytes.readUInt32LE(4)).toBe(bytes.length);
    return records(bytes.subarray(40), 10, (r) => [r.readBigUInt64LE(0), r.readUInt16LE(8)]);
  },
  swabian16: (bytes) =>
    records(bytes, 16, (r) => {
      expect(r.readUInt32LE(0)).toBe(0);
      return [r.readBigInt64LE(8), r.readInt32LE(4)];
    }),
  csv: (bytes) =>
    bytes
      .toString()
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(","))
      .map(([time, code]) => [BigInt(time!), Number(code)]),
};

function records(bytes: Buffer, size: number, read: (record: Buffer) => [bigint, number]): Events {
  expect(bytes.length % size).toBe(0);
  return Array.from({ length: bytes.length / size }, (_, i) => read(bytes.subarray(i * size, (i + 1) * size)));
}

function decodePtu(bytes: Buffer): Events {
  expect(bytes.toString("latin1", 0, 16)).toBe("PQTTTR\0\x001.0.00\0\0");
  const tags: Record<string, number> = {};
  let at = 16;
  for (let name = ""; name !== "Header_End"; ) {
    name = bytes.toString("latin1", at, at + 32).replace(/\0.*$/s, "");
    const type = bytes.readUInt32LE(at + 36);
    tags[name] = type === 0x20000008 ? bytes.readDoubleLE(at + 40) : Number(bytes.readBigInt64LE(at + 40));
    at += 48 + (type === 0x4001ffff ? tags[name] : 0);
  }
  expect(tags.TTResultFormat_TTTRRecType).toBe(0x01010204);
  expect(tags.MeasDesc_GlobalResolution).toBe(1e-12);
  expect(tags.TTResult_NumberOfRecords).toBe((bytes.length - at) / 4);
  const events: Events = [];
  let base = 0n;
  for (; at < bytes.length; at += 4) {
    const record = bytes.readUInt32LE(at);
    const [special, channel, tag] = [record >>> 31, (record >>> 25) & 63, record & 0x1ffffff];
    if (special && channel === 63) base += BigInt(tag || 1) * 33554432n;
    else events.push([base + BigInt(tag), special ? 0 : channel + 1]);
  }
  return events;
}

test("ptu, qutag, swabian16 and csv of one seed hold the same events", async () => {
  const folder = await mkdtemp(join(tmpdir(), "qkd-formats-"));
  const decoded: Events[] = [];
  for (const [format, decode] of Object.entries(decoders)) {
    const link = prepared({ formats: { bob: format } });
    const { files, events } = await simulate(link, { seconds: 0.02, seed: 5, out: join(folder, format) });
    const list = decode(await readFile(files.bob));
    expect(list.length).toBe(events.bob);
    decoded.push(list);
  }
  for (const list of decoded) expect(list).toEqual(decoded[0]);
  const times = decoded[0]!.map(([time]) => time);
  expect(times.every((time, i) => i === 0 || time >= times[i - 1]!)).toBe(true);
  expect(new Set(decoded[0]!.map(([, code]) => code))).toEqual(new Set([0, 1, 2, 3, 4]));
  await rm(folder, { recursive: true });
});

test("ptu: gaps of many overflow periods, equal times and period borders come back exactly", async () => {
  const folder = await mkdtemp(join(tmpdir(), "qkd-formats-"));
  const wrap = 33_554_432;
  const times = [0, 0, wrap - 1, wrap, 2 * wrap, 2 * wrap, 2.5 * wrap, (wrap + 5) * wrap + 7, (wrap + 5) * wrap + 8];
  const codes = [1, 0, 64, 2, 3, 0, 63, 1, 4];
  const dump = await DumpFile.create(join(folder, "a.ptu"), "ptu");
  await dump.write(Float64Array.from(times.slice(0, 7)), Uint8Array.from(codes.slice(0, 7)), 7);
  await dump.write(Float64Array.from(times.slice(7)), Uint8Array.from(codes.slice(7)), 2);
  await dump.commit();
  const expected = times.map((time, i) => [BigInt(time), codes[i]!]);
  expect(decodePtu(await readFile(join(folder, "a.ptu")))).toEqual(expected);
  await rm(folder, { recursive: true });
});

test("a format that cannot hold the link's channels is refused", () => {
  expect(() => writableFormat("ptu", [65], "bob.format")).toThrow(/0 to 64/);
  expect(() => writableFormat("u64", [1, 2], "bob.format")).toThrow(/one channel/);
  expect(writableFormat("ptu", [0, 64], "bob.format")).toBe("ptu");
});
