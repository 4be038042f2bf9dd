/**
 * Amplify: the verified key hashed by [I | T], T a Toeplitz matrix from n − 1 seed bits drawn now, after the block's last
 * detection, used once (FORMULAS.md 7; M. Hayashi, T. Tsurumaru, IEEE Trans. Inf. Theory 62, 2213 (2016), section III).
 * It is two-universal as the full T is (kernels/toeplitz.ts), with half of the seed to send and of the work where much
 * key is left. The seed goes in pieces so that no message is larger than a frame.
 *
 *   Alice → Bob  amplify.length  bits of key, ledger's total, key IDs, slot of the pool that the rest goes to
 *   Alice → Bob  amplify.seed    … piece by piece
 */
import { z } from "zod";
import { BitString, byteLength } from "../bits.js";
import { wireBytes, wireCount } from "../channel/schemas.js";
import { QkdError } from "../errors.js";
import { seedBits } from "../kernels/toeplitz.js";
import type { Executor } from "../workers/executor.js";
import { toeplitz } from "../workers/toeplitz.js";
import type { StageContext } from "./context.js";
import type { SecuredLength } from "./secure.js";

const pieceBytes = 4 * 2 ** 20;
const lengthSchema = z.strictObject({
  bits: wireCount,
  leak: wireCount,
  ids: z.array(z.uuid()).max(1 << 20),
  slot: wireCount.optional(),
});
const seedSchema = z.strictObject({ piece: wireBytes });

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
  await context.channel.send("amplify.length", { bits: length.bits, leak: length.leak, ids, ...chosen });
  const bits = length.bits + length.poolBits;
  const seedLength = amplifySeedBits(word.length);
  const seed = BitString.adopt(context.random(byteLength(seedLength)), seedLength);
  await before();
  for (let at = 0; at < seed.bytes.length; at += pieceBytes)
    await context.channel.send("amplify.seed", { piece: seed.bytes.subarray(at, at + pieceBytes) });
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
  if (alice.ids.length !== keyCount || new Set(alice.ids).size !== alice.ids.length)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice's key IDs do not fit the number of keys.");
  if ((alice.slot !== undefined) !== length.poolBits > 0)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice's slot of the pool does not fit the link.");
  if (alice.slot !== undefined) expectSlot(alice.slot);
  const bits = length.bits + length.poolBits;
  const seedLength = amplifySeedBits(word.length);
  const bytes = new Uint8Array(byteLength(seedLength));
  await before();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const { piece } = await context.channel.receive("amplify.seed", seedSchema);
    if (piece.length !== Math.min(pieceBytes, bytes.length - at))
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "A piece of the seed has the wrong length.");
    bytes.set(piece, at);
  }
  const key = await hashWord(context.executor, word, BitString.adopt(bytes, seedLength), bits);
  return { key, ids: alice.ids, ...(alice.slot === undefined ? {} : { slot: alice.slot }) };
}
