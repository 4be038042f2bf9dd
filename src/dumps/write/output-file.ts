/** Writing a dump so that a failed or broken-off write leaves nothing under the final name. */
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { QkdError } from "../../errors.js";

/** A file under construction beside its final name; nothing is left under that name if it is never closed. */
export class OutputFile {
  bytes = 0;
  private constructor(
    readonly path: string,
    private readonly temporary: string,
    private readonly file: FileHandle,
  ) {}

  static create(path: string): Promise<OutputFile> {
    const temporary = `${path}.partial`;
    return guard(path, async () => {
      // A device or a pipe would be replaced by the finished file.
      const there = await stat(path).catch(() => undefined);
      if (there && !there.isFile()) throw Object.assign(new Error(), { code: "no regular file" });
      return new OutputFile(path, temporary, await open(temporary, "w", 0o600));
    });
  }

  write(data: Uint8Array, at?: number): Promise<void> {
    return guard(this.path, async () => {
      let done = 0;
      while (done < data.length)
        done += (await this.file.write(data, done, data.length - done, (at ?? this.bytes) + done)).bytesWritten;
      if (at === undefined) this.bytes += data.length;
    });
  }

  commit(): Promise<void> {
    return guard(this.path, async () => {
      await this.file.sync();
      await this.file.close();
      await rename(this.temporary, this.path);
    });
  }

  async discard(): Promise<void> {
    await this.file.close();
    await rm(this.temporary, { force: true });
  }
}

async function guard<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    const message = `${path} could not be written (${why}); nothing is left under that name.`;
    throw new QkdError("FILE_WRITE_FAILED", message, { file: path, why }, { cause });
  }
}
