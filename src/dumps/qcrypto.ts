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
import { type DumpErrorCode, dumpError, warn } from "./faults.js";
import { type EventBuffer, handOver, newEventBuffer } from "./records.js";
import type { ByteSource } from "./source.js";
import type { Dump, DumpInfo, NativeBatch, OpenOptions, PacketInfo } from "./types.js";

/** 1/8 ns = 125 ps, in 10^-24 s; an epoch is 2^32 of them. */
const scale = { tick: 125_000_000_000_000n };
/** Past this a packet's times would leave what float64 holds exactly. */
const largestTime = 2 ** 52;

type Kind = 1 | 2 | 3 | 4;
const headerWords = { 1: 5, 2: 6, 3: 4, 4: 5 } as const;

const opener =
  (kind: Kind) =>
  async (source: ByteSource, options: OpenOptions): Promise<Dump> => {
    const packets: PacketInfo[] = [];
    const info = { ...newInfo(`qcrypto_T${kind}`, source.name, 125), packets, ...(kind > 2 ? { timeless: true } : {}) };
    return new StreamDump(info, source, () => readPackets(kind, source, info, options), scale);
  };

export const openQcryptoT1 = opener(1);
export const openQcryptoT2 = opener(2);
export const openQcryptoT3 = opener(3);
export const openQcryptoT4 = opener(4);

interface Packet {
  readonly epoch: number;
  /** Entries that the header claims; 0: it does not say. */
  readonly length: number;
  /** Bits of a difference or of T3's code, and of T2's and T4's code. */
  readonly width: number;
  readonly base: number;
  entries: number;
  /** Of the last entry, in the packet. */
  time: number;
}

type Fault = (code: DumpErrorCode, message: string, offset?: number) => Error;

async function* readPackets(
  kind: Kind,
  source: ByteSource,
  info: DumpInfo & { readonly packets: PacketInfo[] },
  options: OpenOptions,
): AsyncGenerator<NativeBatch> {
  const { packets } = info;
  const stream = new WordStream(source);
  const out = newEventBuffer();
  const decode = decoders[kind];
  const fault: Fault = (code, message, offset = stream.position) =>
    dumpError(code, source.name, `${message} (packet ${packets.length})`, { offset, record: packets.length });
  for (;;) {
    while (stream.left < headerWords[kind] && (await stream.fill()));
    if (stream.left === 0 && packets.length > 0) break;
    const packet = readHeader(kind, stream, fault);
    out.base = kind > 2 ? 0n : BigInt(packet.epoch) << 32n;
    for (let ended = false; !ended; ) {
      ended = decode(stream, packet, out);
      const { length } = out;
      if (!ended && length === 0 && !(await stream.fill()))
        throw fault("DUMP_TRUNCATED_RECORD", "the dump ends inside a packet", source.position);
      packet.entries += length;
      if (packet.length > 0 && (ended ? packet.entries !== packet.length : packet.entries > packet.length))
        throw fault("DUMP_BAD_RECORD", `a packet claims ${packet.length} entries and holds ${packet.entries} or more`);
      if (packet.time > largestTime) throw fault("DUMP_BAD_RECORD", "a packet's times go beyond 2^52 units");
      info.records += length;
      if (length > 0) yield* handOver(out);
    }
    stream.toNextWord();
    packets.push({ epoch: packet.epoch, entries: packet.entries });
    options.onProgress?.(source.position, source.size);
  }
  const stray = source.position - stream.position;
  if (stray > 0)
    warn(info, options.strict ?? false, "DUMP_TRUNCATED_RECORD", `${stray} stray bytes at the end are ignored`, {
      offset: stream.position,
      record: packets.length,
    });
  stream.words.fill(0);
}

function readHeader(kind: Kind, stream: WordStream, fault: Fault): Packet {
  const words = stream.take(headerWords[kind]);
  const [tag, epoch = 0, length = 0, width = 0, base = 0] = words;
  const start = stream.position - 4 * words.length;
  if (tag !== undefined && tag !== kind && tag !== (0x100 | kind))
    throw fault("DUMP_BAD_MAGIC", `0x${tag.toString(16)} is no tag of a type ${kind} packet`, start);
  if (words.length < headerWords[kind])
    throw fault("DUMP_TRUNCATED_HEADER", "the dump ends inside a packet's header or is empty");
  const fits =
    kind === 1
      ? width === 49 && base <= 15
      : kind === 3
        ? width >= 1 && width <= 8
        : width >= 2 && width <= 32 && base <= 8;
  if (!fits) throw fault("DUMP_BAD_TAG", `a packet's widths are ${width} and ${base} bits`, start + 12);
  return { epoch, length, width, base, entries: 0, time: 0 };
}

