/**
 * Packets of the qcrypto chain, concatenated (FORMATS.md 6; s-fifteen-instruments/qcrypto remotecrypto/filespec.txt and,
 * where the two differ, chopper.c and splicer.c). Header words are u32 LE; bit streams begin in the MSB of LE words:
 *   T1  tag epoch length bitsperentry basebits          | { u32 high, u32 low } …, {0, 0}
 *   T2  tag epoch length timeorder basebits protocol    | { difference timeorder, base bits } …
 *   T3  tag epoch length bitsperentry                   | bits, `length` entries
 *   T4  tag epoch length timeorder basebits             | { index difference + 2, base bits } …
 * T2, T4: a difference of 0 is followed by its upper 32 − timeorder bits and the lower ones; 1 is the end.
 * Times count 1/8 ns in an epoch of 2^29 ns; T3 and T4 have none, their ticks are positions in the packet.
 */
import { newInfo, StreamDump } from "./dump.js";
import { dumpError } from "./faults.js";
import { type EventBuffer, eventsPerBatch, handOver, newEventBuffer } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Dump, NativeBatch, OpenOptions, PacketInfo } from "./types.js";

/** 1/8 ns = 125 ps, in 10^-24 s; an epoch is 2^32 of them. */
const scale = { tick: 125_000_000_000_000n };

type Kind = 1 | 2 | 3 | 4;
const headerWords = { 1: 5, 2: 6, 3: 4, 4: 5 } as const;

const opener =
  (kind: Kind) =>
  async (source: ByteSource, options: OpenOptions): Promise<Dump> => {
    const packets: PacketInfo[] = [];
    const info = { ...newInfo(`qcrypto_T${kind}`, source.name, 125), packets, ...(kind > 2 ? { timeless: true } : {}) };
    const reader = new Packets(kind, source, packets);
    async function* events(): AsyncGenerator<NativeBatch> {
      while (await reader.nextPacket()) {
        for await (const batch of reader.entries()) {
          info.records += batch.length;
          yield batch;
        }
        options.onProgress?.(source.position, source.size);
      }
    }
    return new StreamDump(info, source, events, scale);
  };

export const openQcryptoT1 = opener(1);
export const openQcryptoT2 = opener(2);
export const openQcryptoT3 = opener(3);
export const openQcryptoT4 = opener(4);

class Packets {
  private readonly out = newEventBuffer();
  private readonly words: WordReader;
  private epoch = 0;
  private length = 0;
  private parameters: number[] = [];

  constructor(
    private readonly kind: Kind,
    private readonly source: ByteSource,
    private readonly packets: PacketInfo[],
  ) {
    this.words = new WordReader(source);
  }

  /** Reads a packet's header. False at the end of the dump. */
  async nextPacket(): Promise<boolean> {
    const tag = await this.words.next();
    if (tag === undefined) {
      if (this.packets.length > 0 || this.words.position === 0) {
        if (this.words.position === 0) throw this.error("DUMP_TRUNCATED_HEADER", "the file is empty");
        return false;
      }
      throw this.error("DUMP_TRUNCATED_HEADER", "the file ends inside its first header");
    }
    if (tag !== this.kind && tag !== (0x100 | this.kind))
      throw this.error("DUMP_BAD_MAGIC", `0x${tag.toString(16)} is no tag of a type ${this.kind} packet`, -4);
    const header: number[] = [];
    for (let i = 1; i < headerWords[this.kind]; i++) {
      const word = await this.words.next();
      if (word === undefined) throw this.error("DUMP_TRUNCATED_HEADER", "the dump ends inside a packet's header");
      header.push(word);
    }
    [this.epoch, this.length, ...this.parameters] = header as [number, number, ...number[]];
    const [width, base] = this.parameters as [number, number];
    const fits =
      this.kind === 1
        ? width === 49 && base <= 15
        : this.kind === 3
          ? width >= 1 && width <= 8
          : width >= 2 && width <= 32 && base <= 8;
    if (!fits) throw this.error("DUMP_BAD_TAG", `a packet's widths are ${width} and ${base} bits`);
    return true;
  }

  /** The packet's entries; afterwards `packets` counts them. */
  async *entries(): AsyncGenerator<NativeBatch> {
    const out = this.out;
    out.base = this.kind > 2 ? 0n : BigInt(this.epoch) << 32n;
    const read = { 1: this.readT1, 2: this.readDifferences, 3: this.readT3, 4: this.readDifferences }[this.kind];
    const packet = { epoch: this.epoch, entries: 0 };
    for await (const _ of read.call(this, out)) {
      packet.entries += out.length;
      yield* handOver(out);
    }
    packet.entries += out.length;
    yield* handOver(out);
    if (this.length > 0 && packet.entries !== this.length)
      throw this.error("DUMP_BAD_RECORD", `a packet claims ${this.length} entries and holds ${packet.entries}`);
    this.packets.push(packet);
  }

