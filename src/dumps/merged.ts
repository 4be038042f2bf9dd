/**
 * One dump of several files, a file per detector (plain u64, ID Quantique's u64, tables without channels): events of file
 * k get code k and come in order of time, of equal times the lower file's first. A step back inside a file stays the step
 * back that it is, as nothing else is earlier then. One batch of each file is held.
 */
import { stat } from "node:fs/promises";
import { QkdError } from "../errors.js";
import { newInfo, StreamDump, scaleOfPs } from "./dump.js";
import { dumpError } from "./faults.js";
import { openDump } from "./open.js";
import { type EventBuffer, eventsPerBatch, handOver, newEventBuffer } from "./records.js";
import type { Dump, DumpInfo, NativeBatch, OpenOptions, TagBatch } from "./types.js";

/** Past this from the base, ps, a new batch begins. */
const reach = 2 ** 51;
/** Codes from 0x80 on are markers. */
const mostFiles = 0x80;

/**
 * @param files in the order of their channel codes, all of one format
 * @throws QkdError USAGE_INVALID, LINK_CHANNEL_UNKNOWN where a file has channels of its own, FILE_UNREADABLE, DUMP_*
 */
export async function openMerged(files: readonly string[], options: Omit<OpenOptions, "follow"> = {}): Promise<Dump> {
  if (files.length === 0 || files.length > mostFiles)
    throw new QkdError("USAGE_INVALID", `A dump is of 1 to ${mostFiles} files; these are ${files.length}.`, { files });
  const dumps: Dump[] = [];
  const close = async () => {
    for (const dump of dumps) await dump.close();
  };
  const progress = new Progress(files, options.onProgress);
  try {
    for (const [k, file] of files.entries()) dumps.push(await openDump(file, { ...options, ...progress.of(k) }));
    await progress.begin();
    const infos = dumps.map((dump) => dump.info);
    const { format, dtimeResolutionPs } = infos[0]!;
    const other = infos.find((info) => info.format !== format);
    if (other)
      throw dumpError(
        "DUMP_BAD_MAGIC",
        other.file,
        `this is ${other.format}, but ${files[0]} is ${format}; give one kind`,
      );
    const info = {
      ...newInfo(format, files.join(", "), 1),
      // Who refuses T3 recordings refuses them here, too.
      ...(dtimeResolutionPs === undefined ? {} : { dtimeResolutionPs }),
    };
    return new StreamDump(info, { close }, () => merged(dumps, infos, info), scaleOfPs(1n));
  } catch (error) {
    await close();
    throw error;
  }
}

async function* merged(
  dumps: readonly Dump[],
  infos: readonly DumpInfo[],
  info: DumpInfo,
): AsyncGenerator<NativeBatch> {
  const files = dumps.map((dump) => new SingleChannel(dump));
  const heads = new Float64Array(files.length);
  const out = newEventBuffer();
  const readOn = async (k: number) => {
    await files[k]!.read();
    addUp(infos, info);
  };
  for (const k of files.keys()) await readOn(k);
  for (;;) {
    const times = files.flatMap(({ time }) => time ?? []);
    if (times.length === 0) return;
    out.base = times.sort((a, b) => (a < b ? -1 : 1))[0]!;
    files.forEach((file, k) => {
      heads[k] = file.countFrom(out.base);
    });
    for (let k = fill(files, heads, out); k !== undefined; k = fill(files, heads, out)) {
      await readOn(k);
      heads[k] = files[k]!.countFrom(out.base);
    }
    yield* handOver(out);
  }
}

/** Moves events into `out`. @returns the file that is to be read on, or none where `out` is to be handed on */
function fill(files: readonly SingleChannel[], heads: Float64Array, out: EventBuffer): number | undefined {
  const { tick, code } = out;
  for (let { length } = out; ; ) {
    let first = 0;
    let head = heads[0]!;
    for (let k = 1; k < heads.length; k++) {
      if (heads[k]! >= head) continue;
      first = k;
      head = heads[k]!;
    }
    const file = files[first]!;
    if (length === eventsPerBatch || head > reach || head < -reach || (file.gapBefore && length > 0)) {
      out.length = length;
      return undefined;
    }
    if (file.gapBefore) {
      out.gapBefore = true;
      file.gapBefore = false;
    }
    tick[length] = head;
    code[length++] = first;
    heads[first] = file.next();
    if (file.isRead) {
      out.length = length;
      return first;
    }
  }
}

