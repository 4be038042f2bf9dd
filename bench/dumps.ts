/** A PTU (HydraHarp V2 T2) stream of 200 MB through the reader, beside adding up the same bytes' words. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { BenchRow } from "../cli/bench.js";
import { openDump } from "../dumps/index.js";
import { DumpFile } from "../simulate/dump-file.js";
import { type BenchOptions, generator, measure } from "./harness.js";

const blockRecords = 2 ** 20;
const totalBytes = 200e6;
const countTag = "TTResult_NumberOfRecords";

export async function dumps({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const { header, block } = await synthetic(seed);
  const blocks = Math.round(totalBytes / block.length);
  const records = (blocks * block.length) / 4;
  const count = header.indexOf(countTag) + 40;
  header.writeBigInt64LE(BigInt(records), count);
  const stream = () =>
    Readable.from(
      (function* () {
        yield header;
        for (let i = 0; i < blocks; i++)
          for (let at = 0; at < block.length; at += 2 ** 18) yield block.subarray(at, at + 2 ** 18);
      })(),
      { objectMode: false, highWaterMark: 2 ** 18 },
    );
  const common = {
    unit: "M records/s",
    work: records / 1e6,
    parameters: { format: "ptu", recordType: "HydraHarp V2 T2", bytes: header.length + blocks * block.length, records },
  };
  const cases = [
    {
      name: "dumps ptu events",
      ...common,
      async run() {
        const dump = await openDump(stream());
        let events = 0;
        for await (const batch of dump.native()) events += batch.length;
        await dump.close();
        if (dump.info.records !== records || events === 0) throw new Error("the dump was not read whole");
      },
    },
    {
      name: "dumps words added up",
      ...common,
      async run() {
        let [bytes, sum] = [0, 0];
        for await (const chunk of stream() as AsyncIterable<Buffer>) {
          bytes += chunk.length;
          sum = (sum + wordSum(chunk)) | 0;
        }
        if (bytes !== common.parameters.bytes || sum === 0) throw new Error("the stream was not read whole");
      },
    },
  ];
  return measure(cases, seconds);
}

function wordSum(chunk: Uint8Array): number {
  const words = new Uint32Array(chunk.buffer, (chunk.byteOffset + 3) & ~3, (chunk.length >>> 2) - 1);
  let sum = 0;
  for (let i = 0; i < words.length; i++) sum = (sum + words[i]!) | 0;
  return sum;
}

/** Written by the simulator's own writer; a leading overflow lets the block follow itself. */
async function synthetic(seed: number): Promise<{ header: Buffer; block: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), "qkd-distill-bench-"));
  try {
    const path = join(folder, "block.ptu");
    const draw = generator(seed);
    const time = new Float64Array(blockRecords);
    const code = new Uint8Array(blockRecords);
    let at = 0;
    for (let i = 0; i < blockRecords; i++) {
      at += 1 + (draw() % 1_000_000);
      time[i] = at;
      code[i] = 1 + (draw() & 3);
    }
    const dump = await DumpFile.create(path, "ptu");
    await dump.write(time, code, blockRecords);
    await dump.commit();
    const file = await readFile(path);
    const end = file.indexOf("Header_End") + 48;
    const overflow = Buffer.from([1, 0, 0, 0xfe]);
    return { header: Buffer.from(file.subarray(0, end)), block: Buffer.concat([overflow, file.subarray(end)]) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
