/** Bytes of a dump, from a file or a stream, read forward into the caller's buffer; memory stays bounded. */
import { type FileHandle, open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { QkdError } from "../errors.js";

export interface ByteSource {
  readonly name: string;
  /** Size in all where known. */
  readonly size: number | undefined;
  /** Bytes delivered so far. */
  readonly position: number;
  /** Fills from `start` as far as there is data; fewer bytes than asked for mean the end. */
  read(target: Uint8Array, start?: number): Promise<number>;
  close(): Promise<void>;
}

/** @throws QkdError FILE_UNREADABLE */
export async function openSource(path: string | Readable): Promise<ByteSource> {
  if (typeof path !== "string") return new StreamSource(path);
  const failed = (cause: unknown) => {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    return new QkdError("FILE_UNREADABLE", `${path} cannot be read (${why}).`, { file: path, why }, { cause });
  };
  const file = await open(path, "r").catch((cause: unknown) => {
    throw failed(cause);
  });
  const stat = await file.stat();
  if (stat.isDirectory()) {
    await file.close();
    throw failed(Object.assign(new Error("a directory"), { code: "EISDIR" }));
  }
  return new FileSource(path, file, stat.isFile() ? stat.size : undefined, failed);
}

class FileSource implements ByteSource {
  position = 0;
  constructor(
    readonly name: string,
    private readonly file: FileHandle,
    readonly size: number | undefined,
    private readonly failed: (cause: unknown) => QkdError,
  ) {}

  async read(target: Uint8Array, start = 0): Promise<number> {
    let filled = start;
    while (filled < target.length) {
      const at = this.size === undefined ? null : this.position;
      const { bytesRead } = await this.file.read(target, filled, target.length - filled, at).catch((cause: unknown) => {
        throw this.failed(cause);
      });
      if (bytesRead === 0) break;
      filled += bytesRead;
      this.position += bytesRead;
    }
    return filled - start;
  }
  close(): Promise<void> {
    return this.file.close();
  }
}

class StreamSource implements ByteSource {
  readonly name = "(stream)";
  readonly size = undefined;
  position = 0;
  private readonly chunks: AsyncIterator<Uint8Array>;
  private rest = new Uint8Array(0);

  constructor(private readonly stream: Readable) {
    this.chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  async read(target: Uint8Array, start = 0): Promise<number> {
    let filled = start;
    while (filled < target.length) {
      if (this.rest.length === 0) {
        const next = await this.chunks.next();
        if (next.done) break;
        this.rest = new Uint8Array(next.value);
        continue;
      }
      const part = this.rest.subarray(0, target.length - filled);
      target.set(part, filled);
      this.rest = this.rest.subarray(part.length);
      filled += part.length;
      this.position += part.length;
    }
    return filled - start;
  }
  async close(): Promise<void> {
    this.stream.destroy();
  }
}

/** What was read ahead to tell the format, given back in front of the rest. */
export class ReplaySource implements ByteSource {
  private used = 0;
  constructor(
    private readonly source: ByteSource,
    private readonly head: Uint8Array,
  ) {}
  get name(): string {
    return this.source.name;
  }
  get size(): number | undefined {
    return this.source.size;
  }
  get position(): number {
    return this.source.position - (this.head.length - this.used);
  }
  async read(target: Uint8Array, start = 0): Promise<number> {
    const part = this.head.subarray(this.used, this.used + target.length - start);
    target.set(part, start);
    this.used += part.length;
    return part.length + (await this.source.read(target, start + part.length));
  }
  close(): Promise<void> {
    return this.source.close();
  }
}
