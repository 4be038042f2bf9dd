/**
 * A lock file that names its holder, for a step or for as long as a run lasts. One left by a killed process is seen at
 * once and taken over: the holder is looked up where its process numbers are ours; where they are not (another container
 * or machine that shares the folder), by the file's time, which the holder renews.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { type FileHandle, link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { interrupted, QkdError } from "../errors.js";
import { writeFailed } from "./durable.js";

/** A run that is ending is waited for so long. */
const patienceMs = 10_000;
const renewMs = 5_000;
const goneMs = 30_000;

/**
 * @param signal ends the wait
 * @returns what gives it back
 * @throws QkdError FILE_LOCKED, FILE_WRITE_FAILED, INTERRUPTED
 */
export async function takeLock(
  path: string,
  { waitMs = patienceMs, signal }: { waitMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<() => Promise<void>> {
  const own = `${process.pid} ${startTime(process.pid)} ${numberedBy()} ${randomUUID()}`;
  const deadline = Date.now() + waitMs;
  for (;;) {
    if (signal?.aborted) throw interrupted();
    const file = await make(path, own);
    if (file) return held(path, own, file);
    const holder = await readFile(path, "utf8").catch(() => undefined);
    if (holder !== undefined && !(await isAlive(path, holder))) await removeStale(path, holder);
    else if (Date.now() >= deadline)
      throw new QkdError("FILE_LOCKED", `${path} is held by ${named(holder)}: two runs cannot share a folder.`, {
        file: path,
      });
    else await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 50));
  }
}

/** Runs `body` under it. @throws QkdError FILE_LOCKED, FILE_WRITE_FAILED */
export async function withLock<T>(path: string, body: () => Promise<T>): Promise<T> {
  const release = await takeLock(path);
  try {
    return await body();
  } finally {
    await release();
  }
}

async function make(path: string, own: string): Promise<FileHandle | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "wx", 0o600);
    await file.write(own, 0);
    return file;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    if (file) {
      await file.close();
      await rm(path, { force: true });
    }
    throw writeFailed(path, cause);
  }
}

function held(path: string, own: string, file: FileHandle): () => Promise<void> {
  let renewing: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // A write that fails makes the lock look old to others, and nothing else.
    renewing = file.write(own, 0).catch(() => undefined);
  }, renewMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await renewing;
    await file.close();
    if ((await readFile(path, "utf8").catch(() => "")) === own) await rm(path, { force: true });
  };
}

async function removeStale(path: string, holder: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  const taken = await readFile(aside, "utf8");
  // Somebody else took the stale lock over between our look and our move: give theirs back.
  if (taken !== holder) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function isAlive(path: string, holder: string): Promise<boolean> {
  const [pid, started, numbers] = holder.split(" ");
  if (numbers === numberedBy()) return startTime(Number(pid)) === started;
  // Also one that is just being made, or whose maker died before it was written.
  return (await ageMs(path)) < goneMs;
}

/** By the file system's clock, which need not be ours. */
async function ageMs(path: string): Promise<number> {
  const probe = `${path}.${randomUUID()}`;
  const file = await open(probe, "wx", 0o600).catch((cause: unknown) => {
    throw writeFailed(probe, cause);
  });
  try {
    const now = (await file.stat()).mtimeMs;
    const then = await stat(path).catch(() => undefined);
    return then ? now - then.mtimeMs : 0;
  } finally {
    await file.close();
    await rm(probe, { force: true });
  }
}

function named(holder: string | undefined): string {
  const [pid, , numbers] = holder?.split(" ") ?? [];
  return numbers === numberedBy() ? `process ${pid}` : "a process of another system";
}

/** Whose process numbers these are: of this boot and container, or at least of this machine. */
function numberedBy(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot}/${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** When a process started, to tell a reused number; "0" where the system does not say. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "0";
  } catch {
    try {
      process.kill(pid, 0);
      return "0";
    } catch {
      return "gone";
    }
  }
}
