/** Opens a dump in the format named, or in the one that its content shows. */
import type { Readable } from "node:stream";
import { dumpError } from "./faults.js";
import { openPtu } from "./ptu.js";
import { openQutag, openQutagRaw, qutagMagic } from "./qutag.js";
import { type ByteSource, openSource, ReplaySource } from "./source.js";
import type { Dump, DumpFormat, OpenOptions } from "./types.js";

type Opener = (source: ByteSource, options: OpenOptions) => Promise<Dump>;

const openers: Partial<Record<DumpFormat, Opener>> = {
  ptu: openPtu,
  qutag: openQutag,
  qutag_raw: openQutagRaw,
};

const sniffBytes = 64;

/**
 * @param path file, or a stream of the file's bytes
 * @throws QkdError FILE_UNREADABLE, DUMP_*
 */
export async function openDump(path: string | Readable, options: OpenOptions = {}): Promise<Dump> {
  const source = await openSource(path);
  try {
    const wanted = options.format ?? "auto";
    if (wanted !== "auto") return await opener(wanted, source)(source, options);
    const head = new Uint8Array(sniffBytes);
    const seen = head.subarray(0, await source.read(head));
    const format = detectFormat(seen);
    if (!format)
      throw dumpError(
        "DUMP_BAD_MAGIC",
        source.name,
        seen.length === 0 ? "the file is empty" : "the content shows no known format; name it with --format",
        { offset: 0 },
      );
    return await opener(format, source)(new ReplaySource(source, seen), options);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** By content alone, where the content tells. */
export function detectFormat(head: Uint8Array): DumpFormat | undefined {
  const starts = (bytes: ArrayLike<number>) => Array.from(bytes).every((byte, i) => head[i] === byte);
  const magic = new TextDecoder("latin1").decode(head.subarray(0, 6));
  if (magic === "PQTTTR" || /^PQ(HIST|RESL|COMN|DEFL)$/.test(magic)) return "ptu";
  if (head.length >= 4 && starts(qutagMagic)) return "qutag";
  return undefined;
}

function opener(format: DumpFormat, source: ByteSource): Opener {
  const found = openers[format];
  if (!found) throw dumpError("DUMP_FORMAT_UNSUPPORTED", source.name, `there is no event reader for format ${format}`);
  return found;
}
