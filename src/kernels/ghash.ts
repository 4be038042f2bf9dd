/**
 * GHASH (NIST SP 800-38D; assembly/ghash.ts) of a secret message or of a transcript, through scratch memory that is
 * zeroised: a library's copies of a message and of the key's multiples on the heap would stay. Twin: reference/ghash.ts.
 */
import { WasmInstance } from "./wasm.js";

const blockBytes = 16;
/** Bytes in scratch memory at once: whole groups of sixteen blocks. */
const chunkBytes = 2 ** 16;
const groupBlocks = 16;
const tableBytes = 128 * blockBytes;
const wideBytes = 32 * 16 * blockBytes;
const workBytes = 1024;
/** Shorter messages do not pay for the table of the sixteenth power. */
const wideFrom = 1280;

/** Made at the first hash: importing the package has no side effect. */
let memory: WasmInstance | undefined;

/** A running hash. */
export class Ghash {
  private readonly state = new Uint8Array(blockBytes);

  /** @param key 16 bytes, which stay the caller's */
  constructor(private readonly key: Uint8Array) {}

  /** @param parts each padded with zeros to whole blocks */
  update(...parts: readonly Uint8Array[]): this {
    memory ??= new WasmInstance();
    const wasm = memory;
    const longest = parts.reduce((most, { length }) => Math.max(most, length), 0);
    const long = longest >= wideFrom;
    wasm.scratch((alloc) => {
      const table = alloc(tableBytes);
      const state = alloc(blockBytes);
      const data = alloc(Math.min(chunkBytes, longest) + blockBytes);
      const { exports } = wasm;
      wasm.u8.set(this.key, data);
      exports.ghashTable(data, table);
      const wide = alloc(long ? wideBytes : 0);
      const work = alloc(long ? workBytes : 0);
      if (long) exports.ghashWideTable(data, table, wide, work);
      wasm.u8.set(this.state, state);
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
      this.state.set(wasm.u8.subarray(state, state + blockBytes));
    });
    return this;
  }

  /** 16 bytes. */
  digest(): Uint8Array {
    return this.state.slice();
  }
}
