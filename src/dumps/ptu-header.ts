/**
 * PicoQuant unified header (FORMATS.md 1; PicoQuant, "Time Tagged File Format Demos", doc/apx_tagtypes.html):
 * magic 8, version 8, then tags of 48 bytes { Ident 32, Idx i32, Typ u32, Value 8 } with payloads, to "Header_End".
 * Lengths are hostile: payloads are skipped in pieces, never allocated from what the file says.
 */
import { dumpError } from "./faults.js";
import type { ByteSource } from "./source.js";

export type TagValue = number | bigint | boolean | undefined;

/** Scalar tags (Idx −1) by name, each with its byte; of array elements the first. */
export type PtuHeader = ReadonlyMap<string, { readonly value: TagValue; readonly offset: number }>;

const tagBytes = 48;
/** A header larger than this is none: real ones hold some kilobytes. */
const maxHeaderBytes = 64 * 2 ** 20;

const valueReaders: Readonly<Record<number, (view: DataView) => TagValue>> = {
  4294901768: () => undefined,
  8: (view) => view.getBigInt64(40, true) !== 0n,
  268435464: (view) => view.getBigInt64(40, true),
  285212680: (view) => view.getBigUint64(40, true),
  301989896: (view) => view.getBigUint64(40, true),
  536870920: (view) => view.getFloat64(40, true),
  553648136: (view) => view.getFloat64(40, true),
};
const payloadTypes = new Set([0x2001ffff, 0x4001ffff, 0x4002ffff, 0xffffffff]);

/** @throws QkdError DUMP_BAD_MAGIC, DUMP_TRUNCATED_HEADER, DUMP_BAD_TAG, DUMP_UNKNOWN_TAG_TYPE */
export async function readPtuHeader(source: ByteSource): Promise<PtuHeader> {
  const file = source.name;
  const head = new Uint8Array(16);
  const got = await source.read(head);
  if (text(head.subarray(0, Math.min(6, got))) !== "PQTTTR")
    throw dumpError("DUMP_BAD_MAGIC", file, "this is no PicoQuant PTU file (its magic is not PQTTTR)", { offset: 0 });
  if (got < 16) throw truncated(file, got);
  const tags = new Map<string, { value: TagValue; offset: number }>();
  const tag = new Uint8Array(tagBytes);
  const view = new DataView(tag.buffer);
  for (;;) {
    const offset = source.position;
    if ((await source.read(tag)) < tagBytes) throw truncated(file, source.position);
    const ident = text(tag.subarray(0, 32));
    if (ident === "Header_End") return tags;
    const type = view.getUint32(36, true);
    if (payloadTypes.has(type)) await skipPayload(source, view.getBigInt64(40, true), ident, offset);
    else {
      const read = valueReaders[type];
      if (!read)
        throw dumpError(
          "DUMP_UNKNOWN_TAG_TYPE",
          file,
          `tag ${printable(ident)} has the unknown type 0x${type.toString(16).padStart(8, "0")}, whose length cannot be known`,
          { offset },
        );
      if (!tags.has(ident)) tags.set(ident, { value: read(view), offset });
    }
    if (source.position > maxHeaderBytes)
      throw dumpError("DUMP_BAD_TAG", file, "the header does not end", { offset: source.position });
  }
}

async function skipPayload(source: ByteSource, length: bigint, ident: string, offset: number): Promise<void> {
  const left = source.size === undefined ? undefined : BigInt(source.size - source.position);
  const bad = length < 0n || length > BigInt(maxHeaderBytes);
  if (bad)
    throw dumpError("DUMP_BAD_TAG", source.name, `tag ${printable(ident)} claims a payload of ${length} bytes`, {
      offset,
    });
  if (left !== undefined && length > left) throw truncated(source.name, source.size!);
  const piece = new Uint8Array(65_536);
  for (let rest = Number(length); rest > 0; ) {
    const got = await source.read(piece.subarray(0, Math.min(rest, piece.length)));
    if (got === 0) throw truncated(source.name, source.position);
    rest -= got;
  }
}

function truncated(file: string, offset: number) {
  return dumpError("DUMP_TRUNCATED_HEADER", file, "the file ends inside its header", { offset });
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder("latin1").decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function printable(ident: string): string {
  return JSON.stringify(ident.replace(/[^\x20-\x7e]/g, "?"));
}
