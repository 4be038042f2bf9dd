/** Blocks of sifted slots without dumps and clocks, so that thousands of runs of the protocol are cheap. */
import { createHash } from "node:crypto";
import { BitString } from "../../src/bits.js";
import type { LockedSource, RawBlock } from "../../src/block-source.js";
import type { BlockSlots } from "../../src/stages/slots.js";

export function mulberry(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export interface MatchedBlocks {
  readonly alice: LockedSource;
  readonly bob: LockedSource;
}

/**
 * Each end measures a third in the check basis: of the slots with equal bases, a fifth is then of it.
 * @param same slots with equal bases, about  @param qber share of Bob's bits that are flipped where they are
 */
export function matchedBlocks(blocks: number, same: number, qber: number, seed: number): MatchedBlocks {
  const random = mulberry(seed);
  const slots = Math.round((same * 1.8) / 8) * 8;
  const alice: BlockSlots[] = [];
  const bob: BlockSlots[] = [];
  for (let index = 0; index < blocks; index++) {
    const bit = stream(`bits ${seed} ${index}`, slots);
    const bases = { alice: new Uint8Array(slots >>> 3), bob: new Uint8Array(slots >>> 3) };
    const noisy = bit.slice();
    for (let i = 0; i < slots; i++) {
      const mask = 1 << (i & 7);
      for (const basis of [bases.alice, bases.bob]) if (random(3) === 0) basis[i >>> 3]! |= mask;
      const equal = ((bases.alice[i >>> 3]! ^ bases.bob[i >>> 3]!) & mask) === 0;
      if (random(1_000_000) < (equal ? qber : 0.5) * 1_000_000) noisy[i >>> 3]! ^= mask;
    }
    const own = (bits: Uint8Array, basis: Uint8Array) => ({
      count: slots,
      basis: BitString.from(basis, slots),
      bit: BitString.from(bits, slots),
      vetoed: BitString.zeros(slots),
    });
    alice.push({ own: own(bit, bases.alice) });
    bob.push({ own: own(noisy, bases.bob) });
  }
  return { alice: source(alice), bob: source(bob) };
}

const none = BitString.zeros(0);
const nothing = { count: 0, basis: none, bit: none, vetoed: none };

function source(blocks: readonly BlockSlots[]): LockedSource {
  // A stage may wipe what it was given; another attempt needs the bits again.
  const raw = (index: number): RawBlock => ({
    index,
    slots: () => {
      const { own, ...rest } = blocks[index] ?? { own: nothing };
      const bit = BitString.from(own.bit.bytes, own.count);
      return Promise.resolve({ ...rest, own: { ...own, bit } });
    },
  });
  return {
    locked: true,
    async *blocks() {
      for (let index = 0; index < blocks.length; index++) yield raw(index);
    },
    empty: raw,
    facts: () => ({}),
  };
}

function stream(seed: string, bits: number): Uint8Array {
  const bytes = new Uint8Array(bits >>> 3);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const part = createHash("sha512").update(`${seed} ${i}`).digest();
    bytes.set(part.subarray(0, bytes.length - at), at);
    at += part.length;
  }
  return bytes;
}
