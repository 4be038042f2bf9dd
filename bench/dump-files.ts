/**
 * A dump of every format that has a reader, for the readers' bench: a megahertz link on four channels, by the product's
 * writers where there is one, else by the layouts of FORMATS.md here.
 */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { createDumpWriter, type DumpFormat, type OpenOptions } from "../dumps/index.js";

type Draw = () => number;

export interface BenchDump {
  readonly format: DumpFormat;
  /** What tells apart several dumps of a format. */
  readonly kind?: string;
  readonly events: number;
  /** Millions of records a second that the reader is to reach; absent where nothing is asked. */
  readonly least?: number;
  readonly options?: OpenOptions;
  write(path: string, draw: Draw, events: number): Promise<void>;
}

type Write = BenchDump["write"];

/** Times in ps, half a microsecond apart in the mean, on channels 1 to 4. */
function eventsOf(draw: Draw, events: number): { time: Float64Array; channel: Uint8Array } {
  const time = new Float64Array(events);
  const channel = new Uint8Array(events);
  let at = 0;
  for (let i = 0; i < events; i++) {
    at += 1 + (draw() % 1_000_000);
    time[i] = at;
    channel[i] = 1 + (draw() & 3);
  }
  return { time, channel };
}

function written(format: string): Write {
  return async (path, draw, events) => {
    const { time, channel } = eventsOf(draw, events);
    const writer = await createDumpWriter(path, format);
    await writer.append({ base: 0n, dt: time, channel, length: events });
    await writer.commit();
  };
}

const bytesOf = (words: Uint32Array) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
const u32 = (...words: number[]) => bytesOf(Uint32Array.from(words));
const hex = (word: number) => word.toString(16).padStart(8, "0");

/** PicoQuant records of a clock with this period: steps below `step`, an overflow record for each full period. */
function records(period: number, step: number, overflow: number, photon: (draw: Draw, time: number) => number) {
  return (draw: Draw, events: number): Uint32Array => {
    const found = new Uint32Array(events);
    let time = 0;
    for (let n = 0; n < events; ) {
      time += draw() % step;
      for (; time >= period && n < events; time -= period) found[n++] = overflow;
      if (n < events) found[n++] = photon(draw, time);
    }
    return found;
  };
}
type Records = ReturnType<typeof records>;

const hydraT2 = records(33_552_000, 1_000_000, 0xfe000001, (draw, time) => (draw() & 3) * 0x2000000 + time);
const hydraT3 = records(1024, 80, 0xfe000001, (draw, time) => (draw() & 0x1ffff) * 1024 + time);
const picoT2 = records(210_698_240, 250_000, 0xf0000000, (draw, time) => (draw() & 3) * 0x10000000 + time);
const picoT3 = records(65_536, 80, 0xf0000000, (draw, time) => 0x10000000 + (draw() & 0x1fffffff & ~0xffff) + time);

/** The writer's header, with another type of records. */
function ptu(type: number, body: Records): Write {
  return async (path, draw, events) => {
    await written("ptu")(path, draw, 0);
    const header = await readFile(path);
    const value = (tag: string) => header.indexOf(tag) + 40;
    header.writeBigInt64LE(BigInt(type), value("TTResultFormat_TTTRRecType"));
    header.writeBigInt64LE(BigInt(events), value("TTResult_NumberOfRecords"));
    if (type & 0x100) header.writeDoubleLE(12.5e-9, value("MeasDesc_GlobalResolution"));
    await writeFile(path, header);
    await appendFile(path, bytesOf(body(draw, events)));
  };
}

/** A header of these bytes that are all zero but for what the reader looks at. */
function legacy(bytes: number, fill: (header: Buffer, events: number) => void, body: Records): Write {
  return async (path, draw, events) => {
    const header = Buffer.alloc(bytes);
    fill(header, events);
    await writeFile(path, header);
    await appendFile(path, bytesOf(body(draw, events)));
  };
}

const syncRate = 80_000_000;

