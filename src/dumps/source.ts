/** Bytes of a dump, from a file or a stream, read forward into the caller's buffer; memory stays bounded. */
import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { QkdError } from "../errors.js";
import { Growth, openGrowing } from "./growth.js";
import type { Follow } from "./types.js";

export interface ByteSource {
  readonly name: string;
  /** Size in all where known. */
  readonly size: number | undefined;
  /** Bytes delivered so far. */
  readonly position: number;
  /** Fills from `start` as far as there is data; fewer bytes than asked for mean the end. */
  read(target: Uint8Array, start?: number): Promise<number>;
  /** As `read`, but of a growing file or a stream what there is, at least a byte; none means the end. */
  readSome(target: Uint8Array, start: number): Promise<number>;
  close(): Promise<void>;
}

/** @throws QkdError FILE_UNREADABLE */
export async function openSource(path: string | Readable, follow?: Follow): Promise<ByteSource> {
  if (typeof path !== "string") return new StreamSource(path);
  const failed = (cause: unknown) => {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    return new QkdError("FILE_UNREADABLE", `${path} cannot be read (${why}).`, { file: path, why }, { cause });
  };
  const file = await openGrowing(path, follow).catch((cause: unknown) => {
    throw failed(cause);
  });
  const stat = await file.stat();
  if (stat.isDirectory()) {
    await file.close();
    throw failed(Object.assign(new Error("a directory"), { code: "EISDIR" }));
  }
  if (follow && stat.isFile()) return new GrowingFile(path, file, failed, new Growth(path, file, follow));
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
      const got = await this.readOnce(target, filled);
      if (got === 0) break;
      filled += got;
    }
    return filled - start;
  }
  readSome(target: Uint8Array, start: number): Promise<number> {
    return this.read(target, start);
  }
  protected async readOnce(target: Uint8Array, start: number): Promise<number> {
    // No position for a pipe; a regular file's is kept here.
    const at = this.size === undefined ? null : this.position;
    const { bytesRead } = await this.file.read(target, start, target.length - start, at).catch((cause: unknown) => {
      throw this.failed(cause);
    });
    this.position += bytesRead;
    return bytesRead;
  }
  close(): Promise<void> {
    return this.file.close();
  }
}

class GrowingFile extends FileSource {
  /** The last read found less than it asked for. */
  private caughtUp = false;

  constructor(
    name: string,
    file: FileHandle,
    failed: (cause: unknown) => QkdError,
    private readonly growth: Growth,
  ) {
    super(name, file, undefined, failed);
  }

  override readSome(target: Uint8Array, start: number): Promise<number> {
    return target.length > start ? this.readOnce(target, start) : Promise.resolve(0);
  }

  protected override async readOnce(target: Uint8Array, start: number): Promise<number> {
    if (this.caughtUp) await this.growth.pause();
    let got = await super.readOnce(target, start);
    if (got === 0 && (await this.growth.beyond(this.position)) > this.position)
      got = await super.readOnce(target, start);
    this.caughtUp = got < target.length - start;
    return got;
  }
}

class StreamSource implements ByteSource {
  readonly name = "-";
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
  /** What came in one piece: a pipe may wait long for the next. */
  async readSome(target: Uint8Array, start: number): Promise<number> {
    while (this.rest.length === 0) {
      const next = await this.chunks.next();
      if (next.done) return 0;
      this.rest = new Uint8Array(next.value);
    }
    return this.read(target.subarray(0, start + this.rest.length), start);
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
  async readSome(target: Uint8Array, start: number): Promise<number> {
    const part = this.head.subarray(this.used, this.used + target.length - start);
    if (part.length === 0) return this.source.readSome(target, start);
    target.set(part, start);
    this.used += part.length;
    return part.length;
  }
  close(): Promise<void> {
    return this.source.close();
  }
}
