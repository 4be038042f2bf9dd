/** Opens an end's data as the link description asks for it. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { OwnData } from "./block-source.js";
import type { Role } from "./channel/types.js";
import { Growth, openGrowing } from "./dumps/growth.js";
import { openDump, openMerged, PreparationRecord } from "./dumps/index.js";
import type { Follow } from "./dumps/types.js";
import { QkdError } from "./errors.js";
import { ownReading } from "./link/end.js";
import type { Link } from "./link.js";

export interface EndDataOptions {
  readonly strict?: boolean;
  /** The file still grows. */
  readonly follow?: Follow;
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** One file, or one for each detector, whose channel is its place in the list. */
export type DumpFiles = string | readonly string[];

/**
 * @param dump as `checkFiles` accepts it
 * @throws QkdError FILE_UNREADABLE, DUMP_*, LINK_DUMP_MISMATCH, LINK_CHANNEL_UNKNOWN
 */
export async function endData(
  role: Role,
  link: Link,
  dump: DumpFiles,
  { follow, ...options }: EndDataOptions = {},
): Promise<{ data: OwnData; close(): Promise<void> }> {
  const files = filesOf(dump);
  if (!follow) return openData(role, link, files, options);
  // Somebody may still wait for more of the file when it is closed.
  const closed = new AbortController();
  const signal = follow.signal ? AbortSignal.any([follow.signal, closed.signal]) : closed.signal;
  const { data, close } = await openData(role, link, files, {
    ...options,
    follow: { ...follow, signal, signalFails: true },
  });
  return {
    data: "events" in data ? { ...data, growing: true } : data,
    close: () => {
      closed.abort();
      return close();
    },
  };
}

async function openData(
  role: Role,
  link: Link,
  files: readonly string[],
  options: EndDataOptions,
): Promise<{ data: Extract<OwnData, { events: unknown } | { record: unknown }>; close(): Promise<void> }> {
  const { format } = link[role];
  const [file] = files as [string];
  if (format === "preparation") {
    await refuseDump(file);
    const record = await PreparationRecord.open(file, options.follow);
    return { data: { record }, close: () => record.close() };
  }
  const reading = { ...ownReading(link[role]), format, ...options };
  const dump = files.length === 1 ? await openDump(file, reading) : await openMerged(files, reading);
  if (dump.info.dtimeResolutionPs !== undefined) {
    await dump.close();
    throw new QkdError("LINK_DUMP_MISMATCH", `${file} is a T3 recording; distilling needs absolute times (T2).`, {
      file,
    });
  }
  return { data: { events: dump, warnings: dump.info.warnings }, close: () => dump.close() };
}

function filesOf(dump: DumpFiles): readonly string[] {
  return typeof dump === "string" ? [dump] : dump;
}

/**
 * What can be told of an end's files before one is opened.
 * @throws QkdError USAGE_INVALID, LINK_CHANNEL_UNKNOWN
 */
export function checkFiles(role: Role, link: Link, dump: DumpFiles, follow?: object): void {
  const { format, detectors = [], clockChannel } = link[role];
  const files = filesOf(dump);
  const count = files.length;
  if (count === 1) return;
  const refuse = (message: string) => {
    throw new QkdError("USAGE_INVALID", `${role}: ${message}.`, { end: role, files });
  };
  if (count === 0) refuse("no dump is given");
  if (format === "preparation") refuse(`a preparation record is one file; these are ${count}`);
  if (follow)
    refuse("files of one detector each cannot be followed: a quiet detector looks like a file that has ended");
  if (new Set(files.map((file) => resolve(file))).size < count) refuse("a file is given twice");
  const missing = [...detectors, ...(clockChannel ? [clockChannel] : [])].find(({ channel }) => channel >= count);
  if (missing)
    throw new QkdError(
      "LINK_CHANNEL_UNKNOWN",
      `${role}: the link names channel ${missing.channel}, but ${count} files are channels 0 to ${count - 1}, in their ` +
        "order. Give a file for each channel (an empty one where nothing was recorded) or correct the channels.",
      { end: role, channel: missing.channel, files },
    );
}

/** A tagger's file in place of a preparation record would be read as nonsense pulses. */
async function refuseDump(file: string): Promise<void> {
  const head = await firstBytes(file, 8);
  const text = new TextDecoder("latin1").decode(head);
  const isQutag = head[0] === 0x87 && head[1] === 0xb3 && head[2] === 0x91 && head[3] === 0xfa;
  if (text.startsWith("PQTTTR") || isQutag)
    throw new QkdError(
      "LINK_DUMP_MISMATCH",
      `${file} is a tagger's dump; the link asks for Alice's preparation record.`,
      { file },
    );
}

/**
 * What tells one run's dump from another's: a digest of each file's start, in their order, so that a growing file stays
 * itself.
 * @throws QkdError FILE_UNREADABLE, DUMP_REPLACED, INTERRUPTED
 */
export async function dumpIdentity(dump: DumpFiles, follow?: Follow): Promise<string> {
  const digests = filesOf(dump).map(async (file) => {
    const head = await firstBytes(file, 4096, follow);
    return createHash("sha256").update(withoutResults(head)).digest("hex");
  });
  return (await Promise.all(digests)).join(" ");
}

/** PicoQuant's software fills in what a measurement came to once it has ended: in tags, or in a header before 2048. */
function withoutResults(head: Uint8Array): Uint8Array {
  const bytes = Buffer.from(head);
  const magic = bytes.toString("latin1", 0, 13);
  if (magic.startsWith("HydraHarp\0") || magic === "PicoHarp 300\0") return bytes.subarray(2048);
  if (!magic.startsWith("PQTTTR")) return bytes;
  const tagBytes = 48;
  const valueAt = 40;
  for (let at = bytes.indexOf("TTResult_"); at >= 0; at = bytes.indexOf("TTResult_", at + tagBytes))
    bytes.fill(0, at + valueAt, at + tagBytes);
  return bytes;
}

/** Of a growing file so many, if it does not end before. */
async function firstBytes(file: string, count: number, follow?: Follow): Promise<Uint8Array> {
  const unreadable = (cause: unknown) => {
    if (cause instanceof QkdError) return cause;
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    return new QkdError("FILE_UNREADABLE", `${file} cannot be read (${why}).`, { file, why }, { cause });
  };
  try {
    const handle = await openGrowing(file, follow);
    try {
      if (follow) await grown(new Growth(file, handle, follow), count);
      const bytes = new Uint8Array(count);
      const { bytesRead } = await handle.read(bytes, 0, count, 0);
      return bytes.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(cause);
  }
}

async function grown(growth: Growth, count: number): Promise<void> {
  for (let [had, size] = [-1, 0]; size < count && size > had; ) {
    had = size;
    size = await growth.beyond(had);
  }
}