  private async *readT1(out: EventBuffer): AsyncGenerator<void> {
    for (let n = 0; ; n++) {
      const high = await this.words.next();
      const low = await this.words.next();
      if (high === undefined || low === undefined) throw this.cut("the packet lacks its end {0, 0}");
      if (high === 0 && low === 0) return;
      // 49 bits of time above 15 others; in its epoch 32 of them.
      out.tick[out.length] = ((high << 17) | (low >>> 15)) >>> 0;
      out.code[out.length++] = low & 15;
      if (out.length === eventsPerBatch) yield;
      if (this.length > 0 && n >= this.length) throw this.error("DUMP_BAD_RECORD", "a packet is longer than it claims");
    }
  }

  private async *readDifferences(out: EventBuffer): AsyncGenerator<void> {
    const [width, base] = this.parameters as [number, number];
    const bits = new BitReader(this.words);
    const take = async (count: number): Promise<number> => {
      const value = bits.take(count);
      if (value >= 0) return value;
      if (!(await bits.refill())) throw this.cut("the packet lacks its end word");
      return bits.take(count);
    };
    // T4's first index and every difference are written with 2 added.
    const shift = this.kind === 4 ? 2 : 0;
    for (let time = 0; ; ) {
      let difference = await take(width);
      if (difference === 1) {
        // The end word has its base bits too, which may fill a word more.
        if (base > 0) await take(base);
        return;
      }
      if (difference === 0) {
        const upper = width < 32 ? await take(32 - width) : 0;
        difference = upper * 2 ** width + (await take(width));
      }
      const code = base > 0 ? await take(base) : 0;
      time += difference - shift;
      out.tick[out.length] = time;
      out.code[out.length++] = code;
      if (out.length === eventsPerBatch) yield;
    }
  }

  private async *readT3(out: EventBuffer): AsyncGenerator<void> {
    const [width] = this.parameters as [number];
    const bits = new BitReader(this.words);
    for (let n = 0; n < this.length; n++) {
      let code = bits.take(width);
      if (code < 0) {
        if (!(await bits.refill())) throw this.cut(`the packet claims ${this.length} entries`);
        code = bits.take(width);
      }
      out.tick[out.length] = n;
      out.code[out.length++] = code;
      if (out.length === eventsPerBatch) yield;
    }
  }

  private cut(message: string) {
    return this.error("DUMP_TRUNCATED_RECORD", `the dump ends inside a packet: ${message}`);
  }

  private error(code: Parameters<typeof dumpError>[0], message: string, shift = 0) {
    const record = this.packets.length;
    return dumpError(code, this.source.name, `${message} (packet ${record})`, {
      offset: Math.max(0, this.words.position + shift),
      record,
    });
  }
}

/** u32 words of the source, LE. */
class WordReader {
  position = 0;
  private readonly bytes = new Uint8Array(65_536);
  private readonly words = new Uint32Array(this.bytes.buffer);
  private count = 0;
  private used = 0;
  constructor(private readonly source: ByteSource) {}

  async next(): Promise<number | undefined> {
    if (this.used === this.count) {
      this.count = (await this.source.read(this.bytes)) >>> 2;
      this.used = 0;
      if (this.count === 0) return undefined;
    }
    this.position += 4;
    return this.words[this.used++]!;
  }
}

/** Bits from the MSB of each word on. */
class BitReader {
  private value = 0n;
  private held = 0;
  constructor(private readonly words: WordReader) {}

  /** −1 if a word more is needed first. */
  take(count: number): number {
    if (this.held < count) return -1;
    this.held -= count;
    const taken = this.value >> BigInt(this.held);
    this.value &= (1n << BigInt(this.held)) - 1n;
    return Number(taken);
  }

  async refill(): Promise<boolean> {
    const word = await this.words.next();
    if (word === undefined) return false;
    this.value = (this.value << 32n) | BigInt(word);
    this.held += 32;
    return true;
  }
}

/** Tags with the extended epoch alone; plain 1 to 4 would match too much. */
export function looksLikePackets(head: Uint8Array): Kind | undefined {
  if (head.length < 16 || head[1] !== 1 || head[2] !== 0 || head[3] !== 0) return undefined;
  const kind = head[0]!;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const width = view.getUint32(12, true);
  if (kind === 1 && width === 49) return 1;
  if (kind === 3 && width >= 1 && width <= 8) return 3;
  if ((kind === 2 || kind === 4) && width >= 2 && width <= 32) return kind;
  return undefined;
}
