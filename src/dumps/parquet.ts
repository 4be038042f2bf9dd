/** Apache Parquet with an INT64 column of times, by hyparquet, some rows at a time. */
import { open } from "node:fs/promises";
import type { AsyncBuffer, ColumnData, FileMetaData, SchemaElement } from "hyparquet";
import { QkdError } from "../errors.js";
import { dumpError } from "./faults.js";
import { compressors } from "./parquet-codecs.js";
import { columnNames, RowBuffer, type Rows, type Table, type TableRequest } from "./table-rows.js";

/** As many as most writers put in a row group, which is read whole each time. */
const rowsPerPiece = 2 ** 20;
const integerTypes = new Set(["INT64", "INT32"]);

/** @throws QkdError DUMP_BAD_MAGIC, DUMP_TRUNCATED_HEADER, DUMP_COLUMN_MISSING, DUMP_BAD_RECORD, DUMP_FORMAT_UNSUPPORTED */
export async function openParquet({ path, bytes, columns }: TableRequest): Promise<Table> {
  const { parquetMetadataAsync, parquetRead } = await import("hyparquet");
  const handle = await open(path, "r");
  const file: AsyncBuffer = {
    byteLength: bytes,
    async slice(start, end = bytes) {
      if (!(start >= 0 && end >= start && end <= bytes)) throw new RangeError("beyond the end of the file");
      const part = new Uint8Array(end - start);
      await handle.read(part, 0, part.length, start);
      return part.buffer;
    },
  };
  const damaged = (cause: unknown) =>
    cause instanceof QkdError
      ? cause
      : dumpError("DUMP_BAD_RECORD", path, `this is no Parquet file that can be read: ${(cause as Error).message}`);
  if (bytes < 12) throw dumpError("DUMP_TRUNCATED_HEADER", path, "the file is too short for its footer");
  const ends = [await file.slice(0, 4), await file.slice(bytes - 4)];
  const [head, tail] = ends.map((part) => new TextDecoder("latin1").decode(part));
  if (head !== "PAR1") throw dumpError("DUMP_BAD_MAGIC", path, "this is no Parquet file (its magic is not PAR1)");
  if (tail !== "PAR1") throw dumpError("DUMP_TRUNCATED_HEADER", path, "the file's footer, at its end, is cut off");
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw damaged(cause);
  });
  const { time, channel, unsigned } = chosen(metadata, path, columns);
  checkCodecs(metadata, path, [time, channel]);
  const total = Number(metadata.num_rows);

  async function piece(rowStart: number, rowEnd: number): Promise<Rows> {
    const rows = new RowBuffer(path, rowStart, rowEnd - rowStart, unsigned);
    let fault: unknown;
    await parquetRead({
      file,
      metadata,
      columns: channel === undefined ? [time] : [time, channel],
      rowStart,
      rowEnd,
      compressors,
      onChunk({ columnName, columnData, rowStart: first }: ColumnData) {
        const from = Math.max(0, rowStart - first);
        const to = Math.max(from, Math.min(columnData.length, rowEnd - first));
        try {
          if (columnName === time) rows.putTimes(columnData, from, to, first + from - rowStart);
          if (columnName === channel) rows.putCodes(columnData, from, to, first + from - rowStart);
        } catch (cause) {
          fault ??= cause;
        }
      },
    });
    if (fault) throw fault;
    if (rows.times < rowEnd - rowStart || (channel !== undefined && rows.codes < rowEnd - rowStart))
      throw dumpError("DUMP_BAD_RECORD", path, "a column has fewer rows than the file says", { record: rowStart });
    return rows;
  }
  async function* rows(): AsyncGenerator<Rows> {
    for (let from = 0; from < total; from += rowsPerPiece)
      yield await piece(from, Math.min(total, from + rowsPerPiece)).catch((cause: unknown) => {
        throw damaged(cause);
      });
    await handle.close();
  }
  return { rows: rows(), total };
}

/** Columns to read; timestamps would come as dates, which do not hold picoseconds. */
function chosen(
  metadata: FileMetaData,
  file: string,
  columns: TableRequest["columns"],
): { time: string; channel?: string; unsigned: boolean } {
  const { time, channel, named } = columnNames(columns);
  const fields = topLevel(metadata.schema);
  const check = (name: string) => {
    const field = fields.find((element) => element.name === name);
    const logical = field?.logical_type?.type ?? "INTEGER";
    if (integerTypes.has(field?.type ?? "") && logical === "INTEGER" && field?.repetition_type !== "REPEATED") return;
    const there = fields.map((element) => `${element.name} (${element.type ?? "group"})`).join(", ");
    throw dumpError("DUMP_COLUMN_MISSING", file, `there is no column ${name} of integers; there are ${there}`);
  };
  check(time);
  const { logical_type: logical, converted_type } = fields.find(({ name }) => name === time)!;
  const unsigned = converted_type === "UINT_64" || (logical?.type === "INTEGER" && !logical.isSigned);
  const hasChannel = fields.some(({ name }) => name === channel);
  if (!hasChannel && !named) return { time, unsigned };
  check(channel);
  return { time, channel, unsigned };
}

/** The root's children; the schema lists all, each before its own children. */
function topLevel(schema: readonly SchemaElement[]): SchemaElement[] {
  const found: SchemaElement[] = [];
  for (let i = 1; i < schema.length; ) {
    found.push(schema[i]!);
    for (let open = 1; open > 0 && i < schema.length; i++) open += (schema[i]!.num_children ?? 0) - 1;
  }
  return found;
}

function checkCodecs(metadata: FileMetaData, file: string, names: readonly (string | undefined)[]): void {
  for (const { columns } of metadata.row_groups)
    for (const { meta_data } of columns) {
      const { codec = "UNCOMPRESSED", path_in_schema = [] } = meta_data ?? {};
      if (path_in_schema.length !== 1 || !names.includes(path_in_schema[0])) continue;
      if (codec === "UNCOMPRESSED" || codec === "SNAPPY" || compressors[codec]) continue;
      const known = `SNAPPY, ${Object.keys(compressors).join(", ")}`;
      throw dumpError(
        "DUMP_FORMAT_UNSUPPORTED",
        file,
        `columns are compressed with ${codec}; write it with ${known} or none`,
      );
    }
}
