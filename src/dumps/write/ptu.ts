/**
 * PicoQuant PTU, HydraHarp V2 T2 at 1 ps (FORMATS.md 1): code 0 is the sync input, code n input n, 0x80 | m marker bits m.
 * An overflow record stands for up to 2^25 − 1 periods. Times before the period reached cannot be written.
 */
import { Buffer } from "node:buffer";
import { count, type Encoder, type EventBatch } from "./encoder.js";

const wrap = 33_554_432;
const maxPeriods = wrap - 1;

export class PtuEncoder implements Encoder {
  readonly holds = { from: 0n, to: 2n ** 63n };
  readonly losses = new Map<string, number>();
  private period = 0;
  private recordCountAt = 0;
  private headerBytes = 0;
  private words = new Uint32Array(2 ** 16);

  /** @param software what the header names as the file's creator */
  constructor(private readonly software: string) {}

  header(): Uint8Array {
    const parts: Uint8Array[] = [Buffer.from("PQTTTR\0\x001.0.00\0\0", "latin1")];
    const tag = (name: string, type: number, value: (view: DataView) => void) => {
      const bytes = new Uint8Array(48);
      const view = new DataView(bytes.buffer);
      bytes.set(Buffer.from(name, "latin1"));
      view.setInt32(32, -1, true);
      view.setUint32(36, type, true);
      value(view);
      parts.push(bytes);
    };
    const integer = (name: string, n: number) => tag(name, 0x10000008, (view) => view.setBigInt64(40, BigInt(n), true));
    const float = (name: string, x: number) => tag(name, 0x20000008, (view) => view.setFloat64(40, x, true));
    const software = Buffer.concat(
      [Buffer.from(this.software, "latin1")],
      (Math.floor(this.software.length / 8) + 1) * 8,
    );
    tag("CreatorSW_Name", 0x4001ffff, (view) => view.setBigInt64(40, BigInt(software.length), true));
    parts.push(software);
    integer("Measurement_Mode", 2);
    integer("TTResultFormat_TTTRRecType", 0x01010204);
    integer("TTResultFormat_BitsPerRecord", 32);
    float("MeasDesc_GlobalResolution", 1e-12);
    float("MeasDesc_Resolution", 1e-12);
    integer("TTResult_SyncRate", 0);
    this.recordCountAt = parts.reduce((sum, part) => sum + part.length, 0) + 40;
    integer("TTResult_NumberOfRecords", 0);
    tag("Header_End", 0xffff0008, () => undefined);
    const header = Buffer.concat(parts);
    this.headerBytes = header.length;
    return header;
  }

  encode({ base, dt, channel, length }: EventBatch): Uint8Array {
    const basePeriod = Number(base >> 25n);
    const baseTag = Number(base & 0x1ffffffn);
    let { words, period } = this;
    let n = 0;
    let late = 0;
    let foreign = 0;
    for (let i = 0; i < length; i++) {
      const time = baseTag + dt[i]!;
      const ahead = Math.floor(time / wrap);
      const code = channel[i]!;
      let missing = basePeriod + ahead - period;
      if (missing < 0) {
        late++;
        continue;
      }
      if (code > 64 && (code <= 0x80 || code > 0x8f)) {
        foreign++;
        continue;
      }
      const room = Math.ceil(missing / maxPeriods) + 1;
      if (n + room > words.length) {
        const larger = new Uint32Array(Math.max(2 * words.length, n + room));
        larger.set(words);
        this.words = words = larger;
      }
      period += missing;
      for (; missing > 0; missing -= maxPeriods) words[n++] = 0xfe000000 + Math.min(missing, maxPeriods);
      const top = code === 0 ? 0x40 : code > 64 ? 0x40 | (code & 15) : code - 1;
      words[n++] = top * wrap + (time - ahead * wrap);
    }
    this.period = period;
    if (late > 0) count(this.losses, "times more than a period late: events left out", late);
    if (foreign > 0) count(this.losses, "channels that a ptu file does not have: events left out", foreign);
    return new Uint8Array(words.slice(0, n).buffer);
  }

  finish(bytes: number): { at: number; bytes: Uint8Array } {
    const records = BigInt((bytes - this.headerBytes) / 4);
    return { at: this.recordCountAt, bytes: new Uint8Array(BigInt64Array.of(records).buffer) };
  }
}
