/**
 * Tables of text (FORMATS.md 7): columns parted by `,` `;` TAB or blanks, `#` comments, an optional header line, LF or
 * CRLF; times are decimal numbers of any length in ps, ns or s, read exactly. quTAG ASCII is `time,channel` in ps,
 * channels 1-based. Cost: one look at each byte; what is not a plain integer of up to 15 digits takes a slower way.
 */
import { parseDecimal, placesOf } from "./decimal.js";
import { newInfo, StreamDump, scaleOfPs } from "./dump.js";
import { dumpError } from "./faults.js";
import type { EventBuffer } from "./records.js";
import type { ByteSource } from "./source.js";
import { type LineDecoder, type Lines, readLines } from "./text.js";
import type { Dump, DumpFormat, DumpInfo, OpenOptions, TimeUnit } from "./types.js";

const [TAB, LF, CR, BLANK, HASH, COMMA, POINT, SEMICOLON] = [9, 10, 13, 32, 35, 44, 46, 59] as const;
/** Times are split at 10^9; past this many from the base a new batch begins. */
const billion = 1e9;
const largestHeadStep = 2 ** 21;
const u64Limit = 2n ** 64n;
/** Below 2^64 ps. */
const largestSeconds = 18_000_000;
const powersOfTen = Array.from({ length: 13 }, (_, n) => 10 ** n);

export const openCsv = (source: ByteSource, options: OpenOptions) => openTable("csv", source, options);
export const openQutagCsv = (source: ByteSource, options: OpenOptions) =>
  openTable("qutag_csv", source, { ...options, columns: ["time", "channel"], unit: options.unit ?? "ps" });

async function openTable(format: DumpFormat, source: ByteSource, options: OpenOptions): Promise<Dump> {
  const info = newInfo(format, source.name, 1);
  const table = new Table(info, options);
  return new StreamDump(info, source, () => readLines(source, info, table, options), scaleOfPs(1n));
}

class Table implements LineDecoder {
  private timeColumn = 0;
  private channelColumn = 1;
  private lastColumn = 1;
  private delimiter: number = COMMA;
  private unit: TimeUnit | undefined;
  private begun = false;

  constructor(
    private readonly info: DumpInfo,
    options: OpenOptions,
  ) {
    this.unit = options.unit;
    if (options.columns) this.useColumns(options.columns);
    this.named = options.columns !== undefined;
  }
  private readonly named: boolean;

  private useColumns(names: readonly string[]): void {
    this.timeColumn = names.findIndex((name) => /^(t|time|timetag|timestamp)\b/i.test(name.trim().replace(/_/g, " ")));
    this.channelColumn = names.findIndex((name) =>
      /^(c|ch|chan|channel|detector)\b/i.test(name.trim().replace(/_/g, " ")),
    );
    if (this.timeColumn < 0)
      throw dumpError("DUMP_COLUMN_MISSING", this.info.file, `no column of ${names.join(", ")} is "time"`);
    this.lastColumn = Math.max(this.timeColumn, this.channelColumn);
  }

  decode(lines: Lines, from: number, out: EventBuffer, capacity: number): number {
    let p = from;
    while (!this.begun && p < lines.end) p = this.begin(lines, p);
    return this.begun ? this.rows(lines, p, out, capacity) : p;
  }