/** Decodes what there is of the packet, as far as a batch holds. True once its end was met. */
type Decode = (stream: WordStream, packet: Packet, out: EventBuffer) => boolean;

function decodeT1(stream: WordStream, _: Packet, out: EventBuffer): boolean {
  const { words } = stream;
  const { tick, code } = out;
  let length = 0;
  let ended = false;
  let i = stream.at >>> 5;
  for (const end = i + (stream.left & ~1); i < end && length < tick.length && !ended; i += 2) {
    const high = words[i]!;
    const low = words[i + 1]!;
    if ((high | low) === 0) ended = true;
    else {
      // 49 bits of time above 15 others; in its epoch 32 of them.
      tick[length] = ((high << 17) | (low >>> 15)) >>> 0;
      code[length++] = low & 15;
    }
  }
  stream.at = i * 32;
  out.length = length;
  return ended;
}

function decodeT3(stream: WordStream, packet: Packet, out: EventBuffer): boolean {
  const { words } = stream;
  const { tick, code } = out;
  const { width, entries } = packet;
  const there = Math.floor((stream.limit - stream.at) / width);
  const length = Math.min(there, packet.length - entries, tick.length);
  let { at } = stream;
  for (let i = 0; i < length; i++) {
    tick[i] = entries + i;
    code[i] = bitsAt(words, at) >>> (32 - width);
    at += width;
  }
  stream.at = at;
  out.length = length;
  return entries + length === packet.length;
}

/** @param shift what was added to each difference */
function differences(shift: number): Decode {
  return (stream, packet, out) => {
    const { words, limit } = stream;
    const { tick, code } = out;
    const { width, base } = packet;
    const upper = 32 - width;
    let { at } = stream;
    let { time } = packet;
    let length = 0;
    let ended = false;
    while (length < tick.length) {
      let next = at + width;
      let difference = bitsAt(words, at) >>> upper;
      if (difference === 0) {
        const above = upper > 0 ? bitsAt(words, next) >>> width : 0;
        difference = ((above << width) | (bitsAt(words, next + upper) >>> upper)) >>> 0;
        next += 32;
      } else if (difference === 1) ended = true;
      const bits = (bitsAt(words, next) >>> 1) >>> (31 - base);
      next += base;
      // The end word has its base bits too, which may fill a word more.
      if (next > limit) {
        ended = false;
        break;
      }
      at = next;
      if (ended) break;
      time += difference - shift;
      tick[length] = time;
      code[length++] = bits;
    }
    stream.at = at;
    packet.time = time;
    out.length = length;
    return ended;
  };
}

const decoders: Readonly<Record<Kind, Decode>> = {
  1: decodeT1,
  2: differences(0),
  3: decodeT3,
  // T4's first index and every difference are written with 2 added.
  4: differences(2),
};

/** The 32 bits from bit `at` on, the most significant of a word first. */
function bitsAt(words: Uint32Array, at: number): number {
  const i = at >>> 5;
  const shift = at & 31;
  return (words[i]! << shift) | ((words[i + 1]! >>> 1) >>> (31 - shift));
}

/** Words of the source, u32 LE, those that are not used yet. */
class WordStream {
  /** A few more than are ever filled: decoders may look past the end. */
  readonly words = new Uint32Array(heldWords + 8);
  /** Next bit. */
  at = 0;
  private readonly bytes = new Uint8Array(this.words.buffer, 0, heldWords * 4);
  private held = 0;
  constructor(private readonly source: ByteSource) {}

  /** Bits of whole words there are. */
  get limit(): number {
    return (this.held >>> 2) * 32;
  }
  /** Whole words not used yet. */
  get left(): number {
    return (this.limit - this.at) >>> 5;
  }
  /** The next bit's byte in the dump. */
  get position(): number {
    return this.source.position - this.held + (this.at >>> 3);
  }

  toNextWord(): void {
    this.at = (this.at + 31) & ~31;
  }

  take(count: number): number[] {
    const from = this.at >>> 5;
    const taken = [...this.words.subarray(from, from + Math.min(count, this.left))];
    this.at += 32 * taken.length;
    return taken;
  }

  /** False at the end of the dump. */
  async fill(): Promise<boolean> {
    const used = (this.at >>> 5) * 4;
    this.bytes.copyWithin(0, used, this.held);
    this.held -= used;
    this.at &= 31;
    const got = await this.source.readSome(this.bytes, this.held);
    this.held += got;
    return got > 0;
  }
}

const heldWords = 2 ** 16;

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
