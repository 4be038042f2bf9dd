/** Apache Parquet with an INT64 column of times, by hyparquet, row group after row group. */
import { open } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { AsyncBuffer, ColumnData, FileMetaData } from "hyparquet";
import { QkdError } from "../errors.js";
import { dumpError } from "./faults.js";
import type { ByteSource } from "./source.js";
import { type Column, columnNames, seekable, tableDump } from "./table-file.js";
import type { Dump, OpenOptions } from "./types.js";

/** Rows decoded at a time: a row group may hold many millions. */
const rowsPerPiece = 2 ** 18;
const integerTypes = new Set(["INT64", "INT32"]);

/** @throws QkdError DUMP_BAD_MAGIC, DUMP_TRUNCATED_HEADER, DUMP_COLUMN_MISSING, DUMP_FORMAT_UNSUPPORTED */
export async function openParquet(source: ByteSource, options: OpenOptions): Promise<Dump> {
  const path = seekable("parquet", source);
  const { parquetMetadataAsync, parquetRead } = await import("hyparquet");
  const handle = await open(path, "r");
  const file: AsyncBuffer = {
    byteLength: source.size!,
    async slice(start, end = source.size!) {
      if (!(start >= 0 && end >= start && end <= source.size!)) throw new RangeError("beyond the end of the file");
      const bytes = new Uint8Array(end - start);
      await handle.read(bytes, 0, bytes.length, start);
      return bytes.buffer;
    },
  };
  const damaged = (cause: unknown) =>
    cause instanceof QkdError
      ? cause
      : dumpError("DUMP_BAD_RECORD", path, `this is no Parquet file that can be read: ${(cause as Error).message}`);
  try {
    if (file.byteLength < 12) throw dumpError("DUMP_TRUNCATED_HEADER", path, "the file is too short for its footer");
    const ends = [await file.slice(0, 4), await file.slice(Math.max(0, file.byteLength - 4))];
    const [head, tail] = ends.map((bytes) => new TextDecoder("latin1").decode(bytes as ArrayBuffer));
    if (head !== "PAR1") throw dumpError("DUMP_BAD_MAGIC", path, "this is no Parquet file (its magic is not PAR1)");
    if (tail !== "PAR1") throw dumpError("DUMP_TRUNCATED_HEADER", path, "the file's footer, at its end, is cut off");
    const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
      throw damaged(cause);
    });
    const { time, channel } = chosen(metadata, path, options);
    const total = Number(metadata.num_rows);
    const table = {
      async *rows() {
        for (let rowStart = 0; rowStart < total; rowStart += rowsPerPiece) {
          const rowEnd = Math.min(total, rowStart + rowsPerPiece);
          const wanted = channel === undefined ? [time] : [time, channel];
          const columns = await readPiece(wanted, rowStart, rowEnd).catch((cause: unknown) => {
            throw damaged(cause);
          });
          yield { time: columns.get(time)!, channel: channel === undefined ? undefined : columns.get(channel) };
        }
      },
      close: async () => {
        await handle.close();
        await source.close();
      },
    };
    const readPiece = async (columns: string[], rowStart: number, rowEnd: number) => {
      const found = new Map<string, (bigint | number)[]>(columns.map((name) => [name, []]));
      await parquetRead({
        file,
        metadata,
        columns,
        rowStart,
        rowEnd,
        compressors,
        onChunk: ({ columnName, columnData, rowStart: first }: ColumnData) => {
          const values = found.get(columnName)!;
          const data = columnData as ArrayLike<bigint | number>;
          for (let i = Math.max(0, rowStart - first); i < data.length && first + i < rowEnd; i++)
            values[first + i - rowStart] = data[i]!;
        },
      });
      for (const values of found.values())
        if (values.length !== rowEnd - rowStart)
          throw dumpError("DUMP_BAD_RECORD", path, "a column has fewer rows than the file says", { record: rowStart });
      return found as Map<string, Column>;
    };
    return tableDump("parquet", source, table, options);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Columns to read; timestamps would come as dates, which do not hold picoseconds. */
function chosen(metadata: FileMetaData, file: string, options: OpenOptions): { time: string; channel?: string } {
  const { time, channel, named } = columnNames(options);
  const leaves = metadata.schema.filter((element) => element.type !== undefined);
  const check = (name: string) => {
    const leaf = leaves.find((element) => element.name === name);
    const kind = leaf?.type ?? "";
    const logical = leaf?.logical_type?.type ?? "INTEGER";
    if (leaf && integerTypes.has(kind) && logical === "INTEGER") return;
    const there = leaves.map((element) => `${element.name} (${element.type})`).join(", ");
    throw dumpError("DUMP_COLUMN_MISSING", file, `there is no column ${name} of integers; there are ${there}`);
  };
  check(time);
  const hasChannel = leaves.some(({ name }) => name === channel);
  if (!hasChannel && !named) return { time };
  check(channel);
  return { time, channel };
}

const compressors = {
  GZIP: (input: Uint8Array, outputLength: number) =>
    new Uint8Array(gunzipSync(input, { maxOutputLength: outputLength })),
  BROTLI: (input: Uint8Array, outputLength: number) =>
    new Uint8Array(brotliDecompressSync(input, { maxOutputLength: outputLength })),
};
