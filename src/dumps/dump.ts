/**
 * From native events to `TagBatch`: the one machinery behind every reader. A reader yields batches in the instrument's
 * ticks; times become picoseconds here, from exact integers, last of all (FORMATS.md 1.1).
 */
import { dumpError } from "./faults.js";
import type { Dump, DumpInfo, NativeBatch, TagBatch } from "./types.js";

/** Times in ps as a rational number of ticks: ps = tick · numerator / 10^12, exact for the base of a batch. */
export interface TimeScale {
  /** A tick (T3: a sync period) in units of 10^-12 ps = 10^-24 s. */
  readonly tick: bigint;
  /** T3: a dtime unit, ps. */
  readonly dtimePs?: number;
}

const unitsPerPs = 1_000_000_000_000n;

/** @param seconds of a tick, as float64 files say it: kept to 10^-24 s */
export function scaleOf(seconds: number, dtimeSeconds?: number): TimeScale {
  const scale = { tick: BigInt(Math.round(seconds * 1e24)) };
  return dtimeSeconds === undefined ? scale : { ...scale, dtimePs: dtimeSeconds * 1e12 };
}

/** A tick of so many ps, exactly; a fractional one to 10^-12 ps. */
export function scaleOfPs(ps: bigint | number): TimeScale {
  return { tick: typeof ps === "bigint" ? ps * unitsPerPs : BigInt(Math.round(ps * 1e12)) };
}

export class StreamDump implements Dump {
  constructor(
    readonly info: DumpInfo,
    private readonly source: { close(): Promise<void> },
    private readonly events: () => AsyncGenerator<NativeBatch>,
    private readonly scale: TimeScale,
  ) {}

  async *native(): AsyncGenerator<NativeBatch> {
    yield* this.events();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TagBatch> {
    if (this.info.timeless)
      throw dumpError("DUMP_NO_TIMES", this.info.file, `records of ${this.info.format} say no time`);
    for await (const batch of this.events()) yield* toPicoseconds(batch, this.scale);
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

/** Offsets of other ticks than 1 ps stay below this, where products with parts of a picosecond are still exact. */
const largestOffsetPs = 2 ** 46;

function* toPicoseconds(batch: NativeBatch, scale: TimeScale): Generator<TagBatch> {
  const { tick, code, length, gapBefore } = batch;
  if (length === 0) return;
  if (scale.tick === unitsPerPs && !batch.dtime) {
    const base = batch.base + (batch.wrapped ?? 0n);
    yield { base, dt: tick.slice(0, length), channel: code.slice(0, length), length, gapBefore };
    return;
  }
  for (let from = 0; from < length; ) {
    const part = scaled(batch, from, scale);
    yield part;
    from += part.length;
  }
}

/** The events from `from` on as far as they are close to the first, or to the batch's base where that is close. */
function scaled(batch: NativeBatch, from: number, { tick: unit, dtimePs = 0 }: TimeScale): TagBatch {
  const { tick, dtime, code, length } = batch;
  const perTick = Number(unit) / 1e12;
  const span = largestOffsetPs / Math.max(1, perTick);
  const anchor = from === 0 && Math.abs(tick[0]!) < span / 2 ? 0 : tick[from]!;
  const units = (batch.base + (batch.wrapped ?? 0n) + BigInt(anchor)) * unit;
  const half = Number(units % unitsPerPs) / 1e12 + 0.5;
  const dt = new Float64Array(length - from);
  let i = from;
  for (; i < length; i++) {
    const offset = tick[i]! - anchor;
    if (offset >= span || offset <= -span) break;
    dt[i - from] = Math.floor(half + offset * perTick + (dtime ? dtime[i]! * dtimePs : 0));
  }
  return {
    base: units / unitsPerPs,
    dt: i === length ? dt : dt.slice(0, i - from),
    channel: code.slice(from, i),
    length: i - from,
    gapBefore: from === 0 && batch.gapBefore,
  };
}

export function newInfo(format: DumpInfo["format"], file: string, resolutionPs: number): DumpInfo {
  return {
    format,
    file,
    resolutionPs,
    records: 0,
    overflowRecords: 0,
    overflowPeriods: 0,
    badRecords: 0,
    missedEvents: 0,
    dummyRecords: 0,
    warnings: [],
  };
}
