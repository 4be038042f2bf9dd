/**
 * Writes a simulated tagger's events as an instrument's file, streaming. Codes are the canonical ones of FORMATS.md
 * (what `inspect` prints and the link description names); times are whole picoseconds from the start of the tagger.
 */
import { createDumpWriter, type DumpWriter } from "../dumps/write/writer.js";
import { QkdError } from "../errors.js";

export { OutputFile } from "../dumps/write/output-file.js";

export const writableFormats = ["ptu", "qutag", "swabian16", "u64", "csv"] as const;
export type WritableFormat = (typeof writableFormats)[number];

/** @throws QkdError LINK_CONFIG_INVALID for a format that cannot be written, or codes that it cannot hold */
export function writableFormat(format: string, codes: readonly number[], field: string): WritableFormat {
  const known = writableFormats.find((name) => name === format);
  if (!known)
    throw new QkdError(
      "LINK_CONFIG_INVALID",
      `${field}: simulate writes ${writableFormats.join(", ")}, not ${JSON.stringify(format)}.`,
      { field },
    );
  const largest = Math.max(...codes);
  if (known === "ptu" && largest > 64)
    throw new QkdError("LINK_CONFIG_INVALID", `${field}: a ptu file has channels 0 to 64, not ${largest}.`, { field });
  if (known === "u64" && codes.length > 1)
    throw new QkdError("LINK_CONFIG_INVALID", `${field}: a u64 file holds one channel; choose another format.`, {
      field,
    });
  return known;
}

export class DumpFile {
  private constructor(private readonly writer: DumpWriter) {}

  static async create(path: string, format: WritableFormat): Promise<DumpFile> {
    return new DumpFile(await createDumpWriter(path, format, "qkd-distill simulate"));
  }

  get events(): number {
    return this.writer.events;
  }

  write(time: Float64Array, code: Uint8Array, length: number): Promise<void> {
    return this.writer.append({ base: 0n, dt: time, channel: code, length });
  }

  commit(): Promise<void> {
    return this.writer.commit();
  }

  discard(): Promise<void> {
    return this.writer.discard();
  }
}
