/** One dump's events in another format, streaming; what the other format cannot hold is named, not passed over. */
import type { Readable } from "node:stream";
import { QkdError } from "../errors.js";
import { inOrder } from "./order.js";
import { openStoppable, type StoppableOptions, untilStopped } from "./stoppable.js";
import type { DumpFormat, DumpWarning, TagBatch } from "./types.js";
import { createDumpWriter } from "./write/writer.js";

export interface Conversion {
  readonly from: { readonly file: string; readonly format: DumpFormat; readonly events: number };
  readonly to: { readonly file: string; readonly format: DumpFormat; readonly events: number; readonly bytes: number };
  /** What was lost, each with the number of events (or places) concerned. */
  readonly losses: readonly { readonly what: string; readonly count: number }[];
  readonly warnings: readonly DumpWarning[];
}

/** @throws QkdError FILE_UNREADABLE, FILE_WRITE_FAILED, DUMP_*, INTERRUPTED */
export async function convertDump(
  input: string | Readable,
  output: string,
  format: string,
  options: StoppableOptions = {},
): Promise<Conversion> {
  const dump = await openStoppable(input, options);
  try {
    const writer = await createDumpWriter(output, format);
    try {
      let gaps = 0;
      const steps = { back: 0 };
      for await (const batch of inOrder(counted(untilStopped(dump, options.signal), steps))) {
        if (batch.gapBefore) gaps++;
        await writer.append(batch);
      }
      if (options.signal?.aborted)
        throw new QkdError("INTERRUPTED", `Stopped; ${output} was not written, what was begun of it is removed.`);
      await writer.commit();
      const { info } = dump;
      const losses = [...writer.losses].map(([what, count]) => ({ what, count }));
      const name = (what: string, count: number) => count > 0 && losses.push({ what, count });
      name("steps back in time: events up to 1 µs late were put in order", steps.back);
      name(`lost data between events is not marked in ${format}`, gaps);
      name("events that the instrument reported as missed are not counted", info.missedEvents);
      if (info.dtimeResolutionPs !== undefined)
        name("sync numbers and delays became times by the header's mean sync period", writer.events);
      else if (!Number.isInteger(info.resolutionPs)) name("times were rounded to picoseconds", writer.events);
      const dropped = [...writer.losses].filter(([what]) => what.endsWith("events left out"));
      const left = dropped.reduce((sum, [, count]) => sum + count, 0);
      return {
        from: { file: info.file, format: info.format, events: writer.events },
        to: { file: output, format: writer.format, events: writer.events - left, bytes: writer.bytes },
        losses,
        warnings: info.warnings,
      };
    } catch (error) {
      await writer.discard();
      throw error;
    }
  } finally {
    await dump.close();
  }
}

async function* counted(batches: AsyncIterable<TagBatch>, steps: { back: number }): AsyncGenerator<TagBatch> {
  let previous: { base: bigint; dt: number } | undefined;
  for await (const batch of batches) {
    const { base, dt, length } = batch;
    let before = previous ? Number(previous.base - base) + previous.dt : Number.NEGATIVE_INFINITY;
    for (let i = 0; i < length; i++) {
      if (dt[i]! < before) steps.back++;
      before = dt[i]!;
    }
    previous = { base, dt: before };
    yield batch;
  }
}
