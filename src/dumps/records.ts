/** Fixed-width records, read in whole chunks whatever the source's own borders: the loop that every binary reader uses. */
import { warn } from "./faults.js";
import type { ByteSource } from "./source.js";
import type { DumpInfo, NativeBatch, OpenOptions } from "./types.js";

/** Where a decoder puts events: native ticks after `base`, below 2^52 in size. Grown never: a chunk's records fit. */
export interface EventBuffer {
  base: bigint;
  readonly tick: Float64Array;
  readonly code: Uint8Array;
  readonly dtime: Uint16Array | undefined;
  length: number;
  /** Set by a decoder that met lost data before any event of this buffer. */
  gapBefore: boolean;
  /** See `NativeBatch.wrapped`. */
  wrapped: bigint;
}

export function newEventBuffer(hasDtime = false): EventBuffer {
  return {
    base: 0n,
    tick: new Float64Array(eventsPerBatch),
    code: new Uint8Array(eventsPerBatch),
    dtime: hasDtime ? new Uint16Array(eventsPerBatch) : undefined,
    length: 0,
    gapBefore: false,
    wrapped: 0n,
  };
}

export interface RecordDecoder {
  readonly recordBytes: number;
  readonly hasDtime?: boolean;
  /**
   * Decodes records [from, to) of `words`/`bytes` behind what `out` holds; the base of an empty `out` is set first.
   * Returns the record it stopped before: `to`, or earlier where ticks would leave the exact range of `out`, which is
   * then handed on and begun anew.
   */
  decode(chunk: Chunk, from: number, to: number, out: EventBuffer): number;
}

export interface Chunk {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly view: DataView;
  /** Index of the chunk's first record, and its byte in the file. */
  readonly firstRecord: number;
  readonly firstByte: number;
}

export const eventsPerBatch = 65_536;
const recordsPerChunk = eventsPerBatch;
/**
 * Records a call of a decoder: loops so short are compiled as a whole. Of longer ones V8 compiles the running loop alone
 * and falls back to the interpreter each time that it ends (Node 20: half the speed).
 */
const recordsPerCall = 4096;

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
  const out = newEventBuffer(decoder.hasDtime);
  const strict = options.strict ?? false;
  for (let held = 0; ; ) {
    const left = declared === undefined ? recordsPerChunk : Math.min(recordsPerChunk, declared - info.records);
    if (left === 0) break;
    const firstByte = source.position - held;
    const got = await source.readSome(bytes.subarray(0, left * recordBytes), held);
    const filled = held + got;
    const count = Math.floor(filled / recordBytes);
    held = filled - count * recordBytes;
    const chunk: Chunk = { bytes, words, view, firstRecord: info.records, firstByte };
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + recordsPerCall);
      const next = decoder.decode(chunk, from, to, out);
      info.records += next - from;
      from = next;
      if (out.length > 0 && (next < to || next === count)) yield* handOver(out);
    }
    options.onProgress?.(source.position, source.size);
    if (got === 0) {
      if (held > 0)
        warn(info, strict, "DUMP_TRUNCATED_RECORD", `the last record is cut: ${held} stray bytes are ignored`, {
          offset: firstByte,
          record: info.records,
        });
      break;
    }
    bytes.copyWithin(0, count * recordBytes, filled);
  }
  bytes.fill(0);
  if (info.badRecords > 0)
    warn(
      info,
      strict,
      "DUMP_BAD_RECORD",
      `${info.badRecords} records of no defined meaning were left out`,
      info.firstBad,
    );
}

/** The buffer's events as a batch; the buffer begins anew once the consumer comes back. */
export function* handOver(out: EventBuffer): Generator<NativeBatch> {
  const { base, tick, code, dtime, length, gapBefore, wrapped } = out;
  out.gapBefore = false;
  yield { base, tick, code, length, gapBefore, wrapped, ...(dtime ? { dtime } : {}) };
  out.length = 0;
}
