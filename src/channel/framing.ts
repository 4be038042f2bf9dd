/**
 * Frames on a byte stream: u32 length, u32 CRC-32 of the payload begun at the frame's number in its direction, payload
 * (little endian). The CRC tells line noise, and frames lost, doubled or out of order, by the next frame or heartbeat, so
 * that both ends do not wait for what never comes but make the connection anew; what protects against an attacker is the
 * authentication of the transcript (authentication.ts).
 */
import { crc32 } from "node:zlib";
import { blockTooLarge, QkdError } from "../errors.js";

const headerBytes = 8;
const at = { length: 0, sum: 4 } as const;
export const maxFrameBytes = 64 * 2 ** 20;

/**
 * @param number of the frame among those sent in this direction, from 0
 * @throws QkdError BLOCK_TOO_LARGE
 */
export function encodeFrame(payload: Uint8Array, number: number): Uint8Array[] {
  if (payload.length > maxFrameBytes)
    throw blockTooLarge(`A message of ${payload.length} bytes is above the limit of ${maxFrameBytes}`, {
      bytes: payload.length,
    });
  const header = new Uint8Array(headerBytes);
  const view = new DataView(header.buffer);
  view.setUint32(at.length, payload.length, true);
  view.setUint32(at.sum, crc32(payload, number >>> 0), true);
  return [header, payload];
}

/** Cuts a stream of chunks of any size into payloads; memory is bounded by one frame. */
export class FrameDecoder {
  private readonly header = new Uint8Array(headerBytes);
  private payload: Uint8Array | undefined;
  /** Bytes there are of the header or, once it is whole, of the payload. */
  private filled = 0;
  private number = 0;

  /** @param mostBytes of a frame; may grow with what is known of the peer */
  constructor(public mostBytes = maxFrameBytes) {}

  /** @throws QkdError CHANNEL_CORRUPT on a length out of bounds or a wrong CRC */
  push(chunk: Uint8Array): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    const view = new DataView(this.header.buffer);
    for (let read = 0; read < chunk.length; ) {
      const target = this.payload ?? this.header;
      const part = chunk.subarray(read, read + target.length - this.filled);
      target.set(part, this.filled);
      this.filled += part.length;
      read += part.length;
      if (this.filled < target.length) break;
      this.filled = 0;
      if (!this.payload) {
        const bytes = view.getUint32(at.length, true);
        if (bytes > this.mostBytes) throw corrupt(`a frame claims ${bytes} bytes`);
        this.payload = new Uint8Array(bytes);
        if (bytes > 0) continue;
      }
      if (crc32(this.payload, this.number++ >>> 0) !== view.getUint32(at.sum, true))
        throw corrupt("a frame's check sum is wrong");
      payloads.push(this.payload);
      this.payload = undefined;
    }
    return payloads;
  }
}

function corrupt(why: string): QkdError {
  return new QkdError("CHANNEL_CORRUPT", `The connection carries damaged data: ${why}.`);
}
