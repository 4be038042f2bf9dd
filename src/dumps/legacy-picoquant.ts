/**
 * PicoQuant's files before PTU (FORMATS.md 2; tsbischof/libpicoquant src/hydraharp, src/picoharp):
 * HydraHarp .ht2/.ht3: a packed header whose last part depends on the number of inputs; PicoHarp 300 .pt2/.pt3: 728 bytes.
 * Both end in ImgHdrSize words; records as in PTU. The sync period of T3 is 1 / sync rate, measured once and poorly known.
 */
import { newInfo, StreamDump, scaleOf } from "./dump.js";
import { dumpError, warn } from "./faults.js";
import { picoquantDecoder, type RecordKind } from "./picoquant-records.js";
import { readRecords } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Dump, DumpFormat, OpenOptions } from "./types.js";

/** More of image header than any instrument writes. */
const maxImageHeaderWords = 2 ** 16;

/** Fields of the header in the order of the file, read from a source that may end anywhere. */
class Fields {
  constructor(private readonly source: ByteSource) {}

  async bytes(count: number): Promise<DataView> {
    const bytes = new Uint8Array(count);
    const got = await this.source.read(bytes);
    if (got < count)
      throw dumpError("DUMP_TRUNCATED_HEADER", this.source.name, "the file ends inside its header", {
        offset: this.source.position,
      });
    return new DataView(bytes.buffer);
  }

  async text(count: number): Promise<string> {
    const view = await this.bytes(count);
    const text = new TextDecoder("latin1").decode(view);
    return text.split("\0")[0]!.trim();
  }
}

interface Header {
  readonly mode: number;
  readonly kind: { T2: RecordKind; T3: RecordKind };
  readonly wrap: { T2: number; T3: number };
  readonly counted: boolean;
  readonly device: string;
  /** T2: seconds of a tick; T3: of a dtime unit. */
  readonly resolution: number;
  readonly syncRate: number;
  readonly records: number;
}

const openLegacy =
  (format: DumpFormat, mode: 2 | 3, read: (fields: Fields, source: ByteSource) => Promise<Header>) =>
  async (source: ByteSource, options: OpenOptions): Promise<Dump> => {
    const header = await read(new Fields(source), source);
    const file = source.name;
    if (header.mode !== mode)
      throw dumpError("DUMP_UNKNOWN_RECORD_TYPE", file, `the header says mode ${header.mode}, not T${mode}`, {
        offset: source.position,
      });
    const isT3 = mode === 3;
    if (isT3 && !(header.syncRate > 0))
      throw dumpError("DUMP_BAD_TAG", file, "the header's sync rate is 0, so that sync periods have no duration", {
        offset: source.position,
      });
    const tick = isT3 ? 1 / header.syncRate : header.resolution;
    const fine = isT3 ? header.resolution : undefined;
    const info = {
      ...newInfo(format, file, tick * 1e12),
      recordType: `${header.device} T${mode}`,
      ...(fine === undefined ? {} : { dtimeResolutionPs: fine * 1e12 }),
    };
    const name = isT3 ? "T3" : "T2";
    const decoder = picoquantDecoder(header.kind[name], header.wrap[name], header.counted, info);
    const declared = countRecords(info, source, header.records, options.strict ?? false);
    return new StreamDump(
      info,
      source,
      () => readRecords(source, info, decoder, options, declared),
      scaleOf(tick, fine),
    );
  };

function countRecords(
  info: Parameters<typeof warn>[0],
  source: ByteSource,
  declared: number,
  strict: boolean,
): number | undefined {
  const available = source.size === undefined ? undefined : Math.floor((source.size - source.position) / 4);
  const place = { offset: source.position };
  if (!(declared > 0)) {
    if (available !== 0)
      warn(info, false, "DUMP_NO_RECORD_COUNT", "the header counts no records: read to the end", place);
    return undefined;
  }
  if (available !== undefined && available !== declared)
    warn(
      info,
      strict,
      "DUMP_RECORD_COUNT_MISMATCH",
      `the header counts ${declared} records, ${available} are there`,
      place,
    );
  return declared;
}

