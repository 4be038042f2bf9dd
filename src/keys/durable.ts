/** Writes that are on the disk when they resolve, or have left nothing behind under the final name. */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { QkdError } from "../errors.js";

/** Replaces a file whole: written beside it, synced, renamed, folder synced. @throws QkdError FILE_WRITE_FAILED */
export async function replaceFile(path: string, data: Uint8Array | string, mode = 0o600): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw writeFailed(path, cause);
  }
}

/** Gone for good when it resolves; no error where it was not there. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** The file's bytes, or undefined where it does not exist. @throws QkdError FILE_UNREADABLE */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    if (why === "ENOENT") return undefined;
    throw new QkdError("FILE_UNREADABLE", `${path} cannot be read (${why}).`, { file: path, why }, { cause });
  }
}

/** @throws QkdError FILE_WRITE_FAILED */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw writeFailed(path, cause);
  }
}

/** A file of lines, mode 0600, to which whole lines are appended durably; one process at a time. */
export class LineFile {
  private broken = false;
  private queue: Promise<void> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private end: number,
    /** Whole lines found when it was opened; a torn last one was cut off. */
    readonly lines: readonly string[],
  ) {}

  /** @throws QkdError FILE_WRITE_FAILED */
  static async open(path: string): Promise<LineFile> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      await file.chmod(0o600);
      const found = await file.readFile();
      const end = found.lastIndexOf(0x0a) + 1;
      if (end < found.length) {
        await file.truncate(end);
        await file.sync();
      }
      await syncFolder(dirname(path));
      const lines = found.toString("utf8", 0, end).split("\n").slice(0, -1);
      found.fill(0);
      return new LineFile(path, file, end, lines);
    } catch (cause) {
      await file?.close();
      throw writeFailed(path, cause);
    }
  }

  /** All of the lines or none, on the disk when it resolves; calls take turns. @throws QkdError FILE_WRITE_FAILED */
  append(lines: readonly (string | Uint8Array)[]): Promise<void> {
    const turn = this.queue.then(() => this.write(lines));
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  private async write(lines: readonly (string | Uint8Array)[]): Promise<void> {
    if (this.broken) throw writeFailed(this.path, new Error("an earlier write left it in doubt; start again"));
    const data = joined(lines);
    try {
      let done = 0;
      while (done < data.length)
        done += (await this.file.write(data, done, data.length - done, this.end + done)).bytesWritten;
      await this.file.datasync();
      this.end += data.length;
    } catch (cause) {
      // what was half written must not be found by a reader, nor by the next line
      try {
        await this.file.truncate(this.end);
        await this.file.sync();
      } catch {
        this.broken = true;
      }
      throw writeFailed(this.path, cause);
    } finally {
      data.fill(0);
    }
  }

  async close(): Promise<void> {
    await this.queue;
    await this.file.close();
  }
}

/** In memory of its own, which can be zeroised whole. */
function joined(lines: readonly (string | Uint8Array)[]): Buffer {
  const parts = lines.map((line) => (typeof line === "string" ? Buffer.from(line) : line));
  const out = Buffer.alloc(
    parts.reduce((sum, part) => sum + part.length + 1, 0),
    "\n",
  );
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length + 1;
  }
  return out;
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export function writeFailed(path: string, cause: unknown): QkdError {
  const why = (cause as NodeJS.ErrnoException).code ?? (cause instanceof Error ? cause.message : "unknown");
  return new QkdError(
    "FILE_WRITE_FAILED",
    `${path} could not be written (${why}); no half-written content is left under that name.`,
    { file: path, why },
    { cause },
  );
}
