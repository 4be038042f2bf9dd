/**
 * A dump's events by detector: channels become indices into the end's detector list, the clock channel its own index,
 * everything else is left out and counted. Small steps back in file order are put right.
 */
import type { TagBatch } from "../dumps/types.js";
import { QkdError } from "../errors.js";
import type { Link } from "../link.js";

/** Index of the source's clock among detector indices. */
export const clockIndex = 255;

/** Sorted events; `dt` ps after `base`. */
export interface DetectorBatch {
  readonly base: bigint;
  readonly dt: Float64Array;
  readonly detector: Uint8Array;
  readonly gapBefore: boolean;
}

/** Steps back up to this are put right across batches; real instruments write a clock up to ~0.1 µs late. */
const reorderPs = 1_000_000;

/**
 * A batch ends after so many events or so much clock time, whatever pieces the dump came in: what timing makes of it, and
 * what it discloses, depends on the dump alone, also where it still grows; and nothing waits longer than that.
 */
const batchEvents = 16_384;
const batchPs = 1e12;

/** An end's events, with as much read ahead as acquisition asks for; nothing read ahead is lost. */
export class EventStream {
  /** Events of named detectors read so far, the clock's left out. */
  detections = 0;
  /** Channels that the link does not name, by count. */
  readonly unnamed = new Map<number, number>();
  private readonly perIndex = new Map<number, number>();
  private readonly ahead: DetectorBatch[] = [];
  private readonly batches: AsyncIterator<DetectorBatch>;
  private ended = false;

  constructor(
    events: AsyncIterable<TagBatch>,
    private readonly end: Link["alice"],
    /** The end's name, where its dump is followed while it is written. */
    private readonly followed?: string,
  ) {
    this.batches = sorted(this.named(events))[Symbol.asyncIterator]();
  }

  get growing(): boolean {
    return this.followed !== undefined;
  }

  /** Reads until `enough` says so of what is ahead, or the dump ends. */
  async readAhead(enough: (ahead: readonly DetectorBatch[]) => boolean): Promise<readonly DetectorBatch[]> {
    while (!this.ended && !enough(this.ahead)) {
      const next = await this.batches.next();
      if (next.done) this.ended = true;
      else this.ahead.push(next.value);
    }
    return this.ahead;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DetectorBatch> {
    for (;;) {
      const next = this.ahead.shift();
      if (next) yield next;
      else if (this.ended) return;
      else await this.readAhead((ahead) => ahead.length > 0);
    }
  }

  /**
   * Once enough was read: do the dump's channels fit the description?
   * @throws QkdError LINK_CHANNEL_UNKNOWN
   */
  checkChannels(name: string): void {
    const wanted = (this.end.detectors ?? []).map(({ channel }) => channel);
    const silent = wanted.filter((_, index) => !this.perIndex.get(index));
    const others = [...this.unnamed.keys()].filter((channel) => channel < 0x80);
    if (silent.length === 0 || others.length === 0) return;
    throw new QkdError(
      "LINK_CHANNEL_UNKNOWN",
      `${name}: the dump has events on channels ${others.join(", ")}, which the link does not name, and none on ` +
        `${silent.join(", ")}, which it does. Correct the detectors' channels (quTAG binary counts from 0).`,
      { end: name, unnamed: others, silent },
    );
  }

  private async *named(events: AsyncIterable<TagBatch>): AsyncGenerator<DetectorBatch> {
    const index = new Int16Array(256).fill(-1);
    (this.end.detectors ?? []).forEach(({ channel }, i) => {
      index[channel] = i;
    });
    if (this.end.clockChannel) index[this.end.clockChannel.channel] = clockIndex;
    let draft = new Draft(index);
    let gap = false;
    const take = (): DetectorBatch => {
      this.count(draft.perCode, index);
      const done = draft.batch(gap);
      draft = new Draft(index);
      gap = false;
      return done;
    };
    for await (const batch of events) {
      if (batch.gapBefore) {
        if (draft.length > 0) yield take();
        gap = true;
      }
      for (let from = draft.add(batch, 0); from < batch.length; from = draft.add(batch, from)) yield take();
      // Of a dump without end nobody would ever tell.
      if (this.followed && this.perIndex.size === 0 && draft.isOfStrangers) {
        this.count(draft.perCode, index);
        draft = new Draft(index);
        this.checkChannels(this.followed);
      }
    }
    if (draft.length > 0) yield take();
    else this.count(draft.perCode, index);
  }

  private count(perCode: Float64Array, index: Int16Array): void {
    perCode.forEach((count, code) => {
      if (count === 0) return;
      const at = index[code]!;
      if (at < 0) this.unnamed.set(code, (this.unnamed.get(code) ?? 0) + count);
      else this.perIndex.set(at, (this.perIndex.get(at) ?? 0) + count);
      if (at >= 0 && at !== clockIndex) this.detections += count;
    });
  }
}

class Draft {
  length = 0;
  readonly perCode = new Float64Array(256);
  private base = 0n;
  private readonly dt = new Float64Array(batchEvents);
  private readonly detector = new Uint8Array(batchEvents);

  constructor(private readonly index: Int16Array) {}

