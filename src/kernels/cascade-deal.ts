/**
 * A block's bits dealt to Cascade's frames and collected (assembly/cascade/deal.ts): neither dead time (bits close by) nor
 * drift (bits far apart) meets one frame or one block of parities.
 */
import { borrowInstance, returnInstance } from "./idle.js";
import type { WasmInstance } from "./wasm.js";

const groupWords = 64;

/** @param words of each frame, longer ones first, together whole groups of 64 @returns each frame's packed bits, in shared memory */
export function dealBlock(block: Uint8Array, words: readonly number[]): Uint8Array[] {
  return onInstance(words, (wasm, mixed, frames, move) => {
    wasm.u8.set(block, mixed);
    wasm.u8.fill(0, mixed + block.length, mixed + 8 * sum(words));
    wasm.exports.cascadeMix(mixed, sum(words) / groupWords);
    move(false);
    const shared = new Uint8Array(new SharedArrayBuffer(8 * sum(words)));
    let at = 0;
    return words.map((count, f) => {
      const part = shared.subarray(at, at + 8 * count);
      at += part.length;
      part.set(wasm.u8.subarray(frames[f]!, frames[f]! + part.length));
      return part;
    });
  });
}

/** The inverse, padding included. */
export function collectBlock(parts: readonly Uint8Array[], words: readonly number[]): Uint8Array {
  return onInstance(words, (wasm, at, frames, move) => {
    parts.forEach((part, f) => {
      wasm.u8.set(part, frames[f]!);
    });
    move(true);
    wasm.exports.cascadeMix(at, sum(words) / groupWords);
    return wasm.u8.slice(at, at + 8 * sum(words));
  });
}

function onInstance<T>(
  words: readonly number[],
  body: (wasm: WasmInstance, block: number, frames: readonly number[], move: (back: boolean) => void) => T,
): T {
  const wasm = borrowInstance();
  try {
    const [longest, shortest] = [words[0]!, words.at(-1)!];
    const block = wasm.hold(8 * sum(words));
    const frames = wasm.hold(8 * longest * words.length);
    const longer = words.filter((count) => count > shortest).length;
    return body(
      wasm,
      block,
      words.map((_, f) => frames + 8 * longest * f),
      (back) => {
        const { exports } = wasm;
        exports.cascadeDeal(block, frames, longest, words.length, shortest, back);
        const [rest, from] = [block + 8 * shortest * words.length, frames + 8 * shortest];
        exports.cascadeDeal(rest, from, longest, longer, longest - shortest, back);
      },
    );
  } finally {
    returnInstance(wasm);
  }
}

function sum(words: readonly number[]): number {
  return words.reduce((total, count) => total + count, 0);
}
