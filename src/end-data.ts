/** Opens an end's data as the link description asks for it. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { OwnData } from "./block-source.js";
import type { Role } from "./channel/types.js";
import { openDump, PreparationRecord } from "./dumps/index.js";
import { type DumpFormat, dumpFormats } from "./dumps/types.js";
import { QkdError } from "./errors.js";
import type { Link } from "./link.js";

export interface EndDataOptions {
  readonly strict?: boolean;
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** @throws QkdError FILE_UNREADABLE, DUMP_*, LINK_DUMP_MISMATCH */
export async function endData(
  role: Role,
  link: Link,
  file: string,
  options: EndDataOptions = {},
): Promise<{ data: OwnData; close(): Promise<void> }> {
  const format = link[role].format;
  if (format === "preparation") {
    await refuseDump(file);
    const record = await PreparationRecord.open(file);
    return { data: { record }, close: () => record.close() };
  }
  if (format !== "auto" && !dumpFormats.includes(format as DumpFormat))
    throw new QkdError("LINK_CONFIG_INVALID", `field ${role}.format: there is no format ${format}`, {
      field: `${role}.format`,
    });
  const dump = await openDump(file, { format: format as DumpFormat | "auto", ...options });
  if (dump.info.dtimeResolutionPs !== undefined) {
    await dump.close();
    throw new QkdError("LINK_DUMP_MISMATCH", `${file} is a T3 recording; distilling needs absolute times (T2).`, {
      file,
    });
  }
  return { data: { events: dump, warnings: dump.info.warnings }, close: () => dump.close() };
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

/** What tells one run's dump from another's: a digest of its start, so that a growing file stays itself. */
export async function dumpIdentity(file: string): Promise<string> {
  return createHash("sha256")
    .update(await firstBytes(file, 4096))
    .digest("hex");
}

async function firstBytes(file: string, count: number): Promise<Uint8Array> {
  const unreadable = (cause: unknown) => {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    return new QkdError("FILE_UNREADABLE", `${file} cannot be read (${why}).`, { file, why }, { cause });
  };
  const handle = await open(file, "r").catch((cause: unknown) => {
    throw unreadable(cause);
  });
  try {
    const bytes = new Uint8Array(count);
    const { bytesRead } = await handle.read(bytes, 0, count, 0).catch((cause: unknown) => {
      throw unreadable(cause);
    });
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
