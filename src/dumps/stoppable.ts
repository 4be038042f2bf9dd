/** Reading that a signal ends early (Ctrl-C): what was read until then stays good. */
import type { Readable } from "node:stream";
import { QkdError } from "../errors.js";
import { openDump } from "./open.js";
import { PreparationRecord } from "./preparation.js";
import type { Dump, OpenOptions } from "./types.js";

export interface StoppableOptions extends OpenOptions {
  readonly signal?: AbortSignal;
}

/** @throws QkdError as `openDump`; INTERRUPTED where the signal comes before the format is known */
export function openStoppable(input: string | Readable, options: StoppableOptions): Promise<Dump> {
  // A read that waits for a pipe's next bytes ends with the pipe alone.
  if (typeof input !== "string") options.signal?.addEventListener("abort", () => input.destroy(), { once: true });
  return opened(openDump(input, untilSignal(options)), options);
}

/** @throws QkdError as `PreparationRecord.open`; INTERRUPTED where the signal comes before there is a record */
export function openStoppableRecord(file: string, options: StoppableOptions): Promise<PreparationRecord> {
  return opened(PreparationRecord.open(file, untilSignal(options).follow), options);
}

function untilSignal({ signal, follow, ...rest }: StoppableOptions): OpenOptions {
  return follow ? { ...rest, follow: signal ? { ...follow, signal } : follow } : rest;
}

async function opened<T>(opening: Promise<T>, { signal }: StoppableOptions): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (signal?.aborted) throw new QkdError("INTERRUPTED", "Stopped before anything was read.");
    throw error;
  }
}

export async function* untilStopped<T>(batches: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  try {
    for await (const batch of batches) {
      yield batch;
      if (signal?.aborted) return;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}
