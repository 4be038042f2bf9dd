/** Table files (Parquet, HDF5) as events: rows come from a thread of their own (`table-worker.ts`), as exact integers. */
import { once } from "node:events";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { type ErrorCode, QkdError } from "../errors.js";
import { newInfo, StreamDump, scaleOfPs } from "./dump.js";
import { dumpError } from "./faults.js";
import { type EventBuffer, eventsPerBatch, handOver, newEventBuffer } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Rows, TableRequest } from "./table-rows.js";
import type { TableAnswer } from "./table-worker.js";
import type { Dump, NativeBatch, OpenOptions } from "./types.js";

const psPerUnit = { ps: 1n, ns: 1000n, s: 1_000_000_000_000n } as const;
const largestOffset = 2 ** 51;
const lowestPs = -(2n ** 63n) + 2n ** 52n;
const highestPs = 2n ** 64n - 2n ** 52n;
/** A thread that takes more, or longer for one piece, reads a damaged file. */
const heapMB = 1024;
const pieceSeconds = 30;

/** @throws QkdError DUMP_BAD_MAGIC, DUMP_TRUNCATED_HEADER, DUMP_COLUMN_MISSING, DUMP_BAD_RECORD, DUMP_FORMAT_UNSUPPORTED */
export async function openTableFile(
  format: TableRequest["format"],
  source: ByteSource,
  options: OpenOptions,
): Promise<Dump> {
  if (source.size === undefined)
    throw dumpError(
      "DUMP_FORMAT_UNSUPPORTED",
      source.name,
      `${format} is read from its end: neither from a stream nor while it grows; give a whole file`,
    );
  const request: TableRequest = { format, path: source.name, bytes: source.size, columns: options.columns };
  const thread = new TableThread(request);
  const info = newInfo(format, source.name, 1);
  const perUnit = psPerUnit[options.unit ?? "ps"];
  const out = newEventBuffer();
  let total = 0;

  async function* events(): AsyncGenerator<NativeBatch> {
    for (let rows = await thread.next(); rows; rows = await thread.next()) {
      for (let from = 0; from < rows.code.length; ) {
        const next = decode(rows, from, perUnit, out, source.name, info.records);
        info.records += next - from;
        from = next;
        yield* handOver(out);
      }
      options.onProgress?.((info.records / total) * request.bytes, request.bytes);
    }
  }
  try {
    total = (await thread.answer()).total!;
  } catch (error) {
    await thread.close();
    throw error;
  }
  const close = async () => {
    await thread.close();
    await source.close();
  };
  return new StreamDump(info, { close }, events, scaleOfPs(1n));
}

/** Rows from `from` on as far as they fit in a batch. */
function decode(
  { time, unsigned, code }: Rows,
  from: number,
  perUnit: bigint,
  out: EventBuffer,
  file: string,
  record: number,
) {
  const words = new Uint32Array(time.buffer);
  // Two's complement: the lowest of signed times is that of their upper words.
  const sign = unsigned ? 0 : 0x80000000;
  const scale = Number(perUnit);
  const base = (unsigned ? BigInt.asUintN(64, time[from]!) : time[from]!) * perUnit;
  if (perUnit !== 1n && (base > highestPs || base < lowestPs))
    throw dumpError("DUMP_BAD_RECORD", file, "a time does not fit in 64 bits of picoseconds", { record });
  const low = words[from * 2]!;
  const high = (words[from * 2 + 1]! ^ sign) >>> 0;
  const end = Math.min(code.length, from + eventsPerBatch);
  const { tick } = out;
  let i = from;
  for (; i < end; i++) {
    const step = ((words[i * 2 + 1]! ^ sign) >>> 0) - high;
    const offset = (step * 4294967296 + (words[i * 2]! - low)) * scale;
    if (offset > largestOffset || offset < -largestOffset) break;
    tick[i - from] = offset;
  }
  out.base = base;
  out.code.set(code.subarray(from, i));
  out.length = i - from;
  return i;
}

class TableThread {
  private readonly worker: Worker;
  constructor(private readonly request: TableRequest) {
    // The built file, whoever runs the sources.
    this.worker = new Worker(createRequire(import.meta.url).resolve("#table-worker"), {
      workerData: request,
      resourceLimits: { maxOldGenerationSizeMb: heapMB },
      stdout: true,
      stderr: true,
    });
  }

  /** Rows of the next piece; none at the end. */
  async next(): Promise<Rows | undefined> {
    this.worker.postMessage("next");
    return (await this.answer()).rows;
  }

  async answer(): Promise<TableAnswer> {
    const { path } = this.request;
    const patience = AbortSignal.timeout(pieceSeconds * 1000);
    this.worker.ref();
    const [answer] = (await once(this.worker, "message", { signal: patience }).catch((cause: unknown) => {
      const why = patience.aborted ? `nothing was decoded for ${pieceSeconds} s` : String((cause as Error).message);
      throw dumpError("DUMP_BAD_RECORD", path, `the file is damaged: ${why}`);
    })) as [TableAnswer];
    this.worker.unref();
    const { error } = answer;
    if (error) throw new QkdError(error.code as ErrorCode, error.message, error.details);
    return answer;
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}
