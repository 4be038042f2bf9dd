/**
 * GHASH of a secret message (NIST SP 800-38D; assembly/ghash.ts), through scratch memory that is zeroised: a library's
 * copies of the message on the heap would stay. Twin: @noble/ciphers, which hashes what is public.
 */
import type { WasmInstance } from "./wasm.js";

const blockBytes = 16;
/** Bytes in scratch memory at once. */
const chunkBytes = 2 ** 16;

/** @param key 16 bytes  @param parts each padded with zeros to whole blocks @returns 16 bytes */
export function ghash(wasm: WasmInstance, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  return wasm.scratch((alloc) => {
    const table = alloc(128 * blockBytes);
    const state = alloc(blockBytes);
    const data = alloc(chunkBytes);
    wasm.u8.set(key, data);
    wasm.exports.ghashTable(data, table);
    wasm.u8.fill(0, state, state + blockBytes);
    for (const part of parts)
      for (let at = 0; at < part.length; at += chunkBytes) {
        const chunk = part.subarray(at, at + chunkBytes);
        const blocks = Math.ceil(chunk.length / blockBytes);
        wasm.u8.set(chunk, data);
        wasm.u8.fill(0, data + chunk.length, data + blocks * blockBytes);
        wasm.exports.ghashBlocks(table, state, data, blocks);
      }
    return wasm.u8.slice(state, state + blockBytes);
  });
}
