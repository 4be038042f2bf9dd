/**
 * Writes a simulated tagger's events as an instrument's file, streaming. Codes are the canonical ones of FORMATS.md
 * (what `inspect` prints and the link description names); times are whole picoseconds from the start of the tagger.
 */
import { Buffer } from "node:buffer";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { QkdError } from "../errors.js";

interface Encoder {
  header(): Uint8Array;
  encode(time: Float64Array, code: Uint8Array, length: number): Uint8Array;
  /** Bytes to put at an offset of the header once all is written. */
  finish?(events: number): { at: number; bytes: Uint8Array };
}

export const writableFormats = ["ptu", "qutag", "swabian16", "u64", "csv"] as const;
export type WritableFormat = (typeof writableFormats)[number];

/** @throws QkdError LINK_CONFIG_INVALID for a format that cannot be written, or codes that it cannot hold */
export function writableFormat(format: string, codes: readonly number[], field: string): WritableFormat {
  const known = writableFormats.find((name) => name === format);
  if (!known)
    throw new QkdError(
      "LINK_CONFIG_INVALID",
      `${field}: simulate writes ${writableFormats.join(", ")}, not ${JSON.stringify(format)}.`,
      { field },
    );
  const largest = Math.max(...codes);
  if (known === "ptu" && largest > 64)
    throw new QkdError("LINK_CONFIG_INVALID", `${field}: a ptu file has channels 0 to 64, not ${largest}.`, { field });
  if (known === "u64" && codes.length > 1)
    throw new QkdError("LINK_CONFIG_INVALID", `${field}: a u64 file holds one channel; choose another format.`, {
      field,
    });
  return known;
}

/** A file under construction beside its final name; nothing is left under that name if it is never closed. */
export class OutputFile {
  bytes = 0;
  private constructor(
    readonly path: string,
    private readonly temporary: string,
    private readonly file: FileHandle,
  ) {}

  static create(path: string): Promise<OutputFile> {
    const temporary = `${path}.partial`;
    return guard(path, async () => new OutputFile(path, temporary, await open(temporary, "w", 0o600)));
  }

  write(data: Uint8Array, at?: number): Promise<void> {
    return guard(this.path, async () => {
      let done = 0;
      while (done < data.length)
        done += (await this.file.write(data, done, data.length - done, (at ?? this.bytes) + done)).bytesWritten;
      if (at === undefined) this.bytes += data.length;
    });
  }

  commit(): Promise<void> {
    return guard(this.path, async () => {
      await this.file.sync();
      await this.file.close();
      await rename(this.temporary, this.path);
    });
  }

  async discard(): Promise<void> {
    await this.file.close();
    await rm(this.temporary, { force: true });
  }
}

async function guard<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    const message = `${path} could not be written (${why}); nothing is left under that name.`;
    throw new QkdError("FILE_WRITE_FAILED", message, { file: path, why }, { cause });
  }
}

export class DumpFile {
  events = 0;
  private constructor(
    private readonly file: OutputFile,
    private readonly encoder: Encoder,
  ) {}

  static async create(path: string, format: WritableFormat): Promise<DumpFile> {
    const dump = new DumpFile(await OutputFile.create(path), encoders[format]());
    await dump.file.write(dump.encoder.header());
    return dump;
  }

  async write(time: Float64Array, code: Uint8Array, length: number): Promise<void> {
    this.events += length;
    await this.file.write(this.encoder.encode(time, code, length));
  }

  async commit(): Promise<void> {
    const patch = this.encoder.finish?.(this.file.bytes);
    if (patch) await this.file.write(patch.bytes, patch.at);
    await this.file.commit();
  }

  discard(): Promise<void> {
    return this.file.discard();
  }
}

const encoders: Record<WritableFormat, () => Encoder> = {
  ptu: hydraHarpT2,
  qutag: () => ({
    // magic and file size; the rest of the header is the vendor's own and skipped by readers
    header: () => Uint8Array.from([0x87, 0xb3, 0x91, 0xfa, ...new Array<number>(36).fill(0)]),
    encode: fixedRecords(10, (view, at, time, code) => {
      view.setBigUint64(at, BigInt(time), true);
      view.setUint16(at + 8, code, true);
    }),
    finish: (bytes) => ({ at: 4, bytes: uint32(bytes % 2 ** 32) }),
  }),
  swabian16: () => ({
    header: () => new Uint8Array(0),
    encode: fixedRecords(16, (view, at, time, code) => {
      view.setInt32(at + 4, code, true);
      view.setBigInt64(at + 8, BigInt(time), true);
    }),
  }),
  u64: () => ({
    header: () => new Uint8Array(0),
    encode: fixedRecords(8, (view, at, time) => view.setBigUint64(at, BigInt(time), true)),
  }),
  csv: () => ({
    header: () => Buffer.from("time_ps,channel\n"),
    encode: (time, code, length) => {
      let text = "";
      for (let i = 0; i < length; i++) text += `${time[i]},${code[i]}\n`;
      return Buffer.from(text);
    },
  }),
};

function fixedRecords(size: number, put: (view: DataView, at: number, time: number, code: number) => void) {
  return (time: Float64Array, code: Uint8Array, length: number): Uint8Array => {
    const bytes = new Uint8Array(length * size);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < length; i++) put(view, i * size, time[i]!, code[i]!);
    return bytes;
  };
}

/** PicoQuant PTU, HydraHarp V2 T2 at 1 ps (FORMATS.md 1): code 0 is the sync input, code n input n. */
function hydraHarpT2(): Encoder {
  const wrap = 33_554_432;
  let periods = 0;
  let recordCountAt = 0;
  let headerBytes = 0;
  return {
    header() {
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
      const integer = (name: string, n: number) =>
        tag(name, 0x10000008, (view) => view.setBigInt64(40, BigInt(n), true));
      const float = (name: string, x: number) => tag(name, 0x20000008, (view) => view.setFloat64(40, x, true));
      const software = Buffer.from("qkd-distill simulate\0\0\0\0", "latin1");
      tag("CreatorSW_Name", 0x4001ffff, (view) => view.setBigInt64(40, BigInt(software.length), true));
      parts.push(software);
      integer("Measurement_Mode", 2);
      integer("TTResultFormat_TTTRRecType", 0x01010204);
      integer("TTResultFormat_BitsPerRecord", 32);
      float("MeasDesc_GlobalResolution", 1e-12);
      float("MeasDesc_Resolution", 1e-12);
      integer("TTResult_SyncRate", 0);
      recordCountAt = parts.reduce((sum, part) => sum + part.length, 0) + 40;
      integer("TTResult_NumberOfRecords", 0);
      tag("Header_End", 0xffff0008, () => undefined);
      const header = Buffer.concat(parts);
      headerBytes = header.length;
      return header;
    },
    encode(time, code, length) {
      const records: number[] = [];
      for (let i = 0; i < length; i++) {
        const period = Math.floor(time[i]! / wrap);
        for (let missing = period - periods; missing > 0; missing -= wrap - 1)
          records.push((0xfe000000 | Math.min(missing, wrap - 1)) >>> 0);
        periods = period;
        const tag = time[i]! - period * wrap;
        records.push((code[i] === 0 ? 0x80000000 | tag : ((code[i]! - 1) << 25) | tag) >>> 0);
      }
      return littleEndian(records);
    },
    finish(bytes) {
      const count = new Uint8Array(8);
      new DataView(count.buffer).setBigInt64(0, BigInt((bytes - headerBytes) / 4), true);
      return { at: recordCountAt, bytes: count };
    },
  };
}

function littleEndian(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word, true);
  return bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
