/**
 * quTAG / quTAU binary (FORMATS.md 3; qutools tdcbase.h, TDC_writeTimestamps): 40-byte private header (only the magic is
 * used), then records { u64 time ps, u16 channel }; `qutag_raw` is the same without header. Channels are 0-based;
 * codes of 100 and more are markers. Files need not be sorted; times exceed 2^53. A tick is 1 ps; quTAU's is 80.955 ps,
 * which the file does not say (`tickPs`).
 */
import { newInfo, StreamDump, scaleOfPs } from "./dump.js";
import { dumpError } from "./faults.js";
import { type Chunk, type EventBuffer, type RecordDecoder, readRecords } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Dump, OpenOptions } from "./types.js";

export const qutagMagic = [0x87, 0xb3, 0x91, 0xfa] as const;
const headerBytes = 40;
/** Past 2^19 · 2^32 ps from the base a new batch begins. */
const largestHighStep = 2 ** 19;

/** @throws QkdError DUMP_BAD_MAGIC, DUMP_TRUNCATED_HEADER */
export async function openQutag(source: ByteSource, options: OpenOptions): Promise<Dump> {
  const header = new Uint8Array(headerBytes);
  const got = await source.read(header);
  if (got < 4 || qutagMagic.some((byte, i) => header[i] !== byte))
    throw dumpError("DUMP_BAD_MAGIC", source.name, "this is no quTAG binary file (its magic is not 87 B3 91 FA)", {
      offset: 0,
    });
  if (got < headerBytes)
    throw dumpError("DUMP_TRUNCATED_HEADER", source.name, "the file ends inside its header", { offset: got });
  return qutagDump("qutag", source, options);
}

export async function openQutagRaw(source: ByteSource, options: OpenOptions): Promise<Dump> {
  return qutagDump("qutag_raw", source, options);
}

function qutagDump(format: "qutag" | "qutag_raw", source: ByteSource, options: OpenOptions): Dump {
  const { tickPs = 1 } = options;
  const info = newInfo(format, source.name, tickPs);
  return new StreamDump(info, source, () => readRecords(source, info, new QutagDecoder(), options), scaleOfPs(tickPs));
}

class QutagDecoder implements RecordDecoder {
  readonly recordBytes = 10;
  /** Upper words of the base. */
  private high = 0;

  decode({ view }: Chunk, from: number, to: number, out: EventBuffer): number {
    if (out.length === 0) {
      this.high = view.getUint32(from * 10 + 4, true);
      out.base = BigInt(this.high) << 32n;
    }
    const { tick, code } = out;
    const { high } = this;
    let { length } = out;
    let i = from;
    for (; i < to; i++) {
      const at = i * 10;
      const above = view.getUint32(at + 4, true) - high;
      if (above > largestHighStep || above < -largestHighStep) break;
      tick[length] = above * 4294967296 + view.getUint32(at, true);
      code[length++] = view.getUint8(at + 8);
    }
    out.length = length;
    return i;
  }
}
