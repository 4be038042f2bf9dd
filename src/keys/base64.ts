/** Base64 as bytes: a string of a key could not be zeroised. */

const letters = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const pad = "=".charCodeAt(0);

export function base64Bytes(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 * Math.ceil(bytes.length / 3)).fill(pad);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const left = bytes.length - from;
    const group = (bytes[from]! << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    for (let i = 0; i <= Math.min(3, left); i++) out[to + i] = letters[(group >>> (18 - 6 * i)) & 63]!;
  }
  return out;
}