  /** Looks at the first line that is no comment: what parts columns, names and unit if it is a header. */
  private begin(lines: Lines, from: number): number {
    const start = from + byteOrderMark(lines.bytes, from);
    const stop = lines.bytes.indexOf(LF, start);
    const text = new TextDecoder("latin1").decode(lines.bytes.subarray(start, Math.min(stop, start + 4096))).trim();
    if (text === "" || text.startsWith("#")) return lines.next(start);
    this.delimiter = text.includes(";") ? SEMICOLON : text.includes("\t") ? TAB : text.includes(",") ? COMMA : BLANK;
    this.begun = true;
    if (/^["']?[+-]?[.,]?\d/.test(text)) return start;
    const parting = this.delimiter === BLANK ? /\s+/ : String.fromCharCode(this.delimiter);
    const names = text.split(parting).map((name) => name.replace(/["']/g, "").trim());
    if (!this.named && names.some((name) => /^t/i.test(name))) this.useColumns(names);
    const unit = /[[(_ ](ps|ns|s)\b/i.exec(names[this.timeColumn] ?? "")?.[1];
    this.unit ??= unit?.toLowerCase() as TimeUnit | undefined;
    return lines.next(start);
  }

  private rows(lines: Lines, from: number, out: EventBuffer, capacity: number): number {
    const { bytes, end } = lines;
    const { tick, code } = out;
    const { timeColumn, channelColumn, lastColumn, delimiter } = this;
    let places: number = placesOf[this.unit ?? "ps"];
    let scale = powersOfTen[places]!;
    let largestFast = 9e15 / scale;
    let length = out.length;
    let line = lines.line;
    let head0 = 0;
    let p = from;
    while (p < end && length < capacity) {
      const start = p;
      let c = bytes[p]!;
      while (c === BLANK || (c === TAB && delimiter !== TAB)) c = bytes[++p]!;
      if (c === HASH || c === LF || c === CR) {
        p = bytes.indexOf(LF, p) + 1;
        line++;
        continue;
      }
      let time = -1;
      let head = 0;
      let channel = 0;
      let fault = "";
      for (let column = 0; ; column++) {
        const at = p;
        if (column === timeColumn) {
          let digits = 0;
          let value = 0;
          for (let d = c - 48; d >= 0 && d <= 9; d = c - 48) {
            value = value * 10 + d;
            digits++;
            c = bytes[++p]!;
          }
          const whole = p;
          let fraction = 0;
          let decimals = 0;
          if (places > 0 && (c === POINT || (c === COMMA && delimiter !== COMMA))) {
            c = bytes[++p]!;
            for (let d = c - 48; d >= 0 && d <= 9 && decimals < places; d = c - 48) {
              fraction = fraction * 10 + d;
              decimals++;
              c = bytes[++p]!;
            }
          }
          const ends = digits > 0 && (c === delimiter || c === LF || c === CR);
          if (ends && value < largestFast) time = value * scale + fraction * powersOfTen[places - decimals]!;
          else if (ends && places === 12 && value < largestSeconds) {
            const below = fraction * powersOfTen[places - decimals]!;
            head = Math.floor(below / billion);
            time = below - head * billion;
            head += value * 1000;
          } else if (ends && places === 0 && digits <= 19) {
            // More digits than a float64 holds: the last nine apart.
            for (let i = at; i < whole - 9; i++) head = head * 10 + bytes[i]! - 48;
            time = 0;
            for (let i = whole - 9; i < whole; i++) time = time * 10 + bytes[i]! - 48;
          } else {
            while (c !== delimiter && c !== LF && c !== CR) c = bytes[++p]!;
            const ps = this.slowTime(bytes, at, p);
            if (typeof ps === "string") fault ||= ps;
            else {
              head = ps.head;
              time = ps.tail;
            }
            places = placesOf[this.unit ?? "ps"];
            scale = powersOfTen[places]!;
            largestFast = 9e15 / scale;
          }
          if (head === 0 && head0 !== 0) {
            head = Math.floor(time / billion);
            time -= head * billion;
          }
        } else if (column === channelColumn) {
          let digits = 0;
          for (let d = c - 48; d >= 0 && d <= 9; d = c - 48) {
            channel = channel * 10 + d;
            digits++;
            c = bytes[++p]!;
          }
          if (digits === 0 || digits > 9 || (c !== delimiter && c !== LF && c !== CR)) {
            while (c !== delimiter && c !== LF && c !== CR) c = bytes[++p]!;
            const slow = parseDecimal(fieldText(bytes, at, p), 0);
            if (slow === undefined) fault ||= `${field(bytes, at, p)} is no channel`;
            else channel = Number(BigInt.asIntN(32, slow));
          }
          if (channel > 255 || channel < -128) fault ||= `channel ${channel} does not fit in 8 bits`;
        } else while (c !== delimiter && c !== LF) c = bytes[++p]!;
        while (c === CR || (c === BLANK && delimiter === BLANK)) c = bytes[++p]!;
        if (column === lastColumn || c === LF) {
          if (column < lastColumn) fault ||= `${lastColumn + 1} columns are expected, there are ${column + 1}`;
          break;
        }
        if (c === delimiter && delimiter !== BLANK) c = bytes[++p]!;
        while (c === BLANK) c = bytes[++p]!;
      }
      if (fault) {
        lines.line = line;
        this.info.records += length - out.length;
        out.length = length;
        out.base = BigInt(head0) * 1_000_000_000n;
        lines.bad(start, fault);
        return end;
      }
      if (length === 0 && head !== 0) head0 = head;
      const step = head - head0;
      if (step > largestHeadStep || step < -largestHeadStep) {
        p = start;
        break;
      }
      tick[length] = step * billion + time;
      code[length++] = channel & 255;
      if (c !== LF) p = bytes.indexOf(LF, p);
      p++;
      line++;
    }
    lines.line = line;
    this.info.records += length - out.length;
    out.base = BigInt(head0) * 1_000_000_000n;
    out.length = length;
    return p;
  }

  /** Split at 10^9: exact for all that fits in 64 bits. A string says what is wrong. */
  private slowTime(bytes: Uint8Array, from: number, to: number): { head: number; tail: number } | string {
    const text = fieldText(bytes, from, to);
    if (this.unit === undefined) {
      const decimals = /[.,](\d*)$/.exec(text)?.[1]?.length ?? 0;
      if (decimals >= 12 && this.info.records === 0) this.unit = "s";
      else if (decimals > 0)
        throw dumpError("DUMP_UNIT_UNKNOWN", this.info.file, "times have decimals; name their unit with --unit");
    }
    const ps = parseDecimal(text, placesOf[this.unit ?? "ps"]);
    if (ps === undefined) return `${field(bytes, from, to)} is no time`;
    if (ps >= u64Limit || ps < -u64Limit / 2n)
      return `${field(bytes, from, to)} does not fit in 64 bits of picoseconds`;
    const tail = ((ps % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    return { head: Number((ps - tail) / 1_000_000_000n), tail: Number(tail) };
  }
}

function fieldText(bytes: Uint8Array, from: number, to: number): string {
  return new TextDecoder("latin1")
    .decode(bytes.subarray(from, Math.min(to, from + 128)))
    .replace(/^[\s"']+|[\s"']+$/g, "");
}

function field(bytes: Uint8Array, from: number, to: number): string {
  return JSON.stringify(fieldText(bytes, from, Math.min(to, from + 24)).replace(/[^\x20-\x7e]/g, "?"));
}

/** Bytes of a UTF-8 byte order mark at `at`: spreadsheets write one. */
function byteOrderMark(bytes: Uint8Array, at: number): 0 | 3 {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf ? 3 : 0;
}

/** Lines that begin with a decimal number or hold nothing else, perhaps after comments or one header line. */
export function looksLikeTable(head: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(head.subarray(byteOrderMark(head, 0)));
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (lines.length === 0 || /[^\t\n\r\x20-\x7e]/.test(text)) return false;
  const row = /^\s*(?:[+-]?[\d.,;+\-eE\t "]+$|"?[+-]?\d+(?:\.\d+)?"?[,;\t])/;
  return row.test(lines[0]!) || (lines.length > 1 && row.test(lines[1]!));
}
