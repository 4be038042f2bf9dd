/** What a dump holds: one pass, bounded memory (`qkd-distill inspect`). */
import type { Readable } from "node:stream";
import { EventDigests } from "./digests.js";
import { dumpError } from "./faults.js";
import { Collector } from "./figures/collector.js";
import { type Figures, figuresOf } from "./figures/figures.js";
import { openStoppable, openStoppableRecord, type StoppableOptions, untilStopped } from "./stoppable.js";
import type { DumpFormat, DumpInfo, DumpWarning } from "./types.js";

export interface Inspection extends Partial<Figures> {
  readonly file: string;
  readonly format: DumpFormat;
  readonly records: number;
  readonly events: number;
  readonly photons: number;
  readonly markers: number;
  readonly overflowRecords: number;
  readonly overflowPeriods: number;
  /** Events by channel code. */
  readonly channels: Readonly<Record<string, number>>;
  readonly firstPs: string;
  readonly lastPs: string;
  readonly durationPs: string;
  readonly resolutionPs: number;
  readonly outOfOrderSteps: number;
  readonly warnings: readonly DumpWarning[];
  /** The signal came: the figures are of what had been read until then. */
  readonly interrupted?: boolean;
  /** A preparation record: shares of ones, of basis X, of each intensity. */
  readonly preparation?: { readonly ones: number; readonly basisX: number; readonly intensities: readonly number[] };
  readonly [more: string]: unknown;
}

/** @throws QkdError FILE_UNREADABLE, DUMP_* */
export async function inspectDump(
  file: string | Readable,
  options: StoppableOptions & { digest?: boolean } = {},
): Promise<Inspection> {
  if (options.format === "preparation") {
    if (typeof file !== "string")
      throw dumpError("DUMP_FORMAT_UNSUPPORTED", "-", "a preparation record is not read from a stream");
    return inspectPreparation(file, options);
  }
  const dump = await openStoppable(file, options);
  try {
    const { info } = dump;
    const isMarker = markerTest(info.format);
    const counter = new Collector(info);
    // Packets of the qcrypto chain have no digest of the stream.
    const digests =
      options.digest && !info.packets ? new EventDigests(info.dtimeResolutionPs !== undefined, isMarker) : undefined;
    for await (const batch of untilStopped(dump.native(), options.signal)) {
      counter.add(batch);
      digests?.add(batch);
    }
    return {
      ...summary(info, counter, isMarker),
      ...digests?.finish(),
      ...interruption(options),
    };
  } finally {
    await dump.close();
  }
}

function interruption({ signal }: StoppableOptions): { interrupted?: true } {
  return signal?.aborted ? { interrupted: true } : {};
}

/** PicoQuant marks markers with 0x80; quTAG counts them from 100. */
export function markerTest(format: DumpFormat): (code: number) => boolean {
  if (/^(ptu|ht|pt)/.test(format)) return (code) => code >= 0x80;
  if (format.startsWith("qutag")) return (code) => code >= 100;
  return () => false;
}

function summary(info: DumpInfo, counter: Collector, isMarker: (code: number) => boolean): Inspection {
  const channels: Record<string, number> = {};
  let markers = 0;
  counter.rates.totals().forEach((count, code) => {
    if (count > 0) channels[code] = count;
    if (isMarker(code)) markers += count;
  });
  const [first, last] = [counter.first, counter.last].map((event) => (event ? timePs(event, info) : 0n)) as [
    bigint,
    bigint,
  ];
  return {
    file: info.file,
    format: info.format,
    ...(info.recordType ? { recordType: info.recordType } : {}),
    records: info.records,
    events: counter.events,
    photons: counter.events - markers,
    markers,
    overflowRecords: info.overflowRecords,
    overflowPeriods: info.overflowPeriods,
    badRecords: info.badRecords,
    missedEvents: info.missedEvents,
    dummyRecords: info.dummyRecords,
    channels,
    firstPs: String(first),
    lastPs: String(last),
    durationPs: String(last - first),
    resolutionPs: info.resolutionPs,
    ...(info.packets ? { packets: info.packets } : {}),
    ...(info.dtimeResolutionPs === undefined ? {} : { dtimeResolutionPs: info.dtimeResolutionPs }),
    outOfOrderSteps: counter.outOfOrderSteps,
    warnings: info.warnings,
    ...(info.timeless ? {} : figuresOf(counter, info, isMarker)),
  };
}

function timePs(event: { base: bigint; tick: number; dtime: number }, info: DumpInfo): bigint {
  const ticks = event.base + BigInt(event.tick);
  const unit = BigInt(Math.round(info.resolutionPs * 1e12));
  const fine = Math.round(event.dtime * (info.dtimeResolutionPs ?? 0));
  return (ticks * unit) / 1_000_000_000_000n + BigInt(fine);
}

async function inspectPreparation(file: string, options: StoppableOptions): Promise<Inspection> {
  const record = await openStoppableRecord(file, options);
  try {
    const counts = new Float64Array(16);
    let pulses = 0;
    for await (const piece of untilStopped(record.pieces(), options.signal)) {
      for (const byte of piece) {
        counts[byte & 15]!++;
        counts[byte >> 4]!++;
      }
      pulses += piece.length * 2;
      options.onProgress?.(pulses / 2, record.growing ? undefined : record.pulses / 2);
    }
    const channels = Object.fromEntries(
      [...counts].map((count, code) => [code, count]).filter(([, count]) => count! > 0),
    );
    return {
      file,
      format: "preparation",
      records: pulses,
      events: pulses,
      photons: 0,
      markers: 0,
      overflowRecords: 0,
      overflowPeriods: 0,
      channels,
      preparation: preparationShares(counts, pulses),
      firstPs: "0",
      lastPs: "0",
      durationPs: "0",
      resolutionPs: 0,
      outOfOrderSteps: 0,
      warnings: [],
      ...interruption(options),
    };
  } finally {
    await record.close();
  }
}

/** The record's nibbles as the shares of what the source chose. */
function preparationShares(counts: Float64Array, pulses: number) {
  const share = (of: (nibble: number) => boolean) =>
    pulses > 0 ? counts.reduce((sum, n, nibble) => (of(nibble) ? sum + n : sum), 0) / pulses : 0;
  return {
    ones: share((nibble) => (nibble & 1) === 1),
    basisX: share((nibble) => (nibble & 2) === 2),
    intensities: [0, 1, 2, 3].map((index) => share((nibble) => nibble >> 2 === index)),
  };
}
