/**
 * Frames on a byte stream: u32 length, u32 CRC-32 of the payload begun at the frame's number in its direction, payload
 * (little endian). The CRC tells line noise, and frames lost, doubled or out of order, by the next frame or heartbeat, so
 * that both ends do not wait for what never comes but make the connection anew; what protects against an attacker is the
 * authentication of the transcript (authentication.ts).
 */
import { crc32 } from "node:zlib";
import { QkdError } from "../errors.js";

const headerBytes = 8;
export const maxFrameBytes = 64 * 2 ** 20;

/** @param number of the frame among those sent in this direction, from 0 */
export function encodeFrame(payload: Uint8Array, number: number): Uint8Array[] {
  if (payload.length > maxFrameBytes) throw new RangeError(`frame of ${payload.length} bytes`);
  const header = new Uint8Array(headerBytes);
  const view = new DataView(header.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32(payload, number >>> 0), true);
  return [header, payload];
}

/** Cuts a stream of chunks into payloads; memory is bounded by one frame plus one chunk. */
export class FrameDecoder {
  /** @param mostBytes of a frame; may grow with what is known of the peer */
  constructor(public mostBytes = maxFrameBytes) {}

  private chunks: Uint8Array[] = [];
  private available = 0;
  private number = 0;

  /** @throws QkdError CHANNEL_CORRUPT on a length out of bounds or a wrong CRC */
  push(chunk: Uint8Array): Uint8Array[] {
    this.chunks.push(chunk);
    this.available += chunk.length;
    const payloads: Uint8Array[] = [];
    for (;;) {
      const header = this.peek(headerBytes);
      if (!header) return payloads;
      const view = new DataView(header.buffer, header.byteOffset, headerBytes);
      const length = view.getUint32(0, true);
      if (length > this.mostBytes) throw corrupt(`a frame claims ${length} bytes`);
      if (this.available < headerBytes + length) return payloads;
      this.take(headerBytes);
      const payload = this.take(length);
      if (crc32(payload, this.number++ >>> 0) !== view.getUint32(4, true))
        throw corrupt("a frame's check sum is wrong");
      payloads.push(payload);
    }
  }

  private peek(bytes: number): Uint8Array | undefined {
    if (this.available < bytes) return undefined;
    const first = this.chunks[0]!;
    if (first.length >= bytes) return first.slice(0, bytes);
    this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0]!.slice(0, bytes);
  }

  private take(bytes: number): Uint8Array {
    const out = new Uint8Array(bytes);
    let filled = 0;
    while (filled < bytes) {
      const first = this.chunks[0]!;
      const part = first.subarray(0, bytes - filled);
      out.set(part, filled);
      filled += part.length;
      if (part.length === first.length) this.chunks.shift();
      else this.chunks[0] = first.subarray(part.length);
    }
    this.available -= bytes;
    return out;
  }
}

function corrupt(why: string): QkdError {
  return new QkdError("CHANNEL_CORRUPT", `The connection carries damaged data: ${why}.`);
}
