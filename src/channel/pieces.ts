/**
 * Lists that grow with a block, in pieces: no message is larger for a longer block. Both ends know beforehand how many
 * there will be, and the sender is only a few ahead, so that what a block queues at the receiver is bounded and no other
 * block's messages wait behind it:
 *
 *   sender → receiver  <type>       the next piece; one that is empty where there is nothing to send
 *   receiver → sender  <type>.more  so many have been taken; not of the last ones, after which nobody waits
 */
import { type ZodType, z } from "zod";
import { QkdError } from "../errors.js";
import { decodeRising, decodeSlots, encodeRising, encodeSlots, mostSlotBytes } from "./encoding.js";
import { wireBytesTo, wireCount } from "./schemas.js";
import type { BlockChannel } from "./types.js";

/** Of each field. With `ahead` and the blocks in work at once, stays below what a connection queues without a pause. */
const pieceBytes = 2 ** 20;
const pieceValues = 2 ** 18;
const ahead = 3;

const moreSchema = z.strictObject({ taken: wireCount });

/** @param piece the values from one index to another */
export async function sendPieces(
  channel: BlockChannel,
  type: string,
  length: number,
  size: number,
  piece: (from: number, to: number) => object,
): Promise<void> {
  const pieces = countPieces(length, size);
  for (let i = 0; i < pieces; i++) {
    if (i >= ahead) {
      const { taken } = await channel.receive(`${type}.more`, moreSchema);
      if (taken !== i - ahead + 1) throw invalid(type, "were not taken one after the other");
    }
    await channel.send(type, piece(i * size, Math.min(length, (i + 1) * size)));
  }
}

/** @param take is to check that the piece holds these values, all and no more */
export async function receivePieces<T>(
  channel: BlockChannel,
  type: string,
  schema: ZodType<T>,
  length: number,
  size: number,
  take: (piece: T, from: number, to: number) => void,
): Promise<void> {
  const pieces = countPieces(length, size);
  for (let i = 0; i < pieces; i++) {
    take(await channel.receive(type, schema), i * size, Math.min(length, (i + 1) * size));
    if (i + ahead < pieces) await channel.send(`${type}.more`, { taken: i + 1 });
  }
}

/** Byte strings side by side, each piece with the next bytes of all; shorter ones end sooner. */
export async function sendBytes(
  channel: BlockChannel,
  type: string,
  fields: Readonly<Record<string, Uint8Array>>,
  size = pieceBytes,
): Promise<void> {
  const all = Object.entries(fields);
  const longest = Math.max(...all.map(([, bytes]) => bytes.length));
  await sendPieces(channel, type, longest, size, (from, to) =>
    Object.fromEntries(all.map(([name, bytes]) => [name, bytes.subarray(from, to)])),
  );
}

/** @param lengths in bytes. @throws QkdError CHANNEL_MESSAGE_INVALID */
export async function receiveBytes<K extends string>(
  channel: BlockChannel,
  type: string,
  lengths: Readonly<Record<K, number>>,
  size = pieceBytes,
): Promise<Record<K, Uint8Array>> {
  const names = Object.keys(lengths) as K[];
  const out = Object.fromEntries(names.map((name) => [name, new Uint8Array(lengths[name])])) as Record<K, Uint8Array>;
  const bounded = wireBytesTo(size);
  const schema = z.strictObject(Object.fromEntries(names.map((name) => [name, bounded])));
  const longest = Math.max(...names.map((name) => lengths[name]));
  await receivePieces(channel, type, schema, longest, size, (piece, from, to) => {
    for (const name of names) {
      const [own, bytes] = [out[name].subarray(from, to), piece[name]!];
      if (bytes.length !== own.length) throw invalid(type, "have the wrong length");
      own.set(bytes);
    }
  });
  return out;
}

/** @param slots strictly ascending safe integers ≥ 0 */
export function sendSlots(
  channel: BlockChannel,
  type: string,
  slots: Float64Array | Uint32Array,
  size = pieceValues,
): Promise<void> {
  return sendList(channel, type, slots, encodeSlots, size);
}

/** @param end all are below it. @throws QkdError CHANNEL_MESSAGE_INVALID */
export function receiveSlots(
  channel: BlockChannel,
  type: string,
  count: number,
  end: number,
  size = pieceValues,
): Promise<Float64Array> {
  return receiveList(channel, type, count, size, (list, n, last) => decodeSlots(list, n, end, last));
}

/** Rising but not strictly. */
export function sendRising(
  channel: BlockChannel,
  type: string,
  values: Float64Array,
  size = pieceValues,
): Promise<void> {
  return sendList(channel, type, values, encodeRising, size);
}

/** @param end none is above it, but for the number of a piece's values. @throws QkdError CHANNEL_MESSAGE_INVALID */
export function receiveRising(
  channel: BlockChannel,
  type: string,
  count: number,
  end: number,
  size = pieceValues,
): Promise<Float64Array> {
  return receiveList(channel, type, count, size, (list, n, last) => decodeRising(list, n, end, last));
}

/** @param encode the values behind `before` */
function sendList<T extends Float64Array | Uint32Array>(
  channel: BlockChannel,
  type: string,
  values: T,
  encode: (values: T, before?: number) => Uint8Array,
  size: number,
): Promise<void> {
  return sendPieces(channel, type, values.length, size, (from, to) => ({
    list: encode(values.subarray(from, to) as T, values[from - 1]),
  }));
}

async function receiveList(
  channel: BlockChannel,
  type: string,
  count: number,
  size: number,
  decode: (list: Uint8Array, count: number, last: number | undefined) => Float64Array,
): Promise<Float64Array> {
  const schema = z.strictObject({ list: wireBytesTo(size * mostSlotBytes) });
  let out = new Float64Array(Math.min(count, size));
  await receivePieces(channel, type, schema, count, size, ({ list }, from, to) => {
    // Memory is had for what has come, not for what is announced.
    if (to > out.length) {
      const larger = new Float64Array(Math.min(count, 2 * out.length));
      larger.set(out);
      out = larger;
    }
    out.set(decode(list, to - from, out[from - 1]), from);
  });
  return out;
}

function countPieces(length: number, size: number): number {
  return Math.max(1, Math.ceil(length / size));
}

function invalid(type: string, what: string): QkdError {
  return new QkdError("CHANNEL_MESSAGE_INVALID", `Pieces of ${type} ${what}.`, { type });
}
