/** Opens a dump in the format named, or in the one that its content shows. */
import type { Readable } from "node:stream";
import { looksLikeTable, openCsv, openQutagCsv } from "./csv.js";
import { dumpError } from "./faults.js";
import { looksLikeHdf5 } from "./hdf5.js";
import { openHt2, openHt3, openPt2, openPt3 } from "./legacy-picoquant.js";
import { openPtu } from "./ptu.js";
import { looksLikePackets, openQcryptoT1, openQcryptoT2, openQcryptoT3, openQcryptoT4 } from "./qcrypto.js";
import { openQutag, openQutagRaw, qutagMagic } from "./qutag.js";
import { looksLikeEvents, openA0, openA1, openA1X, openA2 } from "./s15.js";
import { type ByteSource, openSource, ReplaySource } from "./source.js";
import { looksLikeSwabian, openSwabian } from "./swabian.js";
import { openTableFile } from "./table-file.js";
import type { Dump, DumpFormat, OpenOptions } from "./types.js";
import { openIdqPairs, openIdqU64, openU64 } from "./u64.js";

type Opener = (source: ByteSource, options: OpenOptions) => Promise<Dump>;

const openers: Partial<Record<DumpFormat, Opener>> = {
  ptu: openPtu,
  qutag: openQutag,
  qutag_raw: openQutagRaw,
  qutag_csv: openQutagCsv,
  ht2: openHt2,
  ht3: openHt3,
  pt2: openPt2,
  pt3: openPt3,
  swabian16: openSwabian,
  a0: openA0,
  a1: openA1,
  a1X: openA1X,
  a2: openA2,
  qcrypto_T1: openQcryptoT1,
  qcrypto_T2: openQcryptoT2,
  qcrypto_T3: openQcryptoT3,
  qcrypto_T4: openQcryptoT4,
  csv: openCsv,
  u64: openU64,
  idq_u64: openIdqU64,
  idq_pairs: openIdqPairs,
  parquet: (source, options) => openTableFile("parquet", source, options),
  hdf5: (source, options) => openTableFile("hdf5", source, options),
};

const sniffBytes = 4096;

/**
 * @param path file, or a stream of the file's bytes
 * @throws QkdError FILE_UNREADABLE, DUMP_*
 */
export async function openDump(path: string | Readable, options: OpenOptions = {}): Promise<Dump> {
  const source = await openSource(path, options.follow);
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
        seen.length === 0
          ? "the file is empty"
          : isCompressed(seen)
            ? "the file is compressed; unpack it, or pipe what unpacks it into `-`"
            : "the content shows no known format; name it with --format",
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
  if (magic.startsWith("PAR1")) return "parquet";
  if (looksLikeHdf5(head)) return "hdf5";
  const legacy = new TextDecoder("latin1").decode(head.subarray(0, 16));
  const hydra = legacy.startsWith("HydraHarp\0");
  // The measurement's mode, 2 or 3, lies at a fixed place of both headers.
  if ((hydra || legacy.startsWith("PicoHarp 300\0")) && head.length >= 352) {
    const t3 = head[hydra ? 340 : 348] === 3;
    return hydra ? (t3 ? "ht3" : "ht2") : t3 ? "pt3" : "pt2";
  }
  const packets = looksLikePackets(head);
  if (packets) return `qcrypto_T${packets}`;
  const text = new TextDecoder("latin1").decode(head.subarray(0, 36));
  if (/^[0-9a-f]{16}\r?\n/i.test(text)) return "a2";
  if (/^[0-9a-f]{8}\r?\n[0-9a-f]{8}\r?\n/i.test(text)) return "a0";
  if (looksLikeTable(head)) return "csv";
  return looksLikeEvents(head) ?? (looksLikeSwabian(head) ? "swabian16" : undefined);
}

/** gzip, zip, xz, zstd, bzip2. */
function isCompressed(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(0, 4)).toString("hex");
  return /^(1f8b|504b0304|fd377a58|28b52ffd|425a68)/.test(magic);
}

function opener(format: DumpFormat, source: ByteSource): Opener {
  const found = openers[format];
  if (!found) throw dumpError("DUMP_FORMAT_UNSUPPORTED", source.name, `there is no event reader for format ${format}`);
  return found;
}
