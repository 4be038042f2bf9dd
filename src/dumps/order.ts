/**
 * Small steps back put right, stably: instruments write some events a fraction of a microsecond late (FORMATS.md 3, 5).
 * Events of the last `windowPs` wait for the next batch. Later ones than that stay where they are.
 */
import type { TagBatch } from "./types.js";

interface Held {
  base: bigint;
  dt: Float64Array;
  channel: Uint8Array;
  gapBefore: boolean;
}

export async function* inOrder(batches: AsyncIterable<TagBatch>, windowPs = 1_000_000): AsyncGenerator<TagBatch> {
  let held: Held | undefined;
  for await (const batch of batches) {
    // Lost data is a border: nothing is sorted across it, nor across what float64 cannot hold.
    const far = held && !Number.isSafeInteger(Number(batch.base - held.base) * 2);
    if (held && (batch.gapBefore || far)) {
      yield* all(held);
      held = undefined;
    }
    const joined: Held = held ? join(held, batch) : { ...batch, dt: batch.dt.slice(), channel: batch.channel.slice() };
    sort(joined.dt, joined.channel);
    const { dt, channel, base, gapBefore } = joined;
    let cut = dt.length;
    const border = (dt[dt.length - 1] ?? 0) - windowPs;
    while (cut > 0 && dt[cut - 1]! > border) cut--;
    if (cut > 0) yield { base, dt: dt.slice(0, cut), channel: channel.slice(0, cut), length: cut, gapBefore };
    held = { base, dt: dt.slice(cut), channel: channel.slice(cut), gapBefore: gapBefore && cut === 0 };
  }
  if (held) yield* all(held);
}

function* all({ base, dt, channel, gapBefore }: Held): Generator<TagBatch> {
  if (dt.length > 0) yield { base, dt, channel, length: dt.length, gapBefore };
}

function join(held: Held, batch: TagBatch): Held {
  const shift = Number(held.base - batch.base);
  const dt = new Float64Array(held.dt.length + batch.length);
  for (let i = 0; i < held.dt.length; i++) dt[i] = held.dt[i]! + shift;
  dt.set(batch.dt.subarray(0, batch.length), held.dt.length);
  const channel = new Uint8Array(dt.length);
  channel.set(held.channel);
  channel.set(batch.channel.subarray(0, batch.length), held.dt.length);
  return { base: batch.base, dt, channel, gapBefore: held.gapBefore };
}

/** Insertion, linear on what is nearly sorted; far out of order a merge sort by index takes over. */
function sort(dt: Float64Array, channel: Uint8Array): void {
  let moves = 0;
  for (let i = 1; i < dt.length; i++) {
    const t = dt[i]!;
    if (t >= dt[i - 1]!) continue;
    const code = channel[i]!;
    let j = i;
    for (; j > 0 && dt[j - 1]! > t; j--) {
      dt[j] = dt[j - 1]!;
      channel[j] = channel[j - 1]!;
    }
    dt[j] = t;
    channel[j] = code;
    moves += i - j;
    if (moves > 64 * dt.length) break;
  }
  if (moves <= 64 * dt.length) return;
  const order = Uint32Array.from(dt, (_, i) => i).sort((a, b) => dt[a]! - dt[b]! || a - b);
  dt.set(Float64Array.from(order, (i) => dt[i]!));
  channel.set(Uint8Array.from(order, (i) => channel[i]!));
}
