/**
 * Compact public lists on the wire. Slots: ascending numbers as differences minus one, a byte each, 255 opening a LEB128
 * of the rest (8.0 bit a detection at click probability 0.1, 8.7 at 0.01: KERNELS.md D). Small codes: two bits each.
 */
import { QkdError } from "../errors.js";

const escapeByte = 255;
/** The escape and 53 bits. */
export const mostSlotBytes = 9;

/** @param slots strictly ascending safe integers ≥ 0  @param before the one before the first, where others were sent */
export function encodeSlots(slots: Float64Array | Uint32Array, before = -1): Uint8Array {
  let out = new Uint8Array(slots.length * 2 + 16);
  let at = 0;
  let previous = before;
  for (const slot of slots) {
    let gap = slot - previous - 1;
    previous = slot;
    if (at + 16 > out.length) out = grown(out);
    if (gap < escapeByte) out[at++] = gap;
    else {
      out[at++] = escapeByte;
      for (gap -= escapeByte; gap >= 128; gap = Math.floor(gap / 128)) out[at++] = (gap % 128) | 128;
      out[at++] = gap;
    }
  }
  return out.subarray(0, at);
}

/**
 * @param count how many slots there must be; @param end all must be below it
 * @throws QkdError CHANNEL_MESSAGE_INVALID
 */
export function decodeSlots(bytes: Uint8Array, count: number, end: number, before = -1): Float64Array {
  if (count > bytes.length) throw malformed();
  const slots = new Float64Array(count);
  let at = 0;
  let previous = before;
  for (let i = 0; i < count; i++) {
    let gap = at < bytes.length ? bytes[at++]! : Number.NaN;
    if (gap === escapeByte) {
      for (let scale = 1; ; scale *= 128) {
        const byte = at < bytes.length ? bytes[at++]! : Number.NaN;
        gap += (byte & 127) * scale;
        if (!(byte >= 128)) {
          if (Number.isNaN(byte)) throw malformed();
          break;
        }
        if (scale > 2 ** 49) throw malformed();
      }
    }
    previous += gap + 1;
    if (!(previous < end)) throw malformed();
    slots[i] = previous;
  }
  if (at !== bytes.length) throw malformed();
  return slots;
}

/** Rising but not strictly: the index is added, so that neighbours differ. */
export function encodeRising(values: Float64Array, before = 0): Uint8Array {
  return encodeSlots(
    values.map((value, i) => value + i),
    before - 1,
  );
}

export function decodeRising(bytes: Uint8Array, count: number, end: number, before = 0): Float64Array {
  return decodeSlots(bytes, count, end + count + 1, before - 1).map((value, i) => value - i);
}

/** Four codes of two bits a byte, the first lowest. */
export function packPairs(codes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(codes.length / 4));
  for (let i = 0; i < codes.length; i++) out[i >>> 2]! |= (codes[i]! & 3) << ((i & 3) * 2);
  return out;
}

/** @throws QkdError CHANNEL_MESSAGE_INVALID where a code is not below `codes` or the length is wrong */
export function unpackPairs(bytes: Uint8Array, count: number, codes: number): Uint8Array {
  if (bytes.length !== Math.ceil(count / 4)) throw malformed();
  const out = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const code = (bytes[i >>> 2]! >>> ((i & 3) * 2)) & 3;
    if (code >= codes) throw malformed();
    out[i] = code;
  }
  return out;
}

function grown(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 2);
  larger.set(bytes);
  return larger;
}

function malformed(): QkdError {
  return new QkdError("CHANNEL_MESSAGE_INVALID", "The peer sent a list whose encoding does not fit its count.");
}
