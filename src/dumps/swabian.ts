/**
 * Swabian Time Tagger 16-byte dump (FORMATS.md 4; Swabian Instruments, "Time tag format"), `Dump`, not `FileWriter`:
 *   0 u8 type (0 tag 1 error 2 overflow begins 3 overflow ends 4 missed events) | 2 u16 missed | 4 i32 channel | 8 i64 ps
 * Only type 0 is an event; its code is the low 8 bits of the channel (−1, falling edge of input 1, is 255).
 */
import { newInfo, StreamDump, scaleOfPs } from "./dump.js";
import { dumpError } from "./faults.js";
import { type Chunk, type EventBuffer, type RecordDecoder, readRecords } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Dump, DumpInfo, OpenOptions } from "./types.js";

const recordBytes = 16;
/** Past 2^19 · 2^32 ps from the base a new batch begins. */
const largestHighStep = 2 ** 19;

export async function openSwabian(source: ByteSource, options: OpenOptions): Promise<Dump> {
  const info = newInfo("swabian16", source.name, 1);
  return new StreamDump(
    info,
    source,
    () => readRecords(source, info, new SwabianDecoder(info), options),
    scaleOfPs(1n),
  );
}

class SwabianDecoder implements RecordDecoder {
  readonly recordBytes = recordBytes;
  /** Upper word of the base. */
  private high = 0;
  constructor(private readonly info: DumpInfo) {}

  decode(chunk: Chunk, from: number, to: number, out: EventBuffer): number {
    const { words } = chunk;
    const { tick, code } = out;
    let { length } = out;
    let i = from;
    if (length === 0) {
      // What was lost lies before the next event: a batch ends there, the gap opens the next one.
      for (; i < to && (words[i * 4]! & 0xff) !== 0; i++) {
        this.lost(chunk, i);
        out.gapBefore = true;
      }
      if (i === to) return i;
      this.high = words[i * 4 + 3]! | 0;
      out.base = BigInt(this.high) << 32n;
    }
    const { high } = this;
    for (; i < to; i++) {
      const at = i * 4;
      if ((words[at]! & 0xff) !== 0) break;
      const step = (words[at + 3]! | 0) - high;
      if (step > largestHighStep || step < -largestHighStep) break;
      tick[length] = step * 4294967296 + words[at + 2]!;
      code[length++] = words[at + 1]!;
    }
    out.length = length;
    return i;
  }

  private lost({ words, firstRecord, firstByte }: Chunk, i: number): void {
    const kind = words[i * 4]! & 0xff;
    if (kind > 4)
      throw dumpError("DUMP_BAD_RECORD", this.info.file, `type ${kind} is none of a Time Tagger record (0 to 4)`, {
        offset: firstByte + i * recordBytes,
        record: firstRecord + i,
      });
    if (kind === 4) this.info.missedEvents += words[i * 4]! >>> 16;
    if (kind === 2) this.info.overflowRecords++;
  }
}

/** Records of known types with the reserved byte 0, and more clicks than anything else. */
export function looksLikeSwabian(head: Uint8Array): boolean {
  const records = Math.floor(head.length / recordBytes);
  if (records < 4) return false;
  let clicks = 0;
  for (let i = 0; i < records; i++) {
    const kind = head[i * recordBytes]!;
    if (kind > 4 || head[i * recordBytes + 1] !== 0) return false;
    const sign = head[i * recordBytes + 7]!;
    if (sign !== 0 && sign !== 0xff) return false;
    if (kind === 0) clicks++;
  }
  return clicks * 2 > records;
}
