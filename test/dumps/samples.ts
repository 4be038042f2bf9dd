/**
 * Small dumps of every format, written here byte by byte from FORMATS.md and independent of src/, with their events in
 * native ticks. They hold what trips readers: overflows with counts, markers, equal times, backward steps, lost data.
 */
import { Buffer } from "node:buffer";
import type { DumpFormat, OpenOptions } from "../../src/dumps/index.js";

export interface Sample {
  readonly format: DumpFormat;
  readonly bytes: Uint8Array;
  readonly options?: OpenOptions;
  /** Tick, code, and for T3 dtime. */
  readonly events: readonly (readonly [bigint, number, number?])[];
  /** Events before which data was lost. */
  readonly gaps?: readonly number[];
  /** Found by content alone. */
  readonly detected: boolean;
}

const u32 = (...words: number[]) => Buffer.from(Uint32Array.from(words, (word) => word >>> 0).buffer);
const u64 = (...words: bigint[]) => Buffer.from(BigUint64Array.from(words).buffer);
const padded = (text: string, length: number) => Buffer.concat([Buffer.from(text, "latin1")], length);

function tag(name: string, type: number, value: Buffer, payload = Buffer.alloc(0)): Buffer {
  return Buffer.concat([padded(name, 32), u32(0xffffffff, type), value, payload]);
}
const int8 = (name: string, n: number) => tag(name, 0x10000008, u64(BigInt(n)));
const float8 = (name: string, x: number) => tag(name, 0x20000008, Buffer.from(Float64Array.of(x).buffer));

export function ptu(type: number, records: number[], { tick = 1e-12, dtime = 1e-12, count = records.length } = {}) {
  return Buffer.concat([
    Buffer.from("PQTTTR\0\x001.0.00\0\0", "latin1"),
    tag("File_Comment", 0x4001ffff, u64(16n), padded("Header_End", 16)),
    float8("MeasDesc_Resolution", dtime),
    float8("MeasDesc_GlobalResolution", tick),
    int8("TTResultFormat_TTTRRecType", type),
    int8("TTResult_NumberOfRecords", count),
    tag("Header_End", 0xffff0008, u64(0n)),
    u32(...records),
  ]);
}

const hhT2 = {
  records: [0x02000005, 0x80000007, 0xfe000003, 0x00000000, 0xfe000000, 0x82000009, 0x7e000001],
  events: (wrap: bigint, counted: boolean): [bigint, number][] => {
    const first = counted ? 3n * wrap : wrap;
    return [
      [5n, 2],
      [7n, 0],
      [first, 1],
      [first + wrap + 9n, 0x81],
      [first + wrap + 1n, 64],
    ];
  },
};
const hhT3 = {
  records: [0x02000405, 0xfe000002, 0x0000ffff, 0xfe000000, 0x84000003],
  events: (counted: boolean): [bigint, number, number][] => {
    const first = counted ? 2048n : 1024n;
    return [
      [5n, 2, 1],
      [first + 1023n, 1, 63],
      [first + 1024n + 3n, 0x82, 0],
    ];
  },
};
const phT2 = {
  records: [0x10000005, 0xf0000000, 0x40000003, 0xf0000012],
  events: [
    [5n, 1],
    [210_698_243n, 4],
    [210_698_240n + 0x12n, 0x82],
  ] as [bigint, number][],
};
const phT3 = {
  records: [0x10030005, 0xf0000000, 0x2fff0001, 0xf0030009],
  events: [
    [5n, 1, 3],
    [65_537n, 2, 4095],
    [65_545n, 0x83, 0],
  ] as [bigint, number, number][],
};

