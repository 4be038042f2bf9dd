/** Compressed Parquet: what other programs compressed is read exactly; damaged pages cost a typed error, at once. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as zlib from "node:zlib";
import type { Compressors } from "hyparquet";
import { decompressZstd } from "hyparquet-compressors";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, describe, expect, it } from "vitest";
import { openDump } from "../../src/dumps/index.js";
import { compressors } from "../../src/dumps/parquet-codecs.js";

const folder = mkdtempSync(join(tmpdir(), "codecs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const times = BigInt64Array.from({ length: 120 }, (_, i) => 2n ** 60n + BigInt(i * i * 31));
const plain = Buffer.from(times.buffer);
/** The times by `lz4 -9` 1.9.4, the block of its frame. */
const lz4 = Buffer.from(
  "EgABACMQHwgAE3wIACIXAQgAE/AIACIHAwgAIlwECAAi7wUIACLABwgAIs8JCAAiHAwIACKnDggAInARCAAidxQIACK8FwgAIj8bCAASAHkAMhD/IggA" +
    "IjwnCAAjtytAABIwCAAiZzUIACKcOggAIw9AgAASRQgAIq9LCAAi3FEIACNHWMAAEl4IACLXZQgAIvxsCAAjX3SAAALxADMQ34MgABKLCAAjV5RAABKc" +
    "CAAjx6VgABKuCAAjL7iAABLBCAAjj8ugABLVCAAj59/AABLqCAAjN/XgABEAUQEyEH8LCAASAGkBMhC/IggAIrwuCAAi9zoIACJwRwgAIidUCAAiHGEI" +
    "ACJPbggAIsB7CAAib4kIACJclwgAIoelCAAi8LMIACKXwggAInzRCAAjn+CAABPwEAAT/yAAIg8CMAASHwgAIvAvCAAih0AIACJcUQgAIm9iCAAiwHMI" +
    "ACJPhQgAIhyXCAAiJ6kIACJwuwgAIvfNCAAivOAIACK/8wgAEgBZAjIQfxoIACI8LggAIjdCCAAicFYIACLnaggAIpx/CAAij5QIACLAqQgAIi+/CAAi" +
    "3NQIACLH6ggAMvAABNABEhcIACL8LQgAIt9ECAASANECMxBfcyAAEooIACLXoggAIvC6CAAiR9MIACLc6wgAMq8EBYAAEh0IACIPNwgAIpxQCAAiZ2oI" +
    "ACJwhAgAIreeCAAiPLkIACL/0wgAEgBJA0IQPwoGIAESJQgAIndBCAAicF0IACKneQgAIhyWCACAz7IGAAAAABA=",
  "base64",
);
/** By `zstd -19` 1.5.4. */
const zstd = Buffer.from(
  "KLUv/QBotQgAtA8AEB98ABcB8AEHA1wE7wXAB88JHAynDnARdxS8Fz8bAB//IjwntytwMGc1nDoPQMBFr0vcUUdY8F7XZfxsX3QAfN+D/ItXlPCcx6Xc" +
    "ri+4wMGPy5zV599w6jf1PAABfwsAF78ivC73OnBHJ1QcYU9uwHtviVyXh6Xws5fCfNGf4ADwn/98DwKXH/Avh0BcUW9iwHNPhRyXJ6lwu/fNvOC/8wAH" +
    "A38aPC43QnBW52qcf4+UwKkvv9zUx+rwAARXF/wt30QAXF9z/IrXovC6R9Pc668EBcAdDzecUGdqcIS3njy5/9MA7z8KBrwld0FwXad5HJbPsgYAAAAA" +
    "EHeoEBB+4A8QGn5UXYIR/YXk0fHoVLjcboE=",
  "base64",
);

/** A block of literals alone. */
function literals(bytes: Uint8Array): Buffer {
  const rest = bytes.length - 15;
  return Buffer.concat([Buffer.from([0xf0]), Buffer.alloc(Math.floor(rest / 255), 255), Buffer.of(rest % 255), bytes]);
}

