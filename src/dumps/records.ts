/** Fixed-width records, read in whole chunks whatever the source's own borders: the loop that every binary reader uses. */
import { warn } from "./faults.js";
import type { ByteSource } from "./source.js";
import type { DumpInfo, NativeBatch, OpenOptions } from "./types.js";

/** Where a decoder puts events: native ticks after `base`. Grown never: a chunk's records fit. */
export interface EventBuffer {
  base: bigint;
  readonly tick: Float64Array;
  readonly code: Uint8Array;
  readonly dtime: Uint16Array | undefined;
  length: number;
  gapBefore: boolean;
}

export interface RecordDecoder {
  readonly recordBytes: number;
  readonly hasDtime?: boolean;
  /**
   * Decodes records [from, count) of `words`/`bytes` into `out`. Returns the record it stopped before: `count`, or
   * earlier where ticks would leave the exact range of `out`, which is then handed on and begun anew.
   */
  decode(chunk: Chunk, from: number, count: number, out: EventBuffer): number;
}

export interface Chunk {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly view: DataView;
  /** Index of the chunk's first record, and its byte in the file. */
  readonly firstRecord: number;
  readonly firstByte: number;
}

const recordsPerChunk = 65_536;

/** @param declared records that the header promises, if it does: reading stops there */
export async function* readRecords(
  source: ByteSource,
  info: DumpInfo,
  decoder: RecordDecoder,
  options: OpenOptions,
  declared?: number,
): AsyncGenerator<NativeBatch> {
  const { recordBytes } = decoder;
  const bytes = new Uint8Array(recordsPerChunk * recordBytes);
  const words = new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
  const view = new DataView(bytes.buffer);
  const out: EventBuffer = {
    base: 0n,
    tick: new Float64Array(recordsPerChunk),
    code: new Uint8Array(recordsPerChunk),
    dtime: decoder.hasDtime ? new Uint16Array(recordsPerChunk) : undefined,
    length: 0,
    gapBefore: false,
  };
  const strict = options.strict ?? false;
  for (;;) {
    const left = declared === undefined ? recordsPerChunk : Math.min(recordsPerChunk, declared - info.records);
    if (left === 0) break;
    const firstByte = source.position;
    const got = await source.read(bytes.subarray(0, left * recordBytes));
    const count = Math.floor(got / recordBytes);
    const chunk: Chunk = { bytes, words, view, firstRecord: info.records, firstByte };
    for (let from = 0; from < count; ) {
      const next = decoder.decode(chunk, from, count, out);
      info.records += next - from;
      from = next;
      if (out.length > 0 || out.gapBefore) {
        yield snapshot(out);
        out.gapBefore = false;
      }
      out.length = 0;
    }
    options.onProgress?.(source.position, source.size);
    const stray = got - count * recordBytes;
    if (stray > 0)
      warn(info, strict, "DUMP_TRUNCATED_RECORD", `the last record is cut: ${stray} stray bytes are ignored`, {
        offset: firstByte + count * recordBytes,
        record: info.records,
      });
    if (count < left) break;
  }
  bytes.fill(0);
}

function snapshot(out: EventBuffer): NativeBatch {
  const { base, tick, code, dtime, length, gapBefore } = out;
  return { base, tick, code, length, gapBefore, ...(dtime ? { dtime } : {}) };
}