function hydraHarp(version: string, mode: number, records: number[]): Buffer {
  const inputs = 2;
  return Buffer.concat([
    padded("HydraHarp", 16),
    padded(version, 6),
    Buffer.alloc(306),
    u32(0, 32, 0, mode, 0, 0),
    Buffer.from(Float64Array.of(1).buffer),
    Buffer.alloc(39 * 4 + 44),
    Buffer.alloc(8 + 80 + 16),
    u32(inputs, 0, 0, 0, 0, 0, 0, 0),
    Buffer.alloc(inputs * 20),
    u32(1_000_000, 0, 0, 1),
    u64(BigInt(records.length)),
    u32(77),
    u32(...records),
  ]);
}

function picoHarp(mode: number, records: number[]): Buffer {
  const header = Buffer.alloc(728);
  header.write("PicoHarp 300", 0, "latin1");
  header.write("2.0", 16, "latin1");
  header.writeInt32LE(mode, 348);
  header.writeFloatLE(0.004, 584);
  header.writeInt32LE(1_000_000, 704);
  header.writeInt32LE(records.length, 720);
  header.writeInt32LE(2, 724);
  return Buffer.concat([header, u32(1, 2), u32(...records)]);
}

const start = 260_182_250_239_296_553n;
const plainEvents: [bigint, number][] = Array.from({ length: 40 }, (_, i) => [
  start + BigInt(i * 1_000_003 - (i === 20 ? 3_000_000 : 0)),
  i % 5,
]);
const qutagRecords = Buffer.concat(plainEvents.map(([t, code]) => Buffer.concat([u64(t), Buffer.from([code, 0])])));
const qutagHeader = Buffer.concat([Buffer.from([0x87, 0xb3, 0x91, 0xfa]), Buffer.alloc(36, 9)]);

const swabian = (type: number, missed: number, channel: number, time: bigint) =>
  Buffer.concat([u32(type | (missed << 16), channel), u64(BigInt.asUintN(64, time))]);

const words = plainEvents.map(([, code], i) => {
  const time = (2n ** 54n - 20_000n + BigInt(i * 1000)) % 2n ** 54n;
  const dummy = i % 7 === 3;
  return { time, code: code || 9, dummy, word: (time << 10n) | 0x300n | BigInt(dummy ? 16 : 0) | BigInt(code || 9) };
});
const s15Events = words.filter(({ dummy }) => !dummy).map(({ time, code }): [bigint, number] => [time, code]);
const hex = (value: bigint, digits: number) => value.toString(16).padStart(digits, "0");
const low = (word: bigint) => word & 0xffffffffn;

/** Most significant bit first into little-endian words. */
function bitStream(fields: [value: number, width: number][]): Buffer {
  const bits = fields.map(([value, width]) => value.toString(2).padStart(width, "0")).join("");
  const whole = bits.padEnd(Math.ceil(bits.length / 32) * 32, "0");
  return u32(...(whole.match(/.{32}/g) ?? []).map((word) => Number.parseInt(word, 2)));
}

const epoch = 0xa1b2c362;
const inEpoch = (t: bigint) => (BigInt(epoch) << 32n) + t;
const t1 = (time: bigint, code: number) => {
  const word = (((BigInt(epoch) & 0x1ffffn) << 32n) | time) << 15n;
  return u32(Number(word >> 32n), Number((word | BigInt(code)) & 0xffffffffn));
};

const csvRows = plainEvents.slice(0, 12);
const seconds = (t: bigint) => `${t / 10n ** 12n}.${String(t % 10n ** 12n).padStart(12, "0")}`;