  /** @returns the first event that belongs to the next batch, or the piece's length */
  add({ base, dt, channel, length }: TagBatch, from: number): number {
    const { index, perCode, detector } = this;
    const own = this.dt;
    let n = this.length;
    let i = from;
    if (n === 0) {
      while (i < length && index[channel[i]!]! < 0) perCode[channel[i++]!]!++;
      if (i === length) return length;
      this.base = base + BigInt(Math.floor(dt[i]!));
    }
    const shift = Number(base - this.base);
    for (; i < length; i++) {
      const code = channel[i]!;
      const at = index[code]!;
      if (at >= 0) {
        const t = shift + dt[i]!;
        if (n === batchEvents || t >= batchPs) break;
        own[n] = t;
        detector[n++] = at;
      }
      perCode[code]!++;
    }
    this.length = n;
    return i;
  }

  /** So many events, and none of a named detector. */
  get isOfStrangers(): boolean {
    return this.length === 0 && this.perCode.reduce((sum, count) => sum + count) >= batchEvents;
  }

  batch(gapBefore: boolean): DetectorBatch {
    const { base, dt, detector, length } = this;
    return { base, dt: dt.subarray(0, length), detector: detector.subarray(0, length), gapBefore };
  }
}

/** Puts small steps back right: events of the last microsecond wait for the next batch. */
async function* sorted(batches: AsyncIterable<DetectorBatch>): AsyncGenerator<DetectorBatch> {
  let held: DetectorBatch | undefined;
  for await (const batch of batches) {
    const joined = insertionSort(held && !batch.gapBefore ? join(held, batch) : batch);
    if (held && batch.gapBefore) yield held;
    const { dt } = joined;
    let cut = dt.length;
    const border = (dt[dt.length - 1] ?? 0) - reorderPs;
    while (cut > 0 && dt[cut - 1]! > border) cut--;
    held = part(joined, cut, dt.length, false);
    if (cut > 0) yield part(joined, 0, cut, joined.gapBefore);
    else held = { ...held, gapBefore: joined.gapBefore };
  }
  if (held && held.dt.length > 0) yield held;
}

function part(batch: DetectorBatch, from: number, to: number, gapBefore: boolean): DetectorBatch {
  return { base: batch.base, dt: batch.dt.subarray(from, to), detector: batch.detector.subarray(from, to), gapBefore };
}

/** Counted from the later one's base: a time of days from the first one's would not be exact. */
function join(a: DetectorBatch, b: DetectorBatch): DetectorBatch {
  const shift = Number(a.base - b.base);
  const dt = new Float64Array(a.dt.length + b.dt.length);
  for (let i = 0; i < a.dt.length; i++) dt[i] = a.dt[i]! + shift;
  dt.set(b.dt, a.dt.length);
  const detector = new Uint8Array(dt.length);
  detector.set(a.detector);
  detector.set(b.detector, a.detector.length);
  return { base: b.base, dt, detector, gapBefore: a.gapBefore };
}

/** Stable; linear on what is nearly sorted. A batch far out of order falls back to a full sort. */
function insertionSort(batch: DetectorBatch): DetectorBatch {
  const { dt, detector } = batch;
  let moves = 0;
  for (let i = 1; i < dt.length; i++) {
    const t = dt[i]!;
    if (t >= dt[i - 1]!) continue;
    const d = detector[i]!;
    let j = i;
    while (j > 0 && dt[j - 1]! > t) {
      dt[j] = dt[j - 1]!;
      detector[j] = detector[--j]!;
    }
    dt[j] = t;
    detector[j] = d;
    moves += i - j;
    if (moves > 64 * dt.length + 4096) return fullSort(batch);
  }
  return batch;
}

function fullSort(batch: DetectorBatch): DetectorBatch {
  const order = Uint32Array.from(batch.dt, (_, i) => i).sort((a, b) => batch.dt[a]! - batch.dt[b]! || a - b);
  return {
    ...batch,
    dt: Float64Array.from(order, (i) => batch.dt[i]!),
    detector: Uint8Array.from(order, (i) => batch.detector[i]!),
  };
}

/** Detections of several batches, ps after `origin` and not before it; the clock channel is left out. */
export function collect(
  batches: readonly DetectorBatch[],
  origin: bigint,
): { times: Float64Array; detector: Uint8Array } {
  const size = batches.reduce((sum, { dt }) => sum + dt.length, 0);
  const times = new Float64Array(size);
  const detector = new Uint8Array(size);
  let n = 0;
  for (const batch of batches) {
    const shift = Number(batch.base - origin);
    for (let i = 0; i < batch.dt.length; i++) {
      if (batch.detector[i] === clockIndex) continue;
      detector[n] = batch.detector[i]!;
      times[n++] = shift + batch.dt[i]!;
    }
  }
  const from = lowerBound(times.subarray(0, n), 0);
  return { times: times.subarray(from, n), detector: detector.subarray(from, n) };
}

export function spanPs(batches: readonly DetectorBatch[]): number {
  const [first, last] = [batches[0], batches[batches.length - 1]];
  return first && last ? Number(last.base - first.base) + last.dt[last.dt.length - 1]! - first.dt[0]! : 0;
}

export function endsAfter(batches: readonly DetectorBatch[], time: bigint): boolean {
  const last = batches[batches.length - 1];
  return last !== undefined && last.base + BigInt(last.dt[last.dt.length - 1] ?? 0) > time;
}

/** First index whose value is not below `value`. */
export function lowerBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
