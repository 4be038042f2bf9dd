/**
 * The preparation record of a prepare-and-measure source (CONTRACT.md): 4 bits a pulse, two pulses a byte, the even pulse
 * in the low nibble; bit 0 the bit, bit 1 the basis (0 Z, 1 X), bits 2–3 the intensity's index. No header.
 */
import type { FileHandle } from "node:fs/promises";
import { QkdError } from "../errors.js";
import { Growth, openGrowing } from "./growth.js";
import type { Follow } from "./types.js";

const pulsesPerPiece = 2 ** 22;

/** Random access: what Alice's pulses were. Nothing larger than what is asked for is held. */
export class PreparationRecord {
  private ended = false;

  private constructor(
    readonly file: string,
    private readonly handle: FileHandle,
    private bytes: number,
    private readonly growth: Growth | undefined,
  ) {}

  /** In the record, as far as it was waited for. */
  get pulses(): number {
    return this.bytes * 2;
  }

  /** It is followed while it is written. */
  get growing(): boolean {
    return this.growth !== undefined;
  }

  /**
   * Waits, where the record grows, until it holds so many pulses or has ended.
   * @throws QkdError INTERRUPTED, DUMP_REPLACED
   */
  async reaches(pulses: number): Promise<void> {
    while (this.growth && !this.ended && this.pulses < pulses) {
      const before = this.bytes;
      const size = await this.growth.beyond(before);
      this.ended ||= size === before;
      this.bytes = Math.max(this.bytes, size);
    }
  }

  /** @throws QkdError FILE_UNREADABLE */
  static async open(file: string, follow?: Follow): Promise<PreparationRecord> {
    const unreadable = (cause: unknown) => {
      const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
      return new QkdError("FILE_UNREADABLE", `${file} cannot be read (${why}).`, { file, why }, { cause });
    };
    const handle = await openGrowing(file, follow).catch((cause: unknown) => {
      throw unreadable(cause);
    });
    const stat = await handle.stat();
    if (!stat.isFile()) {
      await handle.close();
      throw unreadable(Object.assign(new Error("no file"), { code: stat.isDirectory() ? "EISDIR" : "EINVAL" }));
    }
    return new PreparationRecord(file, handle, stat.size, follow && new Growth(file, handle, follow));
  }

  /** Bytes that hold pulses [first, first + count); pulse n is in byte (n >> 1) − (first >> 1). */
  async read(first: number, count: number): Promise<Uint8Array> {
    const from = Math.floor(first / 2);
    const bytes = new Uint8Array(Math.max(0, Math.ceil((first + count) / 2) - from));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.handle.read(bytes, filled, bytes.length - filled, from + filled);
      if (bytesRead === 0)
        throw new QkdError("FILE_UNREADABLE", `${this.file} became shorter while it was read.`, { file: this.file });
      filled += bytesRead;
    }
    return bytes;
  }

  /** All of it in pieces, of a growing one as they come. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    for (let first = 0; ; ) {
      await this.reaches(first + 1);
      const count = Math.min(pulsesPerPiece, this.pulses - first);
      if (count === 0) return;
      yield await this.read(first, count);
      first += count;
    }
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
