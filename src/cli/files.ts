/** Reading arguments that are files, and writing results so that a failed write leaves nothing under the final name. */
import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { QkdError } from "../errors.js";

/** @throws QkdError FILE_UNREADABLE */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new QkdError("FILE_UNREADABLE", `${path} cannot be read (${why}).`, { file: path, why }, { cause });
  }
}

/** @throws QkdError FILE_UNREADABLE, FILE_NOT_JSON */
export async function readJson(path: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new QkdError("FILE_NOT_JSON", `${path} is no JSON: ${(cause as Error).message}`, { file: path }, { cause });
  }
}

/** Writes beside the target, syncs, renames. @throws QkdError FILE_WRITE_FAILED */
export async function writeWhole(path: string, data: Uint8Array | string, mode = 0o600): Promise<void> {
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
  } catch (cause) {
    await rm(temporary, { force: true });
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new QkdError(
      "FILE_WRITE_FAILED",
      `${path} could not be written (${why}); nothing is left under that name.`,
      { file: path, why },
      { cause },
    );
  }
}
