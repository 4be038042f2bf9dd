/** Pieces of message schemas: everything from the peer is bounded in kind and size before it is looked at. */
import { z } from "zod";
import { BitString, byteLength } from "../bits.js";
import { QkdError } from "../errors.js";

export const wireBytes = z.instanceof(Uint8Array);
export const wireBytesTo = (most: number) => wireBytes.refine(({ length }) => length <= most);
export const wireCount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const wireText = z.string().max(256);

/** A packed bit string of exactly `length` bits from the wire. @throws QkdError CHANNEL_MESSAGE_INVALID */
export function wireBits(bytes: Uint8Array, length: number): BitString {
  if (bytes.length !== byteLength(length))
    throw new QkdError("CHANNEL_MESSAGE_INVALID", `The peer sent ${bytes.length} bytes where ${length} bits belong.`, {
      bytes: bytes.length,
      bits: length,
    });
  return BitString.from(bytes, length);
}
