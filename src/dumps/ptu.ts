/** PicoQuant PTU: unified header and TTTR records of every device in FORMATS.md 1.1. */
import { newInfo, StreamDump, scaleOf } from "./dump.js";
import { dumpError, warn } from "./faults.js";
import { picoquantDecoder, type RecordKind } from "./picoquant-records.js";
import { type PtuHeader, readPtuHeader } from "./ptu-header.js";
import { readRecords } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Dump, OpenOptions } from "./types.js";

interface RecordType {
  readonly name: string;
  readonly kind: RecordKind;
  readonly wrap: number;
  readonly counted: boolean;
}

const v2 = { T2: 33_554_432, T3: 1024 };

/** TTResultFormat_TTTRRecType; the wrap of T2 on HydraHarp 1 is 33 552 000, of everything newer 2^25. */
const recordTypes: Readonly<Record<number, RecordType>> = {
  66051: { name: "PicoHarp 300 T2", kind: "PH-T2", wrap: 210_698_240, counted: false },
  66307: { name: "PicoHarp 300 T3", kind: "PH-T3", wrap: 65_536, counted: false },
  66052: { name: "HydraHarp V1 T2", kind: "HH-T2", wrap: 33_552_000, counted: false },
  66308: { name: "HydraHarp V1 T3", kind: "HH-T3", wrap: 1024, counted: false },
  ...hydraLike(0x01010204, "HydraHarp V2"),
  ...hydraLike(0x00010205, "TimeHarp 260 N"),
  ...hydraLike(0x00010206, "TimeHarp 260 P"),
  ...hydraLike(0x00010207, "MultiHarp or PicoHarp 330"),
};

function hydraLike(t2: number, name: string): Record<number, RecordType> {
  return {
    [t2]: { name: `${name} T2`, kind: "HH-T2", wrap: v2.T2, counted: true },
    [t2 + 0x100]: { name: `${name} T3`, kind: "HH-T3", wrap: v2.T3, counted: true },
  };
}

/** @throws QkdError DUMP_* */
export async function openPtu(source: ByteSource, options: OpenOptions): Promise<Dump> {
  const header = await readPtuHeader(source);
  const file = source.name;
  const kind = needed(header, "TTResultFormat_TTTRRecType", source);
  const code = Number(kind.value);
  const type = recordTypes[code];
  if (!type)
    throw dumpError("DUMP_UNKNOWN_RECORD_TYPE", file, `records of type 0x${code.toString(16)} are not known`, {
      offset: kind.offset,
    });
  const global = seconds(header, "MeasDesc_GlobalResolution", source);
  const isT3 = type.kind.endsWith("T3");
  const fine = isT3 ? seconds(header, "MeasDesc_Resolution", source) : undefined;
  const info = {
    ...newInfo("ptu", file, global * 1e12),
    recordType: type.name,
    ...(fine === undefined ? {} : { dtimeResolutionPs: fine * 1e12 }),
  };
  const strict = options.strict ?? false;
  const available = source.size === undefined ? undefined : Math.floor((source.size - source.position) / 4);
  const count = header.get("TTResult_NumberOfRecords");
  const place = { offset: count?.offset ?? source.position };
  let declared = typeof count?.value === "bigint" ? Number(count.value) : 0;
  if (!(declared > 0)) {
    declared = 0;
    if (available !== 0)
      warn(
        info,
        false,
        "DUMP_NO_RECORD_COUNT",
        "the header counts no records (cut while recording?): read to the end",
        place,
      );
  } else if (available !== undefined && available !== declared) {
    const dropped =
      available < declared ? `${declared - available} are missing` : `${available - declared} are left out`;
    warn(
      info,
      strict,
      "DUMP_RECORD_COUNT_MISMATCH",
      `the header counts ${declared} records, ${available} are there: ${dropped}`,
      place,
    );
  }
  const decoder = picoquantDecoder(type.kind, type.wrap, type.counted, info);
  const events = () => readRecords(source, info, decoder, options, declared || undefined);
  return new StreamDump(info, source, events, scaleOf(global, fine));
}

function needed(header: PtuHeader, name: string, source: ByteSource): { value: bigint | number; offset: number } {
  const { value, offset = source.position } = header.get(name) ?? {};
  if (typeof value === "bigint" || typeof value === "number") return { value, offset };
  throw dumpError("DUMP_MISSING_TAG", source.name, `the header lacks ${name}, without which records have no meaning`, {
    offset,
  });
}

function seconds(header: PtuHeader, name: string, source: ByteSource): number {
  const { value, offset } = needed(header, name, source);
  const length = Number(value);
  if (length > 0 && length < 1) return length;
  throw dumpError("DUMP_BAD_TAG", source.name, `${name} is ${length}, no duration in seconds`, { offset });
}
