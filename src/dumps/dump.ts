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

/** A tick of so many ps, exactly. */
export function scaleOfPs(ps: bigint): TimeScale {
  return { tick: ps * unitsPerPs };
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

/** Offsets stay below 2^52 ps, where float64 holds every integer: a batch that spans more is cut. */
const largestOffsetPs = 2 ** 52;

function* toPicoseconds(batch: NativeBatch, scale: TimeScale): Generator<TagBatch> {
  const perTick = Number(scale.tick) / 1e12;
  const { tick, length } = batch;
  const span = largestOffsetPs / Math.max(1, perTick);
  for (let from = 0; from < length; ) {
    // Within the first tick's reach whatever the batch's own base is.
    const anchor = from === 0 && Math.abs(tick[0]!) < span / 2 ? 0 : tick[from]!;
    let to = from + 1;
    while (to < length && Math.abs(tick[to]! - anchor) < span) to++;
    yield part(batch, from, to, anchor, scale, perTick);
    from = to;
  }
}

function part(batch: NativeBatch, from: number, to: number, anchor: number, scale: TimeScale, perTick: number) {
  const units = (batch.base + (batch.wrapped ?? 0n) + BigInt(anchor)) * scale.tick;
  const base = units / unitsPerPs;
  const rest = Number(units % unitsPerPs) / 1e12;
  const dt = new Float64Array(to - from);
  const { tick, dtime } = batch;
  const half = rest + 0.5;
  if (dtime) {
    const perDtime = scale.dtimePs ?? 0;
    for (let i = 0; i < dt.length; i++)
      dt[i] = Math.floor(half + (tick[from + i]! - anchor) * perTick + dtime[from + i]! * perDtime);
  } else if (perTick === 1 && rest === 0 && anchor === 0) dt.set(tick.subarray(from, to));
  else for (let i = 0; i < dt.length; i++) dt[i] = Math.floor(half + (tick[from + i]! - anchor) * perTick);
  const gapBefore = from === 0 && batch.gapBefore;
  return { base, dt, channel: batch.code.slice(from, to), length: dt.length, gapBefore };
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
