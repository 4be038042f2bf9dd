/**
 * Plain u64 times, one channel a file, and ID Quantique's Time Controller (FORMATS.md 7; IDQ Series User Manual p. 47):
 *   u64, idq_u64  u64 time            idq_pairs  { u64 timestamp since the last reference event, u64 index of it }
 * Little-endian (assumed for IDQ). Code 0. idq_pairs: time = index · reference period + timestamp.
 */
import { newInfo, StreamDump, scaleOfPs } from "./dump.js";
import { warn } from "./faults.js";
import { type RecordDecoder, readRecords } from "./records.js";
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
  const tick = psPerUnit[options.unit ?? "ps"];
  const info = newInfo(format, source.name, Number(tick));
  return new StreamDump(info, source, () => readRecords(source, info, timesOnly, options), scaleOfPs(tick));
}

const timesOnly: RecordDecoder = {
  recordBytes: 8,
  decode({ words }, from, count, out) {
    const { tick, code } = out;
    const high = words[from * 2 + 1]!;
    out.base = BigInt(high) << 32n;
    let i = from;
    let length = out.length;
    for (; i < count; i++) {
      const offset = (words[i * 2 + 1]! - high) * two32 + words[i * 2]!;
      if (offset > largestOffset || offset < -largestOffset) break;
      tick[length++] = offset;
    }
    code.fill(0, out.length, length);
    out.length = length;
    return i;
  },
};

export async function openIdqPairs(source: ByteSource, options: OpenOptions): Promise<Dump> {
  const info = newInfo("idq_pairs", source.name, 1);
  if (options.referencePeriodPs === undefined)
    warn(
      info,
      options.strict ?? false,
      "DUMP_REFERENCE_PERIOD_MISSING",
      "times count from the last reference event; name the reference's period with --reference-period-ps",
    );
  const decoder = pairs(options.referencePeriodPs ?? 0);
  return new StreamDump(info, source, () => readRecords(source, info, decoder, options), scaleOfPs(1n));
}

function pairs(period: number): RecordDecoder {
  return {
    recordBytes: 16,
    decode({ words, view }, from, count, out) {
      const { tick, code } = out;
      // The first pair is the base, exactly; the others are counted from it.
      const [stampLow, stampHigh, indexLow, indexHigh] = words.subarray(from * 4) as unknown as number[];
      out.base = view.getBigUint64(from * 16 + 8, true) * BigInt(period) + view.getBigUint64(from * 16, true);
      let i = from;
      let length = out.length;
      for (; i < count; i++) {
        const at = i * 4;
        const stamp = (words[at + 1]! - stampHigh!) * two32 + (words[at]! - stampLow!);
        const index = ((words[at + 3]! - indexHigh!) * two32 + (words[at + 2]! - indexLow!)) * period;
        if (!(Math.abs(stamp) < largestOffset && Math.abs(index) < largestOffset)) break;
        tick[length++] = stamp + index;
      }
      code.fill(0, out.length, length);
      out.length = length;
      return i;
    },
  };
}
