/** HDF5 with a data set of 64-bit integer times, by h5wasm (the HDF5 library itself), piece by piece. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { Dataset, File as Hdf5File } from "h5wasm/node";
import { QkdError } from "../errors.js";
import { dumpError } from "./faults.js";
import { columnNames, RowBuffer, type Rows, type Table, type TableRequest } from "./table-rows.js";

const rowsPerPiece = 2 ** 18;
const magic = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;
/** Where the format lets it stand: behind a user block, as MATLAB writes. */
const magicAt = [0, 512, 1024, 2048] as const;
/** No filter makes more of a byte (deflate: 1032); past that the rows were never written. */
const mostBytesOfOne = 4096;
const mostNamesShown = 20;

/** Whether the file's beginning is that of HDF5. */
export function looksLikeHdf5(head: Uint8Array): boolean {
  return magicAt.some((at) => magic.every((byte, i) => head[at + i] === byte));
}

/** @throws QkdError DUMP_BAD_MAGIC, DUMP_TRUNCATED_HEADER, DUMP_COLUMN_MISSING, DUMP_BAD_RECORD */
export async function openHdf5({ path, bytes, columns }: TableRequest): Promise<Table> {
  const head = new Uint8Array(4096);
  const handle = await open(path, "r");
  await handle.read(head, 0, head.length, 0);
  await handle.close();
  if (!looksLikeHdf5(head))
    throw dumpError("DUMP_BAD_MAGIC", path, "this is no HDF5 file (its magic is not 89 HDF)", { offset: 0 });
  const h5wasm = await import("h5wasm/node");
  // Faults of the library as exceptions, not as text on stderr.
  (await h5wasm.ready).activate_throwing_error_handler();
  const guarded = <T>(action: () => T): T => {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof QkdError) throw cause;
      throw dumpError("DUMP_BAD_RECORD", path, `this is no HDF5 file that can be read: ${reason(cause)}`);
    }
  };
  const file = guarded(() => new h5wasm.File(resolve(path), "r"));
  if (file.file_id < 0n) throw dumpError("DUMP_TRUNCATED_HEADER", path, "the file is cut or damaged");
  const { time, channel, named } = columnNames(columns);
  const column = (name: string, wanted: boolean): Dataset | undefined => {
    const found = guarded(() => (has(file, name) ? file.get(name) : null));
    if (!found && !wanted) return undefined;
    if (!(found instanceof h5wasm.Dataset))
      throw dumpError("DUMP_COLUMN_MISSING", path, `there is no data set ${name}; there are ${names(file)}`);
    const { shape, dtype } = guarded(() => ({ shape: found.shape, dtype: found.dtype }));
    const isList = shape !== null && shape.length > 0 && shape.filter((length) => length !== 1).length <= 1;
    if (!isList || !/^[<>|]?[bBhHiIlLqQ]$/.test(String(dtype)))
      throw dumpError(
        "DUMP_COLUMN_MISSING",
        path,
        `data set ${name} is no list of integers (${String(dtype)}, ${shape?.join(" × ") ?? "no values"})`,
      );
    return found;
  };
  const times = column(time, true)!;
  const channels = column(channel, named);
  const total = rowsOf(times);
  if (channels && rowsOf(channels) !== total)
    throw dumpError("DUMP_BAD_RECORD", path, `${total} times and ${rowsOf(channels)} channels`);
  if (total * times.metadata.size > bytes * mostBytesOfOne)
    throw dumpError("DUMP_BAD_RECORD", path, `${total} rows are claimed and cannot be in ${bytes} bytes`);
  const unsigned = /[BHILQ]/.test(String(times.dtype));
  const piece = (set: Dataset, from: number, to: number) =>
    guarded(() => set.slice(set.shape!.map((length) => (length === 1 ? [0, 1] : [from, to])))) as ArrayLike<unknown>;
  async function* rows(): AsyncGenerator<Rows> {
    for (let from = 0; from < total; from += rowsPerPiece) {
      const to = Math.min(total, from + rowsPerPiece);
      const found = new RowBuffer(path, from, to - from, unsigned);
      found.putTimes(piece(times, from, to), 0, to - from, 0);
      if (channels) found.putCodes(piece(channels, from, to), 0, to - from, 0);
      yield found;
    }
  }
  return { rows: rows(), total };
}

function rowsOf(set: Dataset): number {
  return set.shape!.reduce((product, length) => product * length, 1);
}

/** Link by link, since a path through what is no group would be a fault of the library. */
function has(file: Hdf5File, name: string): boolean {
  return name.split("/").every((_, i, parts) => file.get(parts.slice(0, i + 1).join("/")) !== null);
}

function names(file: Hdf5File): string {
  try {
    const all = file.paths();
    return all.slice(0, mostNamesShown).join(", ") + (all.length > mostNamesShown ? " and more" : "");
  } catch {
    return "some that cannot be listed";
  }
}

/** The library's own words about a filter that it lacks, or its first line. */
function reason(cause: unknown): string {
  const text = String(cause);
  return /required filter '[^']*' is not registered/.exec(text)?.[0] ?? text.split("\n")[0]!.slice(0, 200);
}
