/**
 * Dump readers: `inspect` of a 2 GB PTU with its resident memory, and every format's reader, in the instrument's ticks and
 * in picoseconds, beside just reading the same file's bytes in Node. Readers are timed by the processor time of the whole
 * process, pool threads included: rates of one core, whatever else the machine does.
 */
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { BenchRow } from "../cli/bench.js";
import { type Dump, inspectDump, openDump } from "../dumps/index.js";
import { type BenchDump, benchDumps } from "./dump-files.js";
import { type BenchOptions, type Case, Elapsed, generator, measure } from "./harness.js";

const blockRecords = 2 ** 20;
const countTag = "TTResult_NumberOfRecords";
/** A run long enough for 2 GB has it; a shorter one reads a tenth. */
const secondsForAll = 5;

export async function dumps({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "qkd-distill-bench-"));
  try {
    const rows = await inspectRow(join(folder, "block.ptu"), seconds, seed);
    for (const dump of benchDumps)
      rows.push(...(await readerRows(join(folder, "dump"), dump, seconds / benchDumps.length, seed)));
    return rows;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A block of records repeated: nothing of 2 GB lies on the disk or in memory. */
async function inspectRow(path: string, seconds: number, seed: number): Promise<BenchRow[]> {
  await benchDumps[0]!.write(path, generator(seed), blockRecords);
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

/** The three take turns; the bytes are in the page cache for all. */
async function readerRows(path: string, made: BenchDump, seconds: number, seed: number): Promise<BenchRow[]> {
  const { format, kind, options, least } = made;
  try {
    await made.write(path, generator(seed), made.events);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return [];
    throw error;
  }
  const { size } = await stat(path);
  const { records } = await inspectDump(path, { format, ...options });
  const common = { unit: "M records/s a core", work: records / 1e6, parameters: { format, records, bytes: size } };
  const name = `dumps ${format}${kind ? ` ${kind}` : ""}`;
  const reading = (events: (dump: Dump) => AsyncIterable<{ length: number }>) => async () => {
    const dump = await openDump(path, { format, ...options });
    for await (const batch of events(dump)) if (batch.length === 0) throw new Error("an empty batch");
    await dump.close();
    if (dump.info.records !== records) throw new Error("the dump was not read whole");
  };
  const buffer = new Uint8Array(2 ** 20);
  const bytesOnly = async () => {
    const file = await open(path, "r");
    while ((await file.read(buffer, 0, buffer.length, null)).bytesRead > 0);
    await file.close();
  };
  const cases: Case[] = [
    { name: `${name} ticks`, ...common, run: () => processorTime(reading((dump) => dump.native())) },
    { name: `${name} ps`, ...common, run: () => processorTime(reading((dump) => dump)) },
    { name: `${name} bytes only`, ...common, run: () => processorTime(bytesOnly) },
  ];
  // Packets that say no time have ticks alone.
  if (/T[34]$/.test(format) && format.startsWith("qcrypto")) cases.splice(1, 1);
  const rows = await measure(cases, seconds);
  const bytes = rows[rows.length - 1]!;
  return rows.map((row) => ({
    ...row,
    ...(row === bytes ? {} : { ratio: row.median / bytes.median }),
    ...(row === rows[0] && least ? { least, held: row.median >= least } : {}),
  }));
}

async function processorTime(run: () => Promise<void>): Promise<Elapsed> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return new Elapsed((user + system) / 1e6);
}
