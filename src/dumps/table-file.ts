/** Rows of table files (Parquet, HDF5) as events: what the two readers share. Columns of integers only, kept exact. */
import { newInfo, StreamDump, scaleOfPs } from "./dump.js";
import { dumpError } from "./faults.js";
import { eventsPerBatch, handOver, newEventBuffer } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Dump, DumpFormat, NativeBatch, OpenOptions } from "./types.js";

const psPerUnit = { ps: 1n, ns: 1000n, s: 1_000_000_000_000n } as const;
const largestOffset = 2n ** 51n;

/** Values of a column: bigint, or number where the library gives small integers so. */
export type Column = ArrayLike<bigint | number>;

export interface Table {
  /** Pieces of the two columns, of equal length, in order of the file. No channel column: channel 0. */
  rows(): AsyncGenerator<{ time: Column; channel: Column | undefined }>;
  close(): Promise<void>;
}

/** The columns' names: `--columns TIME,CHANNEL`, default time and channel. */
export function columnNames(options: OpenOptions): { time: string; channel: string; named: boolean } {
  const [time = "time", channel = "channel"] = options.columns ?? [];
  return { time, channel, named: options.columns !== undefined };
}

export function tableDump(format: DumpFormat, source: ByteSource, table: Table, options: OpenOptions): Dump {
  const info = newInfo(format, source.name, 1);
  const perUnit = psPerUnit[options.unit ?? "ps"];
  const bad = (message: string) => dumpError("DUMP_BAD_RECORD", source.name, message, { record: info.records });
  const out = newEventBuffer();

  async function* events(): AsyncGenerator<NativeBatch> {
    for await (const { time, channel } of table.rows()) {
      for (let i = 0; i < time.length; i++) {
        const ps = wholeNumber(time[i], bad) * perUnit;
        const code = channel ? Number(wholeNumber(channel[i], bad)) : 0;
        if (code > 255 || code < -128) throw bad(`channel ${code} does not fit in 8 bits`);
        const step = ps - out.base;
        if (out.length === eventsPerBatch || (out.length > 0 && (step > largestOffset || step < -largestOffset)))
          yield* handOver(out);
        if (out.length === 0) out.base = ps;
        out.tick[out.length] = Number(ps - out.base);
        out.code[out.length++] = code & 255;
        info.records++;
      }
      options.onProgress?.(source.position, source.size);
    }
    if (out.length > 0) yield* handOver(out);
  }
  return new StreamDump(info, { close: () => table.close() }, events, scaleOfPs(1n));
}

function wholeNumber(value: bigint | number | undefined, bad: (message: string) => Error): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  throw bad(`${String(value).slice(0, 40)} is no whole number that is kept exactly; store times as 64-bit integers`);
}

/** A file's path, since these formats are read from their end. @throws QkdError DUMP_FORMAT_UNSUPPORTED */
export function seekable(format: DumpFormat, source: ByteSource): string {
  if (source.size !== undefined) return source.name;
  const why = `${format} is read from its end: neither from a stream nor while it grows; give a whole file`;
  throw dumpError("DUMP_FORMAT_UNSUPPORTED", source.name, why);
}
