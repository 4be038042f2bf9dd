/**
 * Plain u64 times, one channel a file, and ID Quantique's Time Controller (FORMATS.md 7; IDQ Series User Manual p. 47):
 *   u64, idq_u64  u64 time            idq_pairs  { u64 timestamp since the last reference event, u64 index of it }
 * Little-endian (assumed for IDQ). Code 0. idq_pairs: time = index · reference period + timestamp.
 */
import { newInfo, StreamDump, scaleOfPs } from "./dump.js";
import { warn } from "./faults.js";
import { type Chunk, type EventBuffer, type RecordDecoder, readRecords } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Dump, OpenOptions } from "./types.js";

const psPerUnit = { ps: 1n, ns: 1000n, s: 1_000_000_000_000n } as const;
const two32 = 4294967296;
/** Past this from the base a new batch begins. */
const largestOffset = 2 ** 51;

export async function openU64(source: ByteSource, options: OpenOptions): Promise<Dump> {
  return u64Dump("u64", source, options);
}

export async function openIdqU64(source: ByteSource, options: OpenOptions): Promise<Dump> {
  return u64Dump("idq_u64", source, options);
}

function u64Dump(format: "u64" | "idq_u64", source: ByteSource, options: OpenOptions): Dump {
  const tick = options.tickPs ?? psPerUnit[options.unit ?? "ps"];
  const info = newInfo(format, source.name, Number(tick));
  return new StreamDump(info, source, () => readRecords(source, info, new TimeDecoder(), options), scaleOfPs(tick));
}

class TimeDecoder implements RecordDecoder {
  readonly recordBytes = 8;
  /** Upper word of the base. */
  private high = 0;

  decode({ words }: Chunk, from: number, to: number, out: EventBuffer): number {
    if (out.length === 0) {
      this.high = words[from * 2 + 1]!;
      out.base = BigInt(this.high) << 32n;
    }
    const { tick } = out;
    const { high } = this;
    let { length } = out;
    let i = from;
    for (; i < to; i++) {
      const offset = (words[i * 2 + 1]! - high) * two32 + words[i * 2]!;
      if (offset > largestOffset || offset < -largestOffset) break;
      tick[length++] = offset;
    }
    out.code.fill(0, out.length, length);
    out.length = length;
    return i;
  }
}

export async function openIdqPairs(source: ByteSource, options: OpenOptions): Promise<Dump> {
  const info = newInfo("idq_pairs", source.name, 1);
  if (options.referencePeriodPs === undefined)
    warn(
      info,
      options.strict ?? false,
      "DUMP_REFERENCE_PERIOD_MISSING",
      "times count from the last reference event; name the reference's period with --reference-period-ps",
    );
  const decoder = new PairDecoder(options.referencePeriodPs ?? 0);
  return new StreamDump(info, source, () => readRecords(source, info, decoder, options), scaleOfPs(1n));
}

class PairDecoder implements RecordDecoder {
  readonly recordBytes = 16;
  /** The pair at the base: stamp low, high, index low, high. */
  private first: Uint32Array = new Uint32Array(4);
  constructor(private readonly period: number) {}

  decode({ words, view }: Chunk, from: number, to: number, out: EventBuffer): number {
    const { period } = this;
    if (out.length === 0) {
      // The first pair is the base, exactly; the others are counted from it.
      this.first = words.slice(from * 4, from * 4 + 4);
      out.base = view.getBigUint64(from * 16 + 8, true) * BigInt(period) + view.getBigUint64(from * 16, true);
    }
    const { tick } = out;
    const [stampLow, stampHigh, indexLow, indexHigh] = this.first as unknown as [number, number, number, number];
    let { length } = out;
    let i = from;
    for (; i < to; i++) {
      const at = i * 4;
      const stamp = (words[at + 1]! - stampHigh) * two32 + (words[at]! - stampLow);
      const index = ((words[at + 3]! - indexHigh) * two32 + (words[at + 2]! - indexLow)) * period;
      if (!(Math.abs(stamp) < largestOffset && Math.abs(index) < largestOffset)) break;
      tick[length++] = stamp + index;
    }
    out.code.fill(0, out.length, length);
    out.length = length;
    return i;
  }
}
