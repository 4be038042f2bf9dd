/**
 * A file that an instrument still writes (`--follow`). It has ended once it has been quiet for the idle seconds, or when
 * the signal says so. Shorter than it was, or another file under its name, is an error: what was read is no longer there.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { interrupted } from "../errors.js";
import { dumpError } from "./faults.js";
import type { Follow } from "./types.js";

const firstPauseMs = 20;
const longestPauseMs = 200;

export class Growth {
  constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
    private readonly follow: Follow,
  ) {}

  /**
   * Waits until the file is longer than `bytes`, which were there already.
   * @returns its size, `bytes` where it has ended
   * @throws QkdError DUMP_REPLACED, INTERRUPTED
   */
  async beyond(bytes: number): Promise<number> {
    const longer = await patiently(this.follow, async () => {
      const { size, ino, dev } = await this.handle.stat();
      if (size > bytes) return size;
      const named = await stat(this.file).catch(() => undefined);
      const other = named !== undefined && (named.ino !== ino || named.dev !== dev);
      if (!other && size === bytes) return undefined;
      const what = other ? "another file took its place" : "it became shorter";
      throw dumpError("DUMP_REPLACED", this.file, `${what} while it was read`, { offset: bytes });
    });
    return longer ?? bytes;
  }

  /** Between two reads of little: one by one, an instrument's small writes would cost a read each. */
  async pause(): Promise<void> {
    await nap(firstPauseMs, this.follow.signal);
  }
}

/** Opens a file that, followed, may not be there yet. @throws as `open` does */
export async function openGrowing(file: string, follow: Follow | undefined): Promise<FileHandle> {
  if (!follow) return open(file, "r");
  const handle = await patiently(follow, () =>
    open(file, "r").catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT") throw cause;
      return undefined;
    }),
  );
  return handle ?? open(file, "r");
}

/** Tries with longer and longer pauses, which alone count as quiet. @returns undefined where nothing came in time */
async function patiently<T>(
  { idleSeconds, signal, signalFails }: Follow,
  attempt: () => Promise<T | undefined>,
): Promise<T | undefined> {
  let left = idleSeconds * 1000;
  for (let pause = firstPauseMs; ; pause = Math.min(longestPauseMs, pause * 1.5)) {
    const found = await attempt();
    if (found === undefined && signal?.aborted && signalFails) throw interrupted();
    if (found !== undefined || left <= 0 || signal?.aborted) return found;
    await nap(Math.min(pause, left), signal);
    left -= pause;
  }
}

async function nap(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
}
