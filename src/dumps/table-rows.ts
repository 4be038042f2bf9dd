/** What the readers of table files (Parquet, HDF5) share: names of the two columns, and values kept as whole numbers. */
import { dumpError } from "./faults.js";
import type { OpenOptions } from "./types.js";

export interface TableRequest {
  readonly format: "parquet" | "hdf5";
  readonly path: string;
  readonly bytes: number;
  readonly columns: OpenOptions["columns"];
}

export interface Table {
  readonly rows: AsyncGenerator<Rows>;
  /** As the file claims. */
  readonly total: number;
}

/** Rows in order of the file; times in the table's unit. */
export interface Rows {
  readonly time: BigInt64Array<ArrayBuffer>;
  /** The times' bits are those of u64. */
  readonly unsigned: boolean;
  readonly code: Uint8Array<ArrayBuffer>;
}

/** What the libraries give; what is no whole number has its place, too. */
type Values = ArrayLike<unknown>;

/** The columns' names: `--columns TIME,CHANNEL`, default time and channel; where there is no channel and none was named, all are 0. */
export function columnNames(columns: OpenOptions["columns"]): { time: string; channel: string; named: boolean } {
  const [time = "time", channel = "channel"] = columns ?? [];
  return { time, channel, named: columns?.[1] !== undefined };
}

/** Rows that are filled column by column; a value that cannot be kept exactly is DUMP_BAD_RECORD. */
export class RowBuffer implements Rows {
  readonly time: BigInt64Array<ArrayBuffer>;
  readonly code: Uint8Array<ArrayBuffer>;
  times = 0;
  codes = 0;

  /** @param first row of the file, for messages */
  constructor(
    private readonly file: string,
    private readonly first: number,
    length: number,
    readonly unsigned: boolean,
  ) {
    this.time = new BigInt64Array(length);
    this.code = new Uint8Array(length);
  }

  /** Values [from, to) into the rows from `at` on. */
  putTimes(values: Values, from: number, to: number, at: number): void {
    if (values instanceof BigInt64Array) this.time.set(values.subarray(from, to), at);
    else
      for (let i = from; i < to; i++)
        this.time[at + i - from] = whole(values[i]) ?? this.fail(at + i - from, values[i]);
    this.times += to - from;
  }

  putCodes(values: Values, from: number, to: number, at: number): void {
    for (let i = from; i < to; i++) {
      const value = values[i];
      const code = typeof value === "bigint" ? Number(value) : value;
      if (typeof code !== "number" || !Number.isInteger(code)) this.fail(at + i - from, value);
      else if (code > 255 || code < -128) this.fail(at + i - from, `channel ${code} does not fit in 8 bits`);
      else this.code[at + i - from] = code;
    }
    this.codes += to - from;
  }

  private fail(row: number, value: unknown): never {
    const message =
      typeof value === "string"
        ? value
        : `${String(value).slice(0, 40)} is no whole number that is kept exactly; store times as 64-bit integers`;
    throw dumpError("DUMP_BAD_RECORD", this.file, message, { record: this.first + row });
  }
}

function whole(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}
