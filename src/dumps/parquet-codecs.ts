/**
 * Decompression of Parquet's pages: Node's zlib where it has the codec, which is several times faster, else JavaScript of
 * `hyparquet-compressors`. What a page's header says of its length is only believed once the page can be so long.
 */
import * as zlib from "node:zlib";
import type { Compressors } from "hyparquet";
import { decompressLz4, decompressLz4Raw, compressors as scripted } from "hyparquet-compressors";

type Decompress = (input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

function by(decompress: Decompress) {
  return (input: Uint8Array, outputLength: number) =>
    new Uint8Array(decompress(input, { maxOutputLength: outputLength }));
}

/** From Node 22.15 on. */
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: Decompress };

export const compressors: Compressors = {
  GZIP: by(zlib.gunzipSync),
  BROTLI: by(zlib.brotliDecompressSync),
  ZSTD: zstdDecompressSync ? by(zstdDecompressSync) : scripted.ZSTD!,
  LZ4: (input, outputLength) =>
    isFramed(input, outputLength) ? decompressLz4(input, outputLength) : lz4Block(input, outputLength),
  LZ4_RAW: lz4Block,
};

/** The library neither notices a block that is cut nor one that is too long. */
function lz4Block(input: Uint8Array, outputLength: number): Uint8Array {
  if (lz4Length(input) !== outputLength) throw new Error(`an LZ4 block does not hold ${outputLength} bytes`);
  return decompressLz4Raw(input, outputLength);
}

/** Hadoop's writers put the lengths, big-endian, before each block: u32 decompressed, u32 compressed. */
function isFramed(input: Uint8Array, outputLength: number): boolean {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let [at, total] = [0, 0];
  while (at + 8 <= input.length) {
    const [decompressed, compressed] = [view.getUint32(at), view.getUint32(at + 4)];
    const block = input.subarray(at + 8, at + 8 + compressed);
    if (block.length < compressed || lz4Length(block) !== decompressed) return false;
    at += 8 + compressed;
    total += decompressed;
  }
  return at === input.length && total === outputLength;
}

/** What a block decompresses to, bytes, by its sequences alone; NaN where the last one is cut. */
function lz4Length(block: Uint8Array): number {
  let [at, length] = [0, 0];
  const lengthOf = (nibble: number) => {
    let sum = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; sum += byte) byte = block[at++] ?? NaN;
    return sum;
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = lengthOf(token >> 4);
    at += literals;
    length += literals;
    if (!(at < block.length)) break;
    at += 2;
    length += lengthOf(token & 15) + 4;
  }
  return at === block.length ? length : NaN;
}
