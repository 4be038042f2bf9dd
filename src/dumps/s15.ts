/**
 * S-Fifteen / qcrypto event words, 64 bits (FORMATS.md 5; qcrypto timestamp7/readevents7.c):
 *   [63:10] time, 1/256 ns | [9:5] flags (0x300 constant) | [4] dummy | [3:0] detector pattern
 * a1 low word first, a1X high word first, both little-endian; a0 two lines of 8 hex digits, low first; a2 one line of 16.
 * The code is the pattern, a bit mask; dummies are no events. Times wrap every 2^54 ticks (19.5 h): unwrapped for users.
 */
import { newInfo, StreamDump } from "./dump.js";
import { type Chunk, type EventBuffer, type RecordDecoder, readRecords } from "./records.js";
import type { ByteSource } from "./source.js";
import { type LineDecoder, type Lines, readLines } from "./text.js";
import type { Dump, DumpFormat, DumpInfo, OpenOptions } from "./types.js";

/** 1/256 ns = 3.90625 ps, in 10^-24 s. */
const scale = { tick: 3_906_250_000_000n };
/** Past 2^29 · 2^22 ticks from the base a new batch begins. */
const largestHighStep = 2 ** 29;
const halfWrap = 2 ** 31;

const opener =
  (format: DumpFormat, decoder: (info: DumpInfo) => RecordDecoder | LineDecoder) =>
  async (source: ByteSource, options: OpenOptions): Promise<Dump> => {
    const info = newInfo(format, source.name, 3.90625);
    const made = decoder(info);
    const events =
      "recordBytes" in made
        ? () => readRecords(source, info, made, options)
        : () => readLines(source, info, made, options);
    return new StreamDump(info, source, events, scale);
  };

export const openA1 = opener("a1", (info) => new WordDecoder(info, 0));
export const openA1X = opener("a1X", (info) => new WordDecoder(info, 1));
export const openA0 = opener("a0", (info) => hexLines(info, 8));
export const openA2 = opener("a2", (info) => hexLines(info, 16));

class WordDecoder implements RecordDecoder {
  readonly recordBytes = 8;
  private readonly wrap = new Unwrap();
  /** Upper word of the base. */
  private first = 0;

  /** @param lowAt which of a pair is the low word */
  constructor(
    private readonly info: DumpInfo,
    private readonly lowAt: 0 | 1,
  ) {}

  decode({ words }: Chunk, from: number, to: number, out: EventBuffer): number {
    const { lowAt } = this;
    const highAt = 1 - lowAt;
    if (out.length === 0) {
      this.first = words[from * 2 + highAt]!;
      this.wrap.begin(out, this.first);
    }
    const { tick, code } = out;
    const { first } = this;
    let { length } = out;
    let i = from;
    for (; i < to; i++) {
      const low = words[i * 2 + lowAt]!;
      const step = words[i * 2 + highAt]! - first;
      if (step > largestHighStep || step < -largestHighStep) break;
      tick[length] = step * 4194304 + (low >>> 10);
      code[length] = low & 15;
      // A dummy's place is taken by the next event.
      length += 1 - ((low >>> 4) & 1);
    }
    if (i > from) this.wrap.previous = words[i * 2 - 2 + highAt]!;
    this.info.dummyRecords += i - from - (length - out.length);
    out.length = length;
    return i;
  }
}

/** Follows the time's upper 32 bits over the wrap at 2^54. */
class Unwrap {
  previous: number | undefined;
  private turns = 0n;

  begin(out: EventBuffer, high: number): void {
    const step = this.previous === undefined ? 0 : high - this.previous;
    if (step < -halfWrap) this.turns++;
    else if (step > halfWrap) this.turns--;
    out.base = BigInt(high) << 22n;
    out.wrapped = this.turns << 54n;
  }
}

function hexLines(info: DumpInfo, digits: 8 | 16): LineDecoder {
  const wrap = new Unwrap();
  let half: number | undefined;
  let first = 0;
  const put = (out: EventBuffer, high: number, low: number): boolean => {
    if (out.length === 0) {
      wrap.begin(out, high);
      first = high;
    }
    const step = high - first;
    if (step > largestHighStep || step < -largestHighStep) return false;
    wrap.previous = high;
    info.records++;
    if (low & 16) info.dummyRecords++;
    else {
      out.tick[out.length] = step * 4194304 + (low >>> 10);
      out.code[out.length++] = low & 15;
    }
    return true;
  };
  return {
    decode(lines: Lines, from, out, capacity) {
      const { bytes, end } = lines;
      let p = from;
      while (p < end && out.length < capacity) {
        const start = p;
        const high = digits === 16 ? hex8(bytes, p) : 0;
        if (digits === 16) p += 8;
        const low = hex8(bytes, p);
        p += 8;
        if (bytes[p] === 13) p++;
        if (bytes[p] !== 10 || high < 0 || low < 0) {
          if (isBlank(bytes, start)) {
            p = lines.next(start);
            continue;
          }
          lines.bad(start, `a line of ${digits} hexadecimal digits is expected`);
          return end;
        }
        if (digits === 16 ? !put(out, high, low) : half !== undefined && !put(out, low, half)) return start;
        if (digits === 8) half = half === undefined ? low : undefined;
        p++;
        lines.line++;
      }
      return p;
    },
    finish(lines) {
      if (half !== undefined) lines.cut("the last event has only its low word");
    },
  };
}

function isBlank(bytes: Uint8Array, at: number): boolean {
  let p = at;
  while (bytes[p] === 32 || bytes[p] === 13) p++;
  return bytes[p] === 10;
}

/** Values of hexadecimal digits, 255 for anything else. */
const hexValue = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  hexValue[i.toString(16).charCodeAt(0)] = i;
  hexValue[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

/** −1 if the eight characters are not all hexadecimal digits. */
function hex8(bytes: Uint8Array, at: number): number {
  let value = 0;
  let seen = 0;
  for (let i = at; i < at + 8; i++) {
    const digit = hexValue[bytes[i]!]!;
    seen |= digit;
    value = (value << 4) | (digit & 15);
  }
  return seen > 15 ? -1 : value >>> 0;
}

/** Bits 8 and 9 are set in every low word, in all high words rarely; then the word that hardly changes is the high one. */
export function looksLikeEvents(head: Uint8Array): "a1" | "a1X" | undefined {
  const records = Math.floor(head.length / 8);
  if (records < 8) return undefined;
  let [low, high] = [true, true];
  for (let i = 0; i < records; i++) {
    low &&= (head[i * 8 + 1]! & 3) === 3;
    high &&= (head[i * 8 + 5]! & 3) === 3;
  }
  if (low && high) {
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    const change = (at: number) => {
      let sum = 0;
      for (let i = 1; i < records; i++)
        sum += Math.abs((view.getUint32(i * 8 + at, true) - view.getUint32(i * 8 - 8 + at, true)) | 0);
      return sum;
    };
    const [first, second] = [change(0), change(4)];
    [low, high] = [first > second * 16, second > first * 16];
  }
  return low ? "a1" : high ? "a1X" : undefined;
}