/** Of one input. */
function hydraHarp(mode: 2 | 3, body: Records): Write {
  const fill = (header: Buffer, events: number) => {
    header.write("HydraHarp");
    header.write("2.0", 16);
    header.writeInt32LE(mode, 340);
    header.writeDoubleLE(1, 352);
    header.writeInt32LE(1, 664);
    header.writeInt32LE(syncRate, 716);
    header.writeBigInt64LE(BigInt(events), 732);
  };
  return legacy(740, fill, body);
}

function picoHarp(mode: 2 | 3, body: Records): Write {
  const fill = (header: Buffer, events: number) => {
    header.write("PicoHarp 300");
    header.write("2.0", 16);
    header.writeInt32LE(mode, 348);
    header.writeFloatLE(0.004, 584);
    header.writeInt32LE(syncRate, 704);
    header.writeInt32LE(events, 720);
  };
  return legacy(728, fill, body);
}

/** S-Fifteen event words, low and high half, in another layout. */
function fromWords(layout: (high: number, low: number) => Uint8Array): Write {
  return async (path, draw, events) => {
    await written("a1")(path, draw, events);
    const file = await readFile(path);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < file.length; at += 8) parts.push(layout(file.readUInt32LE(at + 4), file.readUInt32LE(at)));
    await writeFile(path, Buffer.concat(parts));
  };
}

async function idqPairs(path: string, draw: Draw, events: number): Promise<void> {
  const file = new BigUint64Array(2 * events);
  let index = 0;
  for (let i = 0; i < events; i++) {
    file[2 * i] = BigInt(draw() % 1_000_000);
    index += draw() & 1;
    file[2 * i + 1] = BigInt(index);
  }
  await writeFile(path, file);
}

function secondsTable(delimiter: string): Write {
  return async (path, draw, events) => {
    const { time, channel } = eventsOf(draw, events);
    let rows = `time_s${delimiter}channel\n`;
    for (let i = 0; i < events; i++) rows += `${(time[i]! / 1e12).toFixed(12)}${delimiter}${channel[i]}\n`;
    await writeFile(path, rows);
  };
}

const entriesPerPacket = 2 ** 16;

/** qcrypto: header words and the width of a difference; T2's time 1/8 ns, T4's index among events of which a tenth match. */
function packets(kind: 1 | 2 | 3 | 4): Write {
  const width = kind === 2 ? 13 : 5;
  const step = kind === 2 ? 8000 : 20;
  return async (path, draw, events) => {
    await writeFile(path, "");
    for (let epoch = 1; (epoch - 1) * entriesPerPacket < events; epoch++) {
      const head = [0x100 | kind, epoch, entriesPerPacket];
      const bits = new Bits([...head, ...{ 1: [49, 4], 2: [width, 1, 1], 3: [1], 4: [width, 1] }[kind]]);
      let time = 0;
      for (let i = 0; i < entriesPerPacket; i++) {
        const difference = 2 + (draw() % step);
        if (kind === 1) {
          time += difference;
          bits.put(epoch & 0x1ffff, 17);
          bits.put(time, 32);
          bits.put(1 << (draw() & 3), 15);
        } else {
          if (kind !== 3 && difference >= 2 ** width) {
            bits.put(0, width);
            bits.put(difference >>> width, 32 - width);
          }
          if (kind !== 3) bits.put(difference, width);
          bits.put(draw() >>> 31, 1);
        }
      }
      if (kind === 1) for (const word of [0, 0]) bits.put(word, 32);
      else if (kind !== 3) bits.put(2, width + 1);
      await appendFile(path, bytesOf(bits.words()));
    }
  };
}

/** Fields from the top bit of each word on. */
class Bits {
  private held = 0;
  private word = 0;
  constructor(private readonly done: number[]) {}

  put(value: number, width: number): void {
    const free = 32 - this.held;
    const low = width === 32 ? value : value & (2 ** width - 1);
    if (width < free) {
      this.word |= low << (free - width);
      this.held += width;
      return;
    }
    const rest = width - free;
    this.done.push((this.word | (rest === 32 ? 0 : low >>> rest)) >>> 0);
    this.held = rest;
    this.word = rest === 0 ? 0 : low << (32 - rest);
  }