export const samples: readonly Sample[] = [
  { format: "ptu", bytes: ptu(0x01010204, hhT2.records), events: hhT2.events(33_554_432n, true), detected: true },
  { format: "ptu", bytes: ptu(0x00010204, hhT2.records), events: hhT2.events(33_552_000n, false), detected: true },
  { format: "ptu", bytes: ptu(0x00010307, hhT3.records, { tick: 1e-8 }), events: hhT3.events(true), detected: true },
  { format: "ptu", bytes: ptu(0x00010304, hhT3.records, { tick: 1e-8 }), events: hhT3.events(false), detected: true },
  { format: "ptu", bytes: ptu(0x00010203, phT2.records, { tick: 4e-12 }), events: phT2.events, detected: true },
  { format: "ptu", bytes: ptu(0x00010303, phT3.records, { tick: 1e-8 }), events: phT3.events, detected: true },
  { format: "ht2", bytes: hydraHarp("2.0", 2, hhT2.records), events: hhT2.events(33_554_432n, true), detected: true },
  { format: "ht2", bytes: hydraHarp("1.0", 2, hhT2.records), events: hhT2.events(33_552_000n, false), detected: true },
  { format: "ht3", bytes: hydraHarp("2.0", 3, hhT3.records), events: hhT3.events(true), detected: true },
  { format: "pt2", bytes: picoHarp(2, phT2.records), events: phT2.events, detected: true },
  { format: "pt3", bytes: picoHarp(3, phT3.records), events: phT3.events, detected: true },
  { format: "qutag", bytes: Buffer.concat([qutagHeader, qutagRecords]), events: plainEvents, detected: true },
  { format: "qutag_raw", bytes: qutagRecords, events: plainEvents, detected: false },
  {
    format: "qutag_csv",
    bytes: Buffer.from(plainEvents.map(([t, code]) => `${t},${code}\n`).join("")),
    events: plainEvents,
    detected: false,
  },
  {
    format: "swabian16",
    bytes: Buffer.concat([
      swabian(0, 0, 3, -5n),
      swabian(0, 0, -1, 7n),
      swabian(4, 250, 3, 8n),
      swabian(0, 0, 1001, 9n),
      swabian(2, 0, 0, 10n),
      swabian(3, 0, 0, 11n),
      swabian(0, 0, 2, 2n ** 60n),
      swabian(0, 0, 2, 2n ** 60n - 1n),
    ]),
    events: [
      [-5n, 3],
      [7n, 255],
      [9n, 1001 & 255],
      [2n ** 60n, 2],
      [2n ** 60n - 1n, 2],
    ],
    gaps: [2, 3],
    detected: true,
  },
  { format: "a1", bytes: u64(...words.map(({ word }) => word)), events: s15Events, detected: true },
  {
    format: "a1X",
    bytes: u32(...words.flatMap(({ word }) => [Number(word >> 32n), Number(low(word))])),
    events: s15Events,
    detected: true,
  },
  {
    format: "a0",
    bytes: Buffer.from(words.map(({ word }) => `${hex(low(word), 8)}\n${hex(word >> 32n, 8)}\n`).join("")),
    events: s15Events,
    detected: true,
  },
  {
    format: "a2",
    bytes: Buffer.from(words.map(({ word }) => `${hex(word, 16)}\r\n`).join("")),
    events: s15Events,
    detected: true,
  },
  {
    format: "qcrypto_T1",
    bytes: Buffer.concat([u32(0x101, epoch, 0, 49, 4), t1(100n, 1), t1(2n ** 32n - 1n, 8), u32(0, 0)]),
    events: [
      [inEpoch(100n), 1],
      [inEpoch(2n ** 32n - 1n), 8],
    ],
    detected: true,
  },
  {
    format: "qcrypto_T2",
    bytes: Buffer.concat([
      u32(0x102, epoch, 3, 12, 1, 1),
      bitStream([
        [100, 12],
        [1, 1],
        [0, 12],
        [3, 20],
        [7, 12],
        [0, 1],
        [2, 12],
        [1, 1],
        [1, 12],
        [0, 1],
      ]),
      u32(0x102, epoch, 0, 12, 1, 1),
      bitStream([
        [9, 12],
        [0, 1],
        [1, 12],
        [0, 1],
      ]),
    ]),
    events: [
      [inEpoch(100n), 1],
      [inEpoch(100n + 3n * 4096n + 7n), 0],
      [inEpoch(100n + 3n * 4096n + 9n), 1],
      [inEpoch(9n), 0],
    ],
    detected: true,
  },
  {
    // The first packet's end word spills its base bit into a word more, as chopper.c writes it.
    format: "qcrypto_T2",
    bytes: Buffer.concat([
      u32(0x102, epoch, 1, 15, 1, 1),
      bitStream([
        [0, 15],
        [1, 17],
        [5, 15],
        [1, 1],
        [1, 15],
        [0, 1],
      ]),
      u32(0x102, epoch, 1, 15, 2, 1),
      bitStream([
        [9, 15],
        [2, 2],
        [1, 15],
        [0, 2],
      ]),
      u32(0x102, epoch, 1, 12, 1, 1),
      bitStream([
        [7, 12],
        [1, 1],
        [1, 12],
        [0, 1],
      ]),
    ]),
    events: [
      [inEpoch(32_773n), 1],
      [inEpoch(9n), 2],
      [inEpoch(7n), 1],
    ],
    detected: true,
  },
  {
    format: "qcrypto_T3",
    bytes: Buffer.concat([
      u32(0x103, epoch, 3, 1),
      bitStream([
        [1, 1],
        [0, 1],
        [1, 1],
      ]),
    ]),
    events: [
      [0n, 1],
      [1n, 0],
      [2n, 1],
    ],
    detected: true,
  },
  {
    format: "qcrypto_T4",
    bytes: Buffer.concat([
      u32(0x104, epoch, 2, 8, 1),
      bitStream([
        [7, 8],
        [1, 1],
        [0, 8],
        [1, 24],
        [4, 8],
        [0, 1],
        [1, 8],
        [0, 1],
      ]),
    ]),
    events: [
      [5n, 1],
      [5n + 258n, 0],
    ],
    detected: true,
  },
  {
    format: "u64",
    bytes: u64(...plainEvents.map(([t]) => t)),
    events: plainEvents.map(([t]) => [t, 0]),
    detected: false,
  },
  {
    format: "idq_u64",
    bytes: u64(...plainEvents.map(([t]) => t)),
    events: plainEvents.map(([t]) => [t, 0]),
    detected: false,
  },
  {
    format: "idq_pairs",
    bytes: u64(5n, 10n, 7n, 12n, 1n, 2n ** 40n),
    options: { referencePeriodPs: 1_000_000 },
    events: [
      [10_000_005n, 0],
      [12_000_007n, 0],
      [2n ** 40n * 1_000_000n + 1n, 0],
    ],
    detected: false,
  },
  {
    format: "csv",
    bytes: Buffer.from(
      `# lab\r\nchannel;t[s]\r\n${csvRows.map(([t, code]) => `${code};${seconds(t)}`).join("\r\n")}\r\n`,
    ),
    events: csvRows,
    detected: true,
  },
  {
    format: "csv",
    bytes: Buffer.from(`time_ns\tchannel\n5\t1\n6.001\t 2\n-0.5\t3\n1.25e3\t4\n`),
    events: [
      [5000n, 1],
      [6001n, 2],
      [-500n, 3],
      [1_250_000n, 4],
    ],
    detected: true,
  },
  {
    format: "csv",
    bytes: Buffer.from("\ufefftime_ps,channel,remark\n5,1,lost fibre\n6,2,\n"),
    events: [
      [5n, 1],
      [6n, 2],
    ],
    detected: true,
  },
  {
    // Close to the wrap every byte of the time's upper word looks like the flags.
    format: "a1",
    bytes: u64(...Array.from({ length: 20 }, (_, i) => ((2n ** 54n - 90_000n + BigInt(i * 4001)) << 10n) | 0x301n)),
    events: Array.from({ length: 20 }, (_, i) => [2n ** 54n - 90_000n + BigInt(i * 4001), 1]),
    detected: true,
  },
  {
    format: "csv",
    bytes: Buffer.from(`  17   3\n\n# pause\n 18 4   \n999999999999999 5\n1000000000000000000 6\n`),
    events: [
      [17n, 3],
      [18n, 4],
      [999_999_999_999_999n, 5],
      [10n ** 18n, 6],
    ],
    detected: true,
  },
];
