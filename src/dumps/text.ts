/** Lines of text in large pieces whatever the source's borders: the loop that every text reader uses. */
import { dumpError, warn } from "./faults.js";
import { type EventBuffer, eventsPerBatch, handOver, newEventBuffer } from "./records.js";
import type { ByteSource } from "./source.js";
import type { DumpInfo, NativeBatch, OpenOptions } from "./types.js";

const chunkBytes = 2 ** 20;
const newline = 10;

/** Whole lines in [0, end) of `bytes`, each with its newline. */
export interface Lines {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** Number of the line that is decoded, from 1; the decoder counts on. */
  line: number;
  /** Position after the line that holds `at`; counts it. */
  next(at: number): number;
  /** The line at `start` is wrong: an error, or where it is a last line without newline, the warning of a cut. */
  bad(start: number, message: string): void;
  /** The dump ends inside a record. */
  cut(message: string): void;
}

export interface LineDecoder {
  /** Decodes lines from `from` on into `out`, up to `capacity` events. Returns the start of the line it stopped before. */
  decode(lines: Lines, from: number, out: EventBuffer, capacity: number): number;
  finish?(lines: Lines): void;
}

export async function* readLines(
  source: ByteSource,
  info: DumpInfo,
  decoder: LineDecoder,
  options: OpenOptions,
): AsyncGenerator<NativeBatch> {
  // One byte more than a chunk: a newline that the file's last line lacks.
  const bytes = new Uint8Array(chunkBytes + 1);
  const out = newEventBuffer();
  const lines = new Block(bytes, info, options.strict ?? false);
  for (let held = 0, ended = false; !ended; ) {
    lines.firstByte = source.position - held;
    const got = await source.readSome(bytes.subarray(0, chunkBytes), held);
    const filled = held + got;
    ended = got === 0;
    let end = bytes.lastIndexOf(newline, filled - 1) + 1;
    if (filled === 0) end = 0;
    lines.unterminated = Infinity;
    if (ended && end < filled) {
      lines.unterminated = end;
      bytes[filled] = newline;
      end = filled + 1;
    } else if (end === 0 && filled === chunkBytes) lines.bad(0, `a line is longer than ${chunkBytes} bytes`);
    lines.end = end;
    for (let from = 0; from < end; ) {
      from = decoder.decode(lines, from, out, eventsPerBatch);
      if (out.length > 0) yield* handOver(out);
    }
    options.onProgress?.(source.position, source.size);
    held = Math.max(0, filled - end);
    bytes.copyWithin(0, end, filled);
  }
  decoder.finish?.(lines);
  bytes.fill(0);
}

class Block implements Lines {
  end = 0;
  line = 1;
  firstByte = 0;
  unterminated = Infinity;
  constructor(
    readonly bytes: Uint8Array,
    private readonly info: DumpInfo,
    private readonly strict: boolean,
  ) {}

  next(at: number): number {
    this.line++;
    return this.bytes.indexOf(newline, at) + 1;
  }

  bad(start: number, message: string): void {
    if (start >= this.unterminated) this.cut(`the last line is cut: ${message}`, start);
    else
      throw dumpError("DUMP_BAD_RECORD", this.info.file, message, {
        line: this.line,
        offset: this.firstByte + start,
        record: this.info.records,
      });
  }

  cut(message: string, start = this.end): void {
    warn(this.info, this.strict, "DUMP_TRUNCATED_RECORD", message, {
      line: this.line,
      offset: this.firstByte + start,
      record: this.info.records,
    });
  }
}
