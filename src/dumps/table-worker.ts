/**
 * A thread that reads one table file for `table-file.ts`: Parquet's and HDF5's libraries trust the lengths that a file
 * claims, so that a damaged one can take all memory, never end, or leave the library unusable. Here only the thread does.
 */
import { parentPort, workerData } from "node:worker_threads";
import { QkdError } from "../errors.js";
import type { Rows, Table, TableRequest } from "./table-rows.js";

/** To `table-file.ts`: the rows in all, then for each request some of them, or none at the end. */
export interface TableAnswer {
  readonly total?: number;
  readonly rows?: Rows;
  readonly error?: { readonly code: string; readonly message: string; readonly details: Record<string, unknown> };
}

const request = workerData as TableRequest;
const port = parentPort!;

const answer = async (make: () => Promise<TableAnswer>) => {
  const made = await make().catch((error: unknown): TableAnswer => {
    const { code, message, details } =
      error instanceof QkdError
        ? error
        : { code: "DUMP_BAD_RECORD", message: `${request.path} cannot be read: ${String(error)}`, details: {} };
    return { error: { code, message, details: { file: request.path, ...details } } };
  });
  port.postMessage(made, made.rows ? [made.rows.time.buffer, made.rows.code.buffer] : []);
};

let table: Table;
await answer(async () => {
  if (request.format === "parquet") table = await (await import("./parquet.js")).openParquet(request);
  else table = await (await import("./hdf5.js")).openHdf5(request);
  return { total: table.total };
});
port.on("message", () =>
  answer(async () => {
    const { value, done } = await table.rows.next();
    if (done) return {};
    const { time, unsigned, code } = value;
    return { rows: { time, unsigned, code } };
  }),
);