  words(): Uint32Array {
    return Uint32Array.from(this.held > 0 ? [...this.done, this.word >>> 0] : this.done);
  }
}

/** Written by a package of the development tools: absent in an installed product. */
async function parquet(path: string, draw: Draw, events: number): Promise<void> {
  const { parquetWriteBuffer } = await import("hyparquet-writer");
  const { time, channel } = eventsOf(draw, events);
  const columnData = [
    { name: "time", data: BigInt64Array.from(time, BigInt), type: "INT64" as const },
    { name: "channel", data: Int32Array.from(channel), type: "INT32" as const },
  ];
  await writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData })));
}

async function hdf5(path: string, draw: Draw, events: number): Promise<void> {
  const h5wasm = await import("h5wasm/node");
  await h5wasm.ready;
  const { time, channel } = eventsOf(draw, events);
  const file = new h5wasm.File(path, "w");
  file.create_dataset({ name: "time", data: BigInt64Array.from(time, BigInt) });
  file.create_dataset({ name: "channel", data: channel });
  file.close();
}

/** "≥ 100 M records/s per core for fixed-width formats, ≥ 10 M/s for CSV". */
const fixed = { events: 2 ** 21, least: 100 };
const text = { events: 2 ** 19, least: 10 };
const packed = { events: 2 ** 21 };
/** Many, since each opening starts a thread and a library. */
const table = { events: 2 ** 21 };
const seconds: OpenOptions = { unit: "s" };

export const benchDumps: readonly BenchDump[] = [
  { format: "ptu", kind: "HydraHarp V2 T2", ...fixed, write: ptu(0x01010204, hydraT2) },
  { format: "ptu", kind: "HydraHarp V1 T2", ...fixed, write: ptu(0x00010204, hydraT2) },
  { format: "ptu", kind: "MultiHarp T3", ...fixed, write: ptu(0x00010307, hydraT3) },
  { format: "ptu", kind: "PicoHarp T2", ...fixed, write: ptu(0x00010203, picoT2) },
  { format: "ptu", kind: "PicoHarp T3", ...fixed, write: ptu(0x00010303, picoT3) },
  { format: "ht2", ...fixed, write: hydraHarp(2, hydraT2) },
  { format: "ht3", ...fixed, write: hydraHarp(3, hydraT3) },
  { format: "pt2", ...fixed, write: picoHarp(2, picoT2) },
  { format: "pt3", ...fixed, write: picoHarp(3, picoT3) },
  { format: "qutag", ...fixed, write: written("qutag") },
  { format: "qutag_raw", ...fixed, write: written("qutag_raw") },
  { format: "swabian16", ...fixed, write: written("swabian16") },
  { format: "a1", ...fixed, write: written("a1") },
  { format: "a1X", ...fixed, write: fromWords((high, low) => u32(high, low)) },
  { format: "u64", ...fixed, write: written("u64") },
  { format: "idq_u64", ...fixed, write: written("u64") },
  { format: "idq_pairs", ...fixed, options: { referencePeriodPs: 1_000_000 }, write: idqPairs },
  { format: "a0", ...text, write: fromWords((high, low) => Buffer.from(`${hex(low)}\n${hex(high)}\n`)) },
  { format: "a2", ...text, write: fromWords((high, low) => Buffer.from(`${hex(high)}${hex(low)}\n`)) },
  { format: "csv", ...text, write: written("csv") },
  { format: "csv", kind: "in seconds", ...text, options: seconds, write: secondsTable(",") },
  { format: "csv", kind: "in seconds, tabs", ...text, options: seconds, write: secondsTable("\t") },
  { format: "qutag_csv", ...text, write: written("qutag_csv") },
  { format: "qcrypto_T1", ...packed, write: packets(1) },
  { format: "qcrypto_T2", ...packed, write: packets(2) },
  { format: "qcrypto_T3", ...packed, write: packets(3) },
  { format: "qcrypto_T4", ...packed, write: packets(4) },
  { format: "parquet", ...table, write: parquet },
  { format: "hdf5", ...table, write: hdf5 },
];
