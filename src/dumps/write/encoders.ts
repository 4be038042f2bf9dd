/**
 * Events into the layouts of FORMATS.md, streaming. What a format cannot hold is left out and counted by name. Codes are
 * the canonical ones (what `inspect` prints); times whole picoseconds.
 */
import { Buffer } from "node:buffer";
import type { DumpFormat } from "../types.js";
import { count, type Encoder, type EventBatch, type TimeRange } from "./encoder.js";
import { PtuEncoder } from "./ptu.js";

const i64: TimeRange = { from: -(2n ** 63n), to: 2n ** 63n };
const u64: TimeRange = { from: 0n, to: 2n ** 64n };

export const writableFormats = ["ptu", "qutag", "qutag_raw", "qutag_csv", "swabian16", "a1", "u64", "csv"] as const;
export type WritableFormat = (typeof writableFormats)[number] & DumpFormat;

export const encoders: Readonly<Record<WritableFormat, (software: string) => Encoder>> = {
  ptu: (software) => new PtuEncoder(software),
  qutag: () => ({
    ...records(10, u64, putQutag),
    // Magic and file size; the rest of the header is the vendor's own and skipped by readers.
    header: () => Uint8Array.from([0x87, 0xb3, 0x91, 0xfa, ...new Array<number>(36).fill(0)]),
    finish: (bytes) => ({ at: 4, bytes: new Uint8Array(Uint32Array.of(bytes % 2 ** 32).buffer) }),
  }),
  qutag_raw: () => records(10, u64, putQutag),
  // Codes from 128 on are negative channels (falling edges), as the reader has them.
  swabian16: () =>
    records(16, i64, (view, at, low, high, code) => {
      view.setInt32(at + 4, code < 128 ? code : code - 256, true);
      view.setUint32(at + 8, low, true);
      view.setUint32(at + 12, high, true);
    }),
  u64: () => {
    const { encode, ...rest } = records(8, u64, (view, at, low, high) => {
      view.setUint32(at, low, true);
      view.setUint32(at + 4, high, true);
    });
    return {
      ...rest,
      encode: (batch) => {
        if (batch.channel.some((code) => code !== 0)) count(rest.losses, "channel numbers are not kept", batch.length);
        return encode(batch);
      },
    };
  },
  a1: () => new S15Encoder(),
  csv: () => text("time_ps,channel\n"),
  qutag_csv: () => text(""),
};

type Put = (view: DataView, at: number, low: number, high: number, code: number) => void;

function putQutag(view: DataView, at: number, low: number, high: number, code: number): void {
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
  view.setUint16(at + 8, code, true);
}

/** Fixed-width records with a 64-bit time, two's complement. */
function records(size: number, holds: TimeRange, put: Put): Encoder {
  return {
    holds,
    losses: new Map(),
    header: () => new Uint8Array(0),
    encode({ base, dt, channel, length }) {
      const bytes = new Uint8Array(length * size);
      const view = new DataView(bytes.buffer);
      const baseHigh = Number(base >> 32n);
      const baseLow = Number(base & 0xffffffffn);
      for (let i = 0; i < length; i++) {
        const sum = baseLow + dt[i]!;
        const carry = Math.floor(sum / 4294967296);
        put(view, i * size, sum - carry * 4294967296, (baseHigh + carry) | 0, channel[i]!);
      }
      return bytes;
    },
  };
}

/** S-Fifteen a1 (FORMATS.md 5): ticks of 1/256 ns = 125/32 ps, 54 bits; the code is a pattern of 4 bits. */
class S15Encoder implements Encoder {
  readonly holds = { from: 0n, to: 2n ** 64n };
  readonly losses = new Map<string, number>();

  header(): Uint8Array {
    return new Uint8Array(0);
  }

  encode({ base, dt, channel, length }: EventBatch): Uint8Array {
    const words = new Uint32Array(length * 2);
    const ticks = (base * 32n) / 125n;
    const rest = Number((base * 32n) % 125n);
    const above = Number(ticks >> 22n);
    const high = Number(BigInt.asUintN(32, ticks >> 22n));
    const low = Number(ticks & 0x3fffffn);
    let n = 0;
    let rounded = 0;
    let wrapped = 0;
    for (let i = 0; i < length; i++) {
      const code = channel[i]!;
      if (code > 15) continue;
      const t = dt[i]!;
      const whole = Math.floor(t / 125);
      const fine = (t - whole * 125) * 32 + rest;
      const near = Math.round(fine / 125);
      if (near * 125 !== fine) rounded++;
      const tick = low + whole * 32 + near;
      const carry = Math.floor(tick / 4194304);
      words[n++] = (tick - carry * 4194304) * 1024 + 0x300 + code;
      words[n++] = high + carry;
      if (above + carry >= 4294967296) wrapped++;
    }
    if (wrapped > 0) count(this.losses, "times counted anew every 2^54 ticks (19.5 h)", wrapped);
    if (n < length * 2) count(this.losses, "channels above 15: events left out", length - n / 2);
    if (rounded > 0) count(this.losses, "times rounded to ticks of 3.90625 ps", rounded);
    return new Uint8Array(words.buffer, 0, n * 4);
  }
}

function text(header: string): Encoder {
  return {
    holds: { from: i64.from, to: u64.to },
    losses: new Map(),
    header: () => Buffer.from(header),
    encode({ base, dt, channel, length }) {
      const small = base >= 0n && base < 2n ** 52n ? Number(base) : undefined;
      let rows = "";
      for (let i = 0; i < length; i++) {
        const t = small === undefined ? Infinity : small + dt[i]!;
        rows += `${t < 2 ** 53 ? t : base + BigInt(dt[i]!)},${channel[i]}\n`;
      }
      return Buffer.from(rows);
    },
  };
}