class SingleChannel {
  gapBefore = false;
  private readonly batches: AsyncIterator<TagBatch>;
  private dt: Float64Array = new Float64Array(0);
  private base = 0n;
  private at = 0;
  /** The event that others are counted from: its place in the batch's own count, and in that of the merged one. */
  private from = 0;
  private origin = 0;

  constructor(private readonly dump: Dump) {
    this.batches = dump[Symbol.asyncIterator]();
  }

  /** All of the batch is taken. */
  get isRead(): boolean {
    return this.at === this.dt.length;
  }

  /** Of the next event; none once the file has ended. */
  get time(): bigint | undefined {
    return this.isRead ? undefined : this.base + BigInt(this.dt[this.at]!);
  }

  /** @throws QkdError LINK_CHANNEL_UNKNOWN and as the file's reader */
  async read(): Promise<void> {
    const { value } = (await this.batches.next()) as IteratorResult<TagBatch, undefined>;
    this.at = 0;
    this.dt = value ? value.dt.subarray(0, value.length) : new Float64Array(0);
    if (!value) return;
    this.base = value.base;
    this.gapBefore = value.gapBefore;
    const { channel, length } = value;
    for (let i = 0; i < length; i++) if (channel[i] !== 0) this.refuse(channel[i]!);
  }

  /** @returns the next event's time after `base`, exact within reach; Infinity once the file has ended */
  countFrom(base: bigint): number {
    const { time } = this;
    if (time === undefined) return Infinity;
    this.from = this.dt[this.at]!;
    this.origin = Number(time - base);
    return this.origin;
  }

  /** Leaves an event behind. @returns as `countFrom`, as far as the batch goes */
  next(): number {
    this.at++;
    return this.isRead ? Infinity : this.origin + (this.dt[this.at]! - this.from);
  }

  private refuse(code: number): never {
    const { file } = this.dump.info;
    throw new QkdError(
      "LINK_CHANNEL_UNKNOWN",
      `${file} has events on channel ${code}; of several files each is one detector's, told by its place among them, ` +
        "and has channel 0 alone. Give a dump with channels of its own as the only file.",
      { file, channel: code },
    );
  }
}

/** Takes over what the files' readers have counted so far; the list of warnings stays the same one. */
function addUp(infos: readonly DumpInfo[], info: DumpInfo): void {
  for (const count of [
    "records",
    "overflowRecords",
    "overflowPeriods",
    "badRecords",
    "missedEvents",
    "dummyRecords",
  ] as const)
    info[count] = infos.reduce((sum, one) => sum + one[count], 0);
  const warnings = infos.flatMap(({ file, warnings: own }) =>
    own.map((warning) => ({ ...warning, message: `${file}: ${warning.message}` })),
  );
  info.warnings.splice(0, info.warnings.length, ...warnings);
}

/** Bytes read of all files, of all their bytes. */
class Progress {
  private readonly done: number[];
  private total: number | undefined;

  constructor(
    private readonly files: readonly string[],
    private readonly tell: OpenOptions["onProgress"],
  ) {
    this.done = files.map(() => 0);
  }

  /** Once the files are known to be there. */
  async begin(): Promise<void> {
    const stats = await Promise.all(this.files.map((file) => stat(file)));
    if (stats.every((one) => one.isFile())) this.total = stats.reduce((sum, { size }) => sum + size, 0);
  }

  of(k: number): Pick<OpenOptions, "onProgress"> {
    const { tell, done } = this;
    if (!tell) return {};
    const onProgress = (bytes: number) => {
      done[k] = bytes;
      tell(
        done.reduce((sum, one) => sum + one),
        this.total,
      );
    };
    return { onProgress };
  }
}
