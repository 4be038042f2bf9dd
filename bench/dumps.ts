/**
 * Dump readers: `inspect` of a 2 GB PTU with its resident memory, and every format's reader beside just reading the same
 * file's bytes in Node. Files are written by the product's own writers; hex text and pairs by hand.
 */
import { mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { BenchRow } from "../cli/bench.js";
import { createDumpWriter, type DumpFormat, inspectDump, openDump } from "../dumps/index.js";
import { type BenchOptions, type Case, generator, measure } from "./harness.js";

const blockRecords = 2 ** 20;
const countTag = "TTResult_NumberOfRecords";
/** A run long enough for 2 GB has it; a shorter one reads a tenth. */
const secondsForAll = 5;

/** Events per file: binary, text. */
const binaryEvents = 2 ** 21;
const textEvents = 2 ** 19;
const readers: readonly (readonly [format: DumpFormat, events: number, from?: DumpFormat])[] = [
  ["ptu", binaryEvents],
  ["qutag", binaryEvents],
  ["swabian16", binaryEvents],
  ["a1", binaryEvents],
  ["a1X", binaryEvents, "a1"],
  ["u64", binaryEvents],
  ["idq_pairs", binaryEvents, "u64"],
  ["csv", textEvents],
  ["qutag_csv", textEvents],
  ["a2", textEvents, "a1"],
  ["a0", textEvents, "a1"],
];

export async function dumps({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "qkd-distill-bench-"));
  try {
    const inspected = await inspectRow(folder, seconds, seed);
    const cases: Case[] = [];
    for (const [format, events, from] of readers)
      cases.push(...(await readerCases(folder, seed, format, events, from)));
    return [...inspected, ...(await measure(cases, seconds))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A block of records repeated: nothing of 2 GB lies on the disk or in memory. */
async function inspectRow(folder: string, seconds: number, seed: number): Promise<BenchRow[]> {
  const path = join(folder, "block.ptu");
  await write(path, "ptu", seed, blockRecords);
  const file = await readFile(path);
  const end = file.indexOf("Header_End") + 48;
  const header = Buffer.from(file.subarray(0, end));
  // A leading overflow lets the block follow itself.
  const block = Buffer.concat([Buffer.from([1, 0, 0, 0xfe]), file.subarray(end)]);
  const blocks = Math.round((seconds >= secondsForAll ? 2e9 : 2e8) / block.length);
  const records = (blocks * block.length) / 4;
  header.writeBigInt64LE(BigInt(records), header.indexOf(countTag) + 40);
  const piece = 2 ** 18;
  function* bytes() {
    yield header;
    for (let i = 0; i < blocks; i++)
      for (let at = 0; at < block.length; at += piece) yield block.subarray(at, at + piece);
  }
  const parameters = { bytes: header.length + blocks * block.length, records, peakResidentMB: 0 };
  const run = async () => {
    const onProgress = () => {
      parameters.peakResidentMB = Math.max(parameters.peakResidentMB, Math.round(process.memoryUsage.rss() / 1e6));
    };
    const found = await inspectDump(Readable.from(bytes(), { objectMode: false, highWaterMark: piece }), {
      format: "ptu",
      onProgress,
    });
    if (found.records !== records || found.warnings.length > 0) throw new Error("the dump was not read whole");
  };
  return measure([{ name: "dumps inspect ptu", unit: "M records/s", work: records / 1e6, parameters, run }], seconds);
}

async function readerCases(
  folder: string,
  seed: number,
  format: DumpFormat,
  events: number,
  from: DumpFormat = format,
): Promise<Case[]> {
  const path = join(folder, format);
  await write(path, from, seed, events);
  if (from !== format) await writeFile(path, remade(await readFile(path), format));
  const options = { format, ...(format === "idq_pairs" ? { referencePeriodPs: 1000 } : {}) };
  const { records } = await inspectDump(path, options);
  const common = {
    unit: "M records/s",
    work: records / 1e6,
    parameters: { format, records, bytes: (await stat(path)).size },
  };
  const buffer = new Uint8Array(2 ** 20);
  return [
    {
      name: `dumps ${format} events`,
      ...common,
      async run() {
        const dump = await openDump(path, options);
        for await (const batch of dump.native()) if (batch.length === 0) throw new Error("an empty batch");
        await dump.close();
        if (dump.info.records !== records) throw new Error("the dump was not read whole");
      },
    },
    {
      name: `dumps ${format} bytes only`,
      ...common,
      async run() {
        const file = await open(path, "r");
        while ((await file.read(buffer, 0, buffer.length, null)).bytesRead > 0);
        await file.close();
      },
    },
  ];
}

async function write(path: string, format: string, seed: number, events: number): Promise<void> {
  const draw = generator(seed);
  const dt = new Float64Array(events);
  const channel = new Uint8Array(events);
  let at = 0;
  for (let i = 0; i < events; i++) {
    at += 1 + (draw() % 1_000_000);
    dt[i] = at;
    channel[i] = 1 + (draw() & 3);
  }
  const writer = await createDumpWriter(path, format);
  await writer.append({ base: 0n, dt, channel, length: events });
  await writer.commit();
}

/** The formats that have no writer, from the words of one that has. */
function remade(bytes: Buffer, format: DumpFormat): Buffer {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  if (format === "idq_pairs") return bytes;
  if (format === "a1X") {
    for (let i = 0; i < words.length; i += 2) [words[i], words[i + 1]] = [words[i + 1]!, words[i]!];
    return bytes;
  }
  const hex = (word: number) => word.toString(16).padStart(8, "0");
  const lines: string[] = [];
  for (let i = 0; i < words.length; i += 2)
    lines.push(
      format === "a0" ? `${hex(words[i]!)}\n${hex(words[i + 1]!)}\n` : `${hex(words[i + 1]!)}${hex(words[i]!)}\n`,
    );
  return Buffer.from(lines.join(""));
}
