/** A dump under construction: events in, an instrument's file out, under its name only once it is whole. */
import { QkdError } from "../../errors.js";
import { count, type Encoder, type EventBatch } from "./encoder.js";
import { encoders, type WritableFormat, writableFormats } from "./encoders.js";
import { OutputFile } from "./output-file.js";

export interface DumpWriter {
  readonly format: WritableFormat;
  /** Events handed over so far, those that the format could not hold included. */
  readonly events: number;
  readonly bytes: number;
  /** What the format could not hold, by name, with counts. */
  readonly losses: ReadonlyMap<string, number>;
  append(batch: EventBatch): Promise<void>;
  /** Completes the header, syncs, and gives the file its name. */
  commit(): Promise<void>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

/** @throws QkdError DUMP_FORMAT_UNSUPPORTED, FILE_WRITE_FAILED */
export async function createDumpWriter(path: string, format: string, software = "qkd-distill"): Promise<DumpWriter> {
  const known = writableFormats.find((name) => name === format);
  if (!known)
    throw new QkdError(
      "DUMP_FORMAT_UNSUPPORTED",
      `${path}: there is no writer for format ${format}, only for ${writableFormats.join(", ")}`,
      { file: path, format },
    );
  const file = await OutputFile.create(path);
  const encoder = encoders[known](software);
  await file.write(encoder.header());
  return new FileWriter(known, file, encoder);
}

class FileWriter implements DumpWriter {
  events = 0;
  constructor(
    readonly format: WritableFormat,
    private readonly file: OutputFile,
    private readonly encoder: Encoder,
  ) {}

  get bytes(): number {
    return this.file.bytes;
  }

  get losses(): ReadonlyMap<string, number> {
    return this.encoder.losses;
  }

  async append(batch: EventBatch): Promise<void> {
    this.events += batch.length;
    const held = within(batch, this.encoder);
    if (held.length < batch.length)
      count(this.encoder.losses, "times that the format cannot hold: events left out", batch.length - held.length);
    await this.file.write(this.encoder.encode(held));
  }

  async commit(): Promise<void> {
    const patch = this.encoder.finish?.(this.file.bytes);
    if (patch) await this.file.write(patch.bytes, patch.at);
    await this.file.commit();
  }

  discard(): Promise<void> {
    return this.file.discard();
  }
}

function within(batch: EventBatch, { holds: { from, to } }: Encoder): EventBatch {
  const { base, dt, channel, length } = batch;
  let [low, high] = [0, 0];
  for (let i = 0; i < length; i++) {
    low = Math.min(low, dt[i]!);
    high = Math.max(high, dt[i]!);
  }
  if (base + BigInt(low) >= from && base + BigInt(high) < to) return batch;
  const kept: number[] = [];
  for (let i = 0; i < length; i++) {
    const time = base + BigInt(dt[i]!);
    if (time >= from && time < to) kept.push(i);
  }
  return {
    base: kept.length > 0 ? base : 0n,
    dt: Float64Array.from(kept, (i) => dt[i]!),
    channel: Uint8Array.from(kept, (i) => channel[i]!),
    length: kept.length,
  };
}
