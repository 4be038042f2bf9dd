/** Reading that a signal ends early (Ctrl-C): what was read until then stays good. */
import type { Readable } from "node:stream";
import { QkdError } from "../errors.js";
import { openDump } from "./open.js";
import type { Dump, OpenOptions } from "./types.js";

export interface StoppableOptions extends OpenOptions {
  readonly signal?: AbortSignal;
}

/** @throws QkdError as `openDump`; INTERRUPTED where the signal comes before the format is known */
export async function openStoppable(input: string | Readable, options: StoppableOptions): Promise<Dump> {
  const { signal, follow, ...rest } = options;
  // A read that waits for a pipe's next bytes ends with the pipe alone.
  if (typeof input !== "string") signal?.addEventListener("abort", () => input.destroy(), { once: true });
  try {
    return await openDump(input, follow ? { ...rest, follow: signal ? { ...follow, signal } : follow } : rest);
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
