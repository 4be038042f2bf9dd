/**
 * Verify: an ε-universal hash of the whole reconciled key under a fresh key tells whether the ends agree (FORMULAS.md 6).
 * The tag is Alice's; its bits are subtracted in the key length, not in the ledger. The outcome is public.
 *
 *   Alice → Bob  verify.tag      hash key and tag
 *   Bob → Alice  verify.verdict  equal or not; the number of errors he corrected, which costs its own bits where the
 *                                accounting is one-way (FORMULAS.md 5, "QBER reports")
 */
import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { BitString } from "../bits.js";
import { wireBytes, wireCount } from "../channel/schemas.js";
import { QkdError } from "../errors.js";
import { EpsilonBudget } from "../security/index.js";
import { countBits } from "../security/ledger.js";
import { verificationTag } from "../security/verification.js";
import type { StageContext } from "./context.js";
import type { SiftedBlock } from "./sift.js";

export const verificationTagBits = 128;
const tagBytes = verificationTagBits / 8;

const tagSchema = z.strictObject({ key: wireBytes, tag: wireBytes });
const verdictSchema = z.strictObject({ equal: z.boolean(), errors: z.array(wireCount).max(4) });

export interface Verdict {
  readonly equal: boolean;
  /** Key-basis errors by intensity; empty where the ends differ. */
  readonly errors: readonly number[];
}

export async function verifyAsAlice(context: StageContext, word: BitString, block: SiftedBlock): Promise<Verdict> {
  checkTag(context, word);
  const key = context.random(tagBytes);
  context.ledger.aside(verificationTagBits);
  await context.channel.send("verify.tag", { key, tag: verificationTag(key, word) });
  const verdict = await context.channel.receive("verify.verdict", verdictSchema);
  if (verdict.equal) {
    const fits = verdict.errors.length === block.nKey.length && verdict.errors.every((m, k) => m <= block.nKey[k]!);
    if (!fits) throw new QkdError("CHANNEL_MESSAGE_INVALID", "Bob reports more errors than there are key bits.");
    countReport(context, block);
  }
  return verdict;
}

/** @param word Bob's estimate of Alice's key */
export async function verifyAsBob(context: StageContext, word: BitString, block: SiftedBlock): Promise<Verdict> {
  checkTag(context, word);
  const { key, tag } = await context.channel.receive("verify.tag", tagSchema);
  if (key.length !== tagBytes || tag.length !== tagBytes)
    throw new QkdError("CHANNEL_MESSAGE_INVALID", "A verification tag or its key has the wrong length.");
  const equal = timingSafeEqual(verificationTag(key, word), tag);
  const errors = equal ? errorsByIntensity(word, block) : [];
  if (equal) countReport(context, block);
  context.ledger.aside(1);
  await context.channel.send("verify.verdict", { equal, errors });
  return { equal, errors };
}

/** @throws QkdError SECURITY_TAG_TOO_SHORT where the link asks for more than a tag gives */
function checkTag({ link: { epsilon } }: StageContext, word: BitString): void {
  new EpsilonBudget(epsilon.secrecy, epsilon.correctness).verify(word.length);
}

function countReport({ link, ledger }: StageContext, block: SiftedBlock): void {
  if (link.reconciliation.accounting !== "one-way") return;
  const bits = block.nKey.reduce((sum, n) => sum + countBits(n), 0);
  ledger.add("error-counts", bits);
}

function errorsByIntensity(word: BitString, block: SiftedBlock): number[] {
  const errors = block.nKey.map(() => 0);
  for (let byte = 0; byte < word.bytes.length; byte++) {
    for (let wrong = word.bytes[byte]! ^ block.key.bytes[byte]!; wrong; wrong &= wrong - 1) {
      errors[block.keyIntensity[byte * 8 + 31 - Math.clz32(wrong & -wrong)]!]!++;
    }
  }
  return errors;
}
