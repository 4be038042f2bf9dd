/**
 * Amplify: the verified key hashed by [I | T], T a Toeplitz matrix from n − 1 seed bits drawn now, after the block's last
 * detection, used once (FORMULAS.md 7; M. Hayashi, T. Tsurumaru, IEEE Trans. Inf. Theory 62, 2213 (2016), section III).
 * It is two-universal as the full T is (kernels/toeplitz.ts), with half of the seed to send and of the work where much
 * key is left. Seed and key IDs go in pieces (channel/pieces.ts).
 *
 *   Alice → Bob  amplify.length  bits of key, ledger's total, slot of the pool that the rest goes to
 *   Alice → Bob  amplify.ids     … of the keys that the rest is cut into
 *   Alice → Bob  amplify.seed
 */
import { z } from "zod";
import { BitString, byteLength } from "../bits.js";
import { receiveBytes, receivePieces, sendBytes, sendPieces } from "../channel/pieces.js";
import { wireCount } from "../channel/schemas.js";
import { QkdError } from "../errors.js";
import { seedBits } from "../kernels/toeplitz.js";
import type { Executor } from "../workers/executor.js";
import { toeplitz } from "../workers/toeplitz.js";
import type { StageContext } from "./context.js";
import type { SecuredLength } from "./secure.js";

const idsOfPiece = 2 ** 14;
const lengthSchema = z.strictObject({
  bits: wireCount,
  leak: wireCount,
  slot: wireCount.optional(),
});
const idsSchema = z.strictObject({ ids: z.array(z.uuid()).max(idsOfPiece) });

export interface Amplified {
  readonly key: BitString;
  readonly ids: readonly string[];
  /** Where the pool takes the last `poolBits` of the key. */
  readonly slot?: number;
}

export const amplifySeedBits = (n: number): number => seedBits(n, n, "identity");

/** @param seed `amplifySeedBits` of the word's length; of this word alone */
export function hashWord(executor: Executor, word: BitString, seed: BitString, bits: number): Promise<BitString> {
  return toeplitz(executor, word, seed, bits, { form: "identity" });
}

/** @param before runs once the seed exists and before a bit of it leaves: the block can never be distilled again */
export async function amplifyAsAlice(
  context: StageContext,
  word: BitString,
  length: SecuredLength,
  ids: readonly string[],
  slot: number | undefined,
  before: () => Promise<void>,
): Promise<Amplified> {
  const chosen = slot === undefined ? {} : { slot };
  await context.channel.send("amplify.length", { bits: length.bits, leak: length.leak, ...chosen });
  await sendPieces(context.channel, "amplify.ids", ids.length, idsOfPiece, (from, to) => ({
    ids: ids.slice(from, to),
  }));
  const bits = length.bits + length.poolBits;
  const seedLength = amplifySeedBits(word.length);
  const seed = BitString.adopt(context.random(byteLength(seedLength)), seedLength);
  await before();
  await sendBytes(context.channel, "amplify.seed", { piece: seed.bytes });
  const key = await hashWord(context.executor, word, seed, bits);
  return { key, ids, ...chosen };
}

export async function amplifyAsBob(
  context: StageContext,
  word: BitString,
  length: SecuredLength,
  keyCount: number,
  expectSlot: (slot: number) => void,
  before: () => Promise<void>,
): Promise<Amplified> {
  const alice = await context.channel.receive("amplify.length", lengthSchema);
  if (alice.bits !== length.bits || alice.leak !== length.leak)
    throw new QkdError("SECURITY_ENDS_DISAGREE", "The two ends computed different key lengths; the block is dropped.", {
      block: context.index,
      aliceBits: alice.bits,
      bobBits: length.bits,
      aliceLeak: alice.leak,
      bobLeak: length.leak,
    });
  if ((alice.slot !== undefined) !== length.poolBits > 0)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice's slot of the pool does not fit the link.");
  if (alice.slot !== undefined) expectSlot(alice.slot);
  const ids: string[] = [];
  await receivePieces(context.channel, "amplify.ids", idsSchema, keyCount, idsOfPiece, (piece, from, to) => {
    if (piece.ids.length !== to - from) throw wrongIds();
    for (const id of piece.ids) ids.push(id);
  });
  if (new Set(ids).size !== ids.length) throw wrongIds();
  const bits = length.bits + length.poolBits;
  const seedLength = amplifySeedBits(word.length);
  await before();
  const { piece } = await receiveBytes(context.channel, "amplify.seed", { piece: byteLength(seedLength) });
  const key = await hashWord(context.executor, word, BitString.adopt(piece, seedLength), bits);
  return { key, ids, ...(alice.slot === undefined ? {} : { slot: alice.slot }) };
}

function wrongIds(): QkdError {
  return new QkdError("CHANNEL_MESSAGE_INVALID", "Alice's key IDs do not fit the number of keys.");
}
