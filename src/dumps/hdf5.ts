/** HDF5 with a data set of 64-bit integer times, by h5wasm (the HDF5 library itself), piece by piece. */
import { resolve } from "node:path";
import type { Dataset } from "h5wasm/node";
import { QkdError } from "../errors.js";
import { dumpError } from "./faults.js";
import type { ByteSource } from "./source.js";
import { type Column, columnNames, seekable, tableDump } from "./table-file.js";
import type { Dump, OpenOptions } from "./types.js";

const rowsPerPiece = 2 ** 16;
export const hdf5Magic = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;

/** @throws QkdError DUMP_BAD_MAGIC, DUMP_COLUMN_MISSING, DUMP_BAD_RECORD, DUMP_FORMAT_UNSUPPORTED */
export async function openHdf5(source: ByteSource, options: OpenOptions): Promise<Dump> {
  const path = seekable("hdf5", source);
  const head = new Uint8Array(8);
  await source.read(head);
  if (hdf5Magic.some((byte, i) => head[i] !== byte))
    throw dumpError("DUMP_BAD_MAGIC", path, "this is no HDF5 file (its magic is not 89 HDF)", { offset: 0 });
  const h5wasm = await import("h5wasm/node");
  // Faults of the library as exceptions, not as text on stderr.
  (await h5wasm.ready).activate_throwing_error_handler();
  const guarded = <T>(action: () => T): T => {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof QkdError) throw cause;
      throw dumpError("DUMP_BAD_RECORD", path, `this is no HDF5 file that can be read: ${String(cause).slice(0, 200)}`);
    }
  };
  const file = guarded(() => new h5wasm.File(resolve(path), "r"));
  const closeFile = () => {
    if (file.file_id >= 0n) file.close();
  };
  const close = async () => {
    closeFile();
    await source.close();
  };
  try {
    if (file.file_id < 0n) throw dumpError("DUMP_TRUNCATED_HEADER", path, "the file is cut or damaged");
    const { time, channel, named } = columnNames(options);
    const column = (name: string, wanted: boolean): Dataset | undefined => {
      const found = guarded(() => file.get(name));
      if (!found && !wanted) return undefined;
      if (!(found instanceof h5wasm.Dataset))
        throw dumpError(
          "DUMP_COLUMN_MISSING",
          path,
          `there is no data set ${name}; there are ${file.keys().join(", ")}`,
        );
      const { shape, dtype } = found;
      if (shape?.length !== 1 || !/^[<>|]?[bBhHiIlLqQ]$/.test(String(dtype)))
        throw dumpError("DUMP_COLUMN_MISSING", path, `data set ${name} is no list of integers (${String(dtype)})`);
      return found;
    };
    const times = column(time, true)!;
    const channels = column(channel, named);
    const total = times.shape![0]!;
    if (channels && channels.shape![0] !== total)
      throw dumpError("DUMP_BAD_RECORD", path, `${total} times and ${channels.shape![0]} channels`);
    async function* rows(): AsyncGenerator<{ time: Column; channel: Column | undefined }> {
      for (let from = 0; from < total; from += rowsPerPiece) {
        const range: [number, number][] = [[from, Math.min(total, from + rowsPerPiece)]];
        const piece = (set: Dataset) => guarded(() => set.slice(range)) as Column;
        yield { time: piece(times), channel: channels ? piece(channels) : undefined };
      }
    }
    return tableDump("hdf5", source, { rows, close }, options);
  } catch (error) {
    closeFile();
    throw error;
  }
}