async function hydraHarp(fields: Fields, source: ByteSource): Promise<Header> {
  if ((await fields.text(16)) !== "HydraHarp")
    throw dumpError("DUMP_BAD_MAGIC", source.name, "this is no HydraHarp file (its magic is not HydraHarp)", {
      offset: 0,
    });
  const version = await fields.text(6);
  const first = /^([12])\./.exec(version)?.[1];
  if (!first)
    throw dumpError("DUMP_UNKNOWN_RECORD_TYPE", source.name, `version ${JSON.stringify(version)} is not known`, {
      offset: 16,
    });
  await fields.bytes(18 + 12 + 18 + 2 + 256);
  const measurement = await fields.bytes(6 * 4 + 8);
  // offset … linear/log 6, display 4, curves 8×2, parameters 3×3, repeats 4: words; script 20, hardware 16, part 8
  await fields.bytes((6 + 4 + 16 + 9 + 4) * 4 + 20 + 16 + 8);
  const hardware = await fields.bytes(4 + 4 + 10 * 8 + 8 + 8 + 8 * 4);
  const inputs = hardware.getInt32(4 + 4 + 80 + 8 + 8, true);
  if (!(inputs >= 0 && inputs <= 64))
    throw dumpError("DUMP_BAD_TAG", source.name, `${inputs} inputs are none of a HydraHarp`, {
      offset: source.position,
    });
  await fields.bytes(inputs * (4 * 4 + 4));
  const run = await fields.bytes(4 * 4 + 8);
  await skipImageHeader(fields, source, run.getInt32(12, true));
  return {
    mode: measurement.getInt32(12, true),
    kind: { T2: "HH-T2", T3: "HH-T3" },
    wrap: { T2: first === "1" ? 33_552_000 : 33_554_432, T3: 1024 },
    counted: first === "2",
    device: `HydraHarp V${first}`,
    resolution: positive(measurement.getFloat64(24, true), source) * 1e-12,
    syncRate: run.getInt32(0, true),
    records: Number(run.getBigInt64(16, true)),
  };
}

async function picoHarp(fields: Fields, source: ByteSource): Promise<Header> {
  if ((await fields.text(16)) !== "PicoHarp 300")
    throw dumpError("DUMP_BAD_MAGIC", source.name, "this is no PicoHarp file (its magic is not PicoHarp 300)", {
      offset: 0,
    });
  const version = await fields.text(6);
  if (!version.startsWith("2."))
    throw dumpError("DUMP_UNKNOWN_RECORD_TYPE", source.name, `version ${JSON.stringify(version)} is not known`, {
      offset: 16,
    });
  // From here to byte 728; positions below are of the whole file.
  const rest = await fields.bytes(728 - 22);
  const at = (position: number) => position - 22;
  await skipImageHeader(fields, source, rest.getInt32(at(724), true));
  const mode = rest.getInt32(at(picoHarpAt.mode), true);
  const nanoseconds = rest.getFloat32(at(picoHarpAt.resolution), true);
  return {
    mode,
    kind: { T2: "PH-T2", T3: "PH-T3" },
    wrap: { T2: 210_698_240, T3: 65_536 },
    counted: false,
    device: "PicoHarp 300",
    // T2 ticks are 4 ps whatever the histogram resolution says.
    resolution: mode === 2 ? 4e-12 : positive(nanoseconds, source) * 1e-9,
    syncRate: rest.getInt32(at(picoHarpAt.countRate0), true),
    records: rest.getInt32(at(720), true),
  };
}

/**
 * Bytes of the whole file: text 328; i32 curves, bits, routing, boards, active curve, mode (348), …, to 400; curves 64,
 * parameters 36, repeats 16, script 20 (536); board: hardware 24, serial, sync divider, 4 levels, f32 resolution ns (584),
 * router 8 + 96 (692); i32 devices, reserved ×2, count rates (704, 708), stop ×2, records (720), image header (724).
 */
const picoHarpAt = { mode: 348, resolution: 584, countRate0: 704 } as const;

async function skipImageHeader(fields: Fields, source: ByteSource, words: number): Promise<void> {
  if (!(words >= 0 && words <= maxImageHeaderWords))
    throw dumpError("DUMP_BAD_TAG", source.name, `an image header of ${words} words cannot be`, {
      offset: source.position,
    });
  await fields.bytes(words * 4);
}

function positive(value: number, source: ByteSource): number {
  if (value > 0 && value < 1e12) return value;
  throw dumpError("DUMP_BAD_TAG", source.name, `the resolution ${value} is no duration`, { offset: source.position });
}

export const openHt2 = openLegacy("ht2", 2, hydraHarp);
export const openHt3 = openLegacy("ht3", 3, hydraHarp);
export const openPt2 = openLegacy("pt2", 2, picoHarp);
export const openPt3 = openLegacy("pt3", 3, picoHarp);
