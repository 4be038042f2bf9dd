/**
 * The ε budget: what may fail, by how much, and how it adds up (FORMULAS.md 6, 8, 10).
 *
 *   block   ε = ε_sec + ε_cor + (number of tags)·ε_auth,  blocks add; a key made of blocks carries the sum
 *   ε_cor   ≥ Σ over the block's verifications of B_i·2^-t_i
 *   ε_auth  ≤ (16-byte blocks of the longer direction + 8)·2^-128 a tag (Wegman–Carter by GHASH, hash key recycled)
 *
 * Over a link's life the blocks' ε are summed once each, pads that came from the link's own output included.
 */
import { QkdError } from "../errors.js";
import { verificationBlocks, verificationTagBits } from "./verification.js";

export interface Epsilon {
  readonly secrecy: number;
  readonly correctness: number;
  readonly authentication: number;
}

/** One verification of a block's key, accepted or not. */
export interface Verification {
  /** Bits of the key that was hashed. */
  readonly bits: number;
  readonly tagBits: number;
}

/** ε_auth of one tag over a transcript of so many 16-byte blocks in its longer direction (channel/authentication.ts). */
export function tagEpsilon(transcriptBlocks: number): number {
  return (transcriptBlocks + 16) * 2 ** -128;
}

/** What the verifications of a block leave: the probability that different keys passed one of them. */
export function collisionEpsilon(verifications: readonly Verification[]): number {
  return verifications.reduce((sum, { bits, tagBits }) => sum + verificationBlocks(bits, tagBits) * 2 ** -tagBits, 0);
}

/**
 * The shortest tag, in whole bytes, that keeps `attempts` verifications of a key of `bits` bits within ε_cor: for
 * planning; the engine always uses 128 bits and checks that they do.
 * @throws QkdError SECURITY_TAG_TOO_SHORT where 128 bits are not enough
 */
export function shortestTag(bits: number, attempts: number, epsCor: number): number {
  for (let tagBits = 32; tagBits <= verificationTagBits; tagBits += 8)
    if (attempts * collisionEpsilon([{ bits, tagBits }]) <= epsCor) return tagBits;
  throw tooShort(bits, attempts, epsCor);
}

export class EpsilonBudget {
  private readonly verifications: Verification[] = [];
  private tags = 0;
  private tagSum = 0;

  /** @param secrecy ε_sec and @param correctness ε_cor of the block, from the link description */
  constructor(
    readonly secrecy: number,
    readonly correctness: number,
  ) {
    for (const [name, epsilon] of Object.entries({ secrecy, correctness }))
      if (!(epsilon > 0 && epsilon < 1))
        throw new QkdError("SECURITY_EPS_RANGE", `The ${name} epsilon must lie in (0, 1).`, { field: name });
  }

  /**
   * To be called before a verification tag leaves. @throws QkdError SECURITY_TAG_TOO_SHORT where the block's sum would
   * exceed ε_cor
   */
  verify(bits: number, tagBits = verificationTagBits): void {
    const after = [...this.verifications, { bits, tagBits }];
    if (!(collisionEpsilon(after) <= this.correctness)) throw tooShort(bits, after.length, this.correctness);
    this.verifications.push({ bits, tagBits });
  }

  /** An authentication tag of either end over the block's transcript. */
  authenticate(transcriptBlocks: number): void {
    this.tags++;
    this.tagSum += tagEpsilon(transcriptBlocks);
  }

  /** Verification tag bits published: T of the key length (FORMULAS.md 4). */
  get verificationBits(): number {
    return this.verifications.reduce((sum, { tagBits }) => sum + tagBits, 0);
  }

  get authenticationTags(): number {
    return this.tags;
  }

  get epsilon(): Epsilon {
    return { secrecy: this.secrecy, correctness: this.correctness, authentication: this.tagSum };
  }
}

/** Of a key assembled from blocks, or of all that a link ever gave: each block counts once. */
export function sumEpsilon(blocks: readonly Epsilon[]): Epsilon {
  const sum = (of: (epsilon: Epsilon) => number) => blocks.reduce((total, block) => total + of(block), 0);
  return {
    secrecy: sum((block) => block.secrecy),
    correctness: sum((block) => block.correctness),
    authentication: sum((block) => block.authentication),
  };
}

/** ε of the whole: by how much the key differs from a perfect one. */
export function totalEpsilon({ secrecy, correctness, authentication }: Epsilon): number {
  return secrecy + correctness + authentication;
}

/** `variable`: what the counts allow. `fixed`: that many bits or none, decided before the block (FORMULAS.md 10). */
export type LengthMode = { readonly length: "variable" } | { readonly length: "fixed"; readonly secretBits: number };

export interface GrantedBits {
  /** For the sink. */
  readonly bits: number;
  /** For the authentication pool, beside them. */
  readonly poolBits: number;
  readonly reason?: "KEY_TOO_SHORT" | "BELOW_FIXED_LENGTH";
}

/** A pad for each direction. */
const padPairBits = 256;

/**
 * Bits that a block gives under the link's mode: first pads for the pool, as far as a bit of key is left for the sink,
 * then keys, whole ones where the block is split.
 * @param possible ℓ of the bound, from counts and ledger  @param pads asked for, for each direction
 */
export function grantedBits(mode: LengthMode, possible: number, keyBits?: number, pads = 0): GrantedBits {
  const none = (reason: NonNullable<GrantedBits["reason"]>) => ({ bits: 0, poolBits: 0, reason });
  if (!Number.isSafeInteger(possible) || possible < 0) throw new RangeError("a key length is a whole number ≥ 0");
  if (possible === 0) return none("KEY_TOO_SHORT");
  if (mode.length === "fixed" && possible < mode.secretBits) return none("BELOW_FIXED_LENGTH");
  const given = mode.length === "fixed" ? mode.secretBits : possible;
  const least = keyBits ?? 1;
  if (given < least) return none("KEY_TOO_SHORT");
  const poolBits = padPairBits * Math.min(pads, Math.floor((given - least) / padPairBits));
  const left = given - poolBits;
  return { bits: keyBits ? left - (left % keyBits) : left, poolBits };
}

function tooShort(bits: number, attempts: number, epsCor: number): QkdError {
  return new QkdError(
    "SECURITY_TAG_TOO_SHORT",
    `${attempts} verification(s) of ${bits} bits by ${verificationTagBits}-bit tags exceed the correctness epsilon ${epsCor}.`,
    { bits, attempts, epsCor },
  );
}
