/** A lock file that names its holder, so that one left by a killed process is seen at once and taken over. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { QkdError } from "../errors.js";

const patienceMs = 10_000;

/** Runs `body` while holding `path`. @throws QkdError FILE_LOCKED, FILE_WRITE_FAILED */
export async function withLock<T>(path: string, body: () => Promise<T>): Promise<T> {
  const own = `${process.pid} ${startTime(process.pid)} ${randomUUID()}`;
  const deadline = Date.now() + patienceMs;
  while (!(await tryLock(path, own))) {
    if (Date.now() > deadline) throw new QkdError("FILE_LOCKED", `${path} is held by another process.`, { file: path });
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 10));
  }
  try {
    return await body();
  } finally {
    await rm(path, { force: true });
  }
}

async function tryLock(path: string, own: string): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(own);
    await file.close();
    return true;
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    if (why !== "EEXIST")
      throw new QkdError("FILE_WRITE_FAILED", `${path} cannot be made (${why}).`, { file: path, why }, { cause });
  }
  await removeStale(path);
  return false;
}

async function removeStale(path: string): Promise<void> {
  const holder = await readFile(path, "utf8").catch(() => undefined);
  if (holder === undefined || isAlive(holder)) return;
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

/** An empty file is a lock just being made; its maker may have died, so it counts as alive only briefly (retries). */
function isAlive(holder: string): boolean {
  const [pid, started] = holder.split(" ");
  if (!pid || !started) return Math.random() > 0.02;
  return startTime(Number(pid)) === started;
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
