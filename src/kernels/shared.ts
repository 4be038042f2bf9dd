/** Memory that threads share. */

/** Zeros by 64 bits where they are aligned: engines write shared bytes one by one. */
export function wipeShared(bytes: Uint8Array): void {
  const words = bytes.byteOffset % 8 === 0 ? bytes.length >>> 3 : 0;
  new BigUint64Array(bytes.buffer, words ? bytes.byteOffset : 0, words).fill(0n);
  bytes.fill(0, 8 * words);
}
