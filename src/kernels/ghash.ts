/**
 * GHASH of a secret message (NIST SP 800-38D; assembly/ghash.ts), through scratch memory that is zeroised: a library's
 * copies of the message on the heap would stay. Twin: reference/ghash.ts; @noble/ciphers hashes what is public.
 */
import type { WasmInstance } from "./wasm.js";

const blockBytes = 16;
/** Bytes in scratch memory at once: whole groups of sixteen blocks. */
const chunkBytes = 2 ** 16;
const groupBlocks = 16;
const tableBytes = 128 * blockBytes;
const wideBytes = 32 * 16 * blockBytes;
const workBytes = 1024;
/** Shorter messages do not pay for the table of the sixteenth power. */
const wideFrom = 4096;

/** @param key 16 bytes  @param parts each padded with zeros to whole blocks @returns 16 bytes */
export function ghash(wasm: WasmInstance, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  return wasm.scratch((alloc) => {
    const table = alloc(tableBytes);
    const state = alloc(blockBytes);
    const data = alloc(chunkBytes);
    const { exports } = wasm;
    wasm.u8.set(key, data);
    exports.ghashTable(data, table);
    const long = parts.some(({ length }) => length >= wideFrom);
    const wide = alloc(long ? wideBytes : 0);
    const work = alloc(long ? workBytes : 0);
    if (long) exports.ghashWideTable(data, table, wide, work);
    wasm.u8.fill(0, state, state + blockBytes);
    for (const part of parts)
      for (let at = 0; at < part.length; at += chunkBytes) {
        const chunk = part.subarray(at, at + chunkBytes);
        const blocks = Math.ceil(chunk.length / blockBytes);
        wasm.u8.set(chunk, data);
        wasm.u8.fill(0, data + chunk.length, data + blocks * blockBytes);
        const groups = long ? Math.floor(blocks / groupBlocks) : 0;
        if (groups > 0) exports.ghashGroups(table, wide, work, state, data, groups);
        const done = groups * groupBlocks;
        exports.ghashBlocks(table, state, data + done * blockBytes, blocks - done);
      }
    return wasm.u8.slice(state, state + blockBytes);
  });
}