/** As Hadoop's writers have it. */
function framed(...blocks: (readonly [decompressed: number, block: Uint8Array])[]): Buffer {
  return Buffer.concat(
    blocks.flatMap(([decompressed, block]) => {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(decompressed);
      head.writeUInt32BE(block.length, 4);
      return [head, block];
    }),
  );
}

type Codec = Exclude<keyof Compressors, "SNAPPY" | "UNCOMPRESSED" | "LZO">;

const pages: readonly (readonly [name: string, codec: Codec, page: Uint8Array])[] = [
  ["GZIP", "GZIP", zlib.gzipSync(plain)],
  ["BROTLI", "BROTLI", zlib.brotliCompressSync(plain)],
  ["ZSTD", "ZSTD", zstd],
  ["LZ4_RAW", "LZ4_RAW", lz4],
  ["LZ4_RAW of literals", "LZ4_RAW", literals(plain)],
  ["LZ4 without frames", "LZ4", lz4],
  ["LZ4 in a frame", "LZ4", framed([960, lz4])],
  ["LZ4 in frames", "LZ4", framed([400, literals(plain.subarray(0, 400))], [560, literals(plain.subarray(400))])],
];

/** Reads a file whose only page is this one. */
async function read(codec: Codec | "LZO", page: Uint8Array): Promise<bigint[]> {
  const path = join(folder, "one.parquet");
  const columnData = [{ name: "time", data: times, type: "INT64" as const, encoding: "PLAIN" as const }];
  const compress = (values: Uint8Array) => {
    expect(Buffer.from(values)).toEqual(plain);
    return page;
  };
  writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData, codec, compressors: { [codec]: compress } })));
  const dump = await openDump(path);
  try {
    const found: bigint[] = [];
    for await (const { base, dt } of dump) for (const t of dt) found.push(base + BigInt(t));
    return found;
  } finally {
    await dump.close();
  }
}

describe("a page is read exactly", () => {
  it.each(pages)("%s", async (_name, codec, page) => {
    expect(await read(codec, page)).toEqual([...times]);
  });

  it("ZSTD where Node has it and where it does not", () => {
    expect(Buffer.from(decompressZstd(zstd))).toEqual(plain);
    expect(Buffer.from(compressors.ZSTD!(zstd, 960))).toEqual(plain);
  });

  it("of an unknown codec is refused with those that are known", async () => {
    const refused = { code: "DUMP_FORMAT_UNSUPPORTED", message: expect.stringContaining("ZSTD, LZ4, LZ4_RAW") };
    await expect(read("LZO", plain)).rejects.toMatchObject(refused);
  });
});

describe("a damaged page", () => {
  it.each(pages)("of %s, cut, is an error", async (_name, codec, page) => {
    await expect(read(codec, page.subarray(0, page.length - 20))).rejects.toMatchObject({ code: "DUMP_BAD_RECORD" });
  });

  const ofLz4 = pages.filter(([, codec]) => codec.startsWith("LZ4"));
  it.each(ofLz4)("of %s, cut or changed anywhere, is an error or of the right length", (_name, codec, page) => {
    const decompress = compressors[codec]!;
    for (let size = 0; size < page.length; size++) expect(() => decompress(page.subarray(0, size), 960)).toThrow();
    for (let at = 0; at < page.length; at++)
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const bytes = Uint8Array.from(page);
        bytes[at] = value;
        let out: Uint8Array | undefined;
        try {
          out = decompress(bytes, 960);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
        expect(out?.length ?? 960).toBe(960);
      }
  });

  it.each([
    ["frames that lead back to themselves", Buffer.from("00000000fffffff8", "hex")],
    ["a frame of 4 GB", Buffer.concat([Buffer.from("ffffffffffffffff", "hex"), lz4])],
    ["a block of 2 GB in 8 MB", Buffer.concat([Buffer.of(0x1f, 1, 1, 0), Buffer.alloc(2 ** 23, 255), Buffer.of(0)])],
  ])("%s costs an error and no memory", (_name, page) => {
    const before = process.memoryUsage().arrayBuffers;
    for (const codec of ["LZ4", "LZ4_RAW"] as const)
      expect(() => compressors[codec]!(page, 2 ** 31 - 1)).toThrow(/does not hold 2147483647 bytes/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26);
  });
});
