/** What a raw dump looks like to everything after it: one stream of batches of events (CONTRACT.md, "Library"). */

export const dumpFormats = [
  "ptu",
  "ht2",
  "ht3",
  "pt2",
  "pt3",
  "qutag",
  "qutag_raw",
  "qutag_csv",
  "swabian16",
  "a0",
  "a1",
  "a1X",
  "a2",
  "qcrypto_T1",
  "qcrypto_T2",
  "qcrypto_T3",
  "qcrypto_T4",
  "csv",
  "u64",
  "idq_u64",
  "idq_pairs",
  "parquet",
  "hdf5",
  "preparation",
] as const;
export type DumpFormat = (typeof dumpFormats)[number];

export type TimeUnit = "ps" | "ns" | "s";

/** Fresh arrays each time: the consumer owns them. Events in file order. */
export interface TagBatch {
  /** Time that `dt` counts from, ps. */
  readonly base: bigint;
  /** Whole picoseconds after `base`, exact (below 2^53 in size; negative after a step back). */
  readonly dt: Float64Array;
  /** Channel codes as FORMATS.md defines them; 0x80 | bits for markers. */
  readonly channel: Uint8Array;
  readonly length: number;
  /** Events were lost before the first one. */
  readonly gapBefore: boolean;
}

/** Events in the instrument's own ticks, for digests and statistics. Arrays are reused: read before the next one. */
export interface NativeBatch {
  /** Tick that `tick` counts from. */
  readonly base: bigint;
  readonly tick: Float64Array;
  readonly code: Uint8Array;
  /** T3 only: time after the sync, in units of the histogram resolution. */
  readonly dtime?: Uint16Array;
  readonly length: number;
  readonly gapBefore: boolean;
  /** Ticks to add for a time that does not wrap (S-Fifteen: 2^54 a wrap); digests are of the time without it. */
  readonly wrapped?: bigint;
}

/** qcrypto: a packet of the chain. */
export interface PacketInfo {
  readonly epoch: number;
  readonly entries: number;
}

export interface DumpWarning {
  /** `DUMP_…` as in FORMATS.md 8. */
  readonly code: string;
  readonly message: string;
  /** Byte at which it was seen. */
  readonly offset?: number;
  readonly record?: number;
  readonly line?: number;
}

/** Counts grow while the dump is read; whole once it has ended. */
export interface DumpInfo {
  readonly format: DumpFormat;
  readonly file: string;
  /** Duration of a tick, ps; T3: of a sync period. */
  readonly resolutionPs: number;
  /** T3: of a dtime unit, ps. */
  readonly dtimeResolutionPs?: number;
  readonly recordType?: string;
  records: number;
  overflowRecords: number;
  overflowPeriods: number;
  badRecords: number;
  /** Where the first of them is. */
  firstBad?: { readonly record: number; readonly offset: number };
  missedEvents: number;
  dummyRecords: number;
  /** qcrypto: packets read so far. */
  readonly packets?: PacketInfo[];
  /** The records say no time (qcrypto T3, T4): ticks are positions, and iteration as `TagBatch` is refused. */
  readonly timeless?: boolean;
  readonly warnings: DumpWarning[];
}

export interface Dump extends AsyncIterable<TagBatch> {
  readonly info: DumpInfo;
  /** Events in native ticks; a dump is read once, by this or by iteration. */
  native(): AsyncGenerator<NativeBatch>;
  close(): Promise<void>;
}

export interface Follow {
  readonly idleSeconds: number;
  readonly signal?: AbortSignal;
  /** The signal is no end of the file: who waits for more is told INTERRUPTED. */
  readonly signalFails?: boolean;
}

export interface OpenOptions {
  /** `auto` (default): by content. */
  readonly format?: DumpFormat | "auto";
  /** Warnings of class `warn_or_error` become errors. */
  readonly strict?: boolean;
  /** CSV: the columns' meaning in order (`time`, `channel`, others skipped); Parquet, HDF5: names of the two columns. */
  readonly columns?: readonly string[];
  /** Unit of the times of formats that do not say it. */
  readonly unit?: TimeUnit;
  /** qutag, qutag_raw, u64: ps of a tick where it is not 1 (quTAU: 80.955, which the file does not say). */
  readonly tickPs?: number;
  /** The file still grows: it ends once it has been quiet for so many seconds, or when the signal says so. */
  readonly follow?: Follow;
  /** idq_pairs: period of the reference channel, ps. */
  readonly referencePeriodPs?: number;
  /** Bytes read and, where known, bytes in all. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}
