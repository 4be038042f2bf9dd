/**
 * From native events to `TagBatch`: the one machinery behind every reader. A reader yields batches in the instrument's
 * ticks; times become picoseconds here, from exact integers, last of all (FORMATS.md 1.1).
 */
import type { ByteSource } from "./source.js";
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
    private readonly source: ByteSource,
    private readonly events: () => AsyncGenerator<NativeBatch>,
    private readonly scale: TimeScale,
  ) {}

  async *native(): AsyncGenerator<NativeBatch> {
    yield* this.events();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TagBatch> {
    for await (const batch of this.events()) if (batch.length > 0) yield toPicoseconds(batch, this.scale);
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

function toPicoseconds(batch: NativeBatch, scale: TimeScale): TagBatch {
  const units = batch.base * scale.tick;
  const base = units / unitsPerPs;
  const rest = Number(units % unitsPerPs) / 1e12;
  const perTick = Number(scale.tick) / 1e12;
  const dt = new Float64Array(batch.length);
  const { tick, dtime } = batch;
  if (dtime) {
    const perDtime = scale.dtimePs ?? 0;
    for (let i = 0; i < dt.length; i++) dt[i] = Math.round(rest + tick[i]! * perTick + dtime[i]! * perDtime);
  } else if (perTick === 1 && rest === 0) dt.set(tick.subarray(0, batch.length));
  else for (let i = 0; i < dt.length; i++) dt[i] = Math.round(rest + tick[i]! * perTick);
  return { base, dt, channel: batch.code.slice(0, batch.length), length: batch.length, gapBefore: batch.gapBefore };
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
