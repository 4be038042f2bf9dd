/** Sifted keys from files: packed bits, or text of 0 and 1 with white space ignored; by content unless said. */
import { BitString } from "../bits.js";
import { QkdError } from "../errors.js";
import { readBytes } from "./files.js";

export type SiftedFormat = "packed" | "text01";

/** @throws QkdError FILE_UNREADABLE, USAGE_INVALID */
export async function readSifted(path: string, options: { format?: SiftedFormat; bits?: number }): Promise<BitString> {
  const bytes = await readBytes(path);
  const format = options.format ?? (looksLikeText(bytes) ? "text01" : "packed");
  const all = format === "text01" ? fromText(bytes, path) : BitString.adopt(bytes);
  const length = options.bits ?? all.length;
  if (length > all.length)
    throw new QkdError("USAGE_INVALID", `${path} holds ${all.length} bits, ${length} are asked for.`, { file: path });
  return length === all.length ? all : all.slice(0, length);
}

function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

function looksLikeText(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 4096);
  return head.length > 0 && head.every((byte) => byte === 48 || byte === 49 || isSpace(byte));
}

function fromText(bytes: Uint8Array, path: string): BitString {
  const out = new Uint8Array(Math.ceil(bytes.length / 8));
  let length = 0;
  bytes.forEach((byte, at) => {
    if (isSpace(byte)) return;
    if (byte !== 48 && byte !== 49)
      throw new QkdError("USAGE_INVALID", `${path}, byte ${at}: neither 0 nor 1.`, { file: path, offset: at });
    out[length >>> 3]! |= (byte - 48) << (length & 7);
    length++;
  });
  return BitString.adopt(out, length);
}
