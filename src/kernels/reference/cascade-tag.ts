/**
 * The tag that ends a Cascade frame: H_r(M) = Σ_i M_i r^i over GF(2^64), x^64 = x^4+x^3+x+1 (FORMULAS.md 6, t = 64).
 * M_i: 64 bits of the word, zero padded; the length is fixed by the protocol. Collision ≤ ⌈n/64⌉·2^-64. Horner's rule
 * with a table of r·byte·x^8k: eight look-ups a 64-bit word. It finds frames to repair; the block's own verification
 * follows separately.
 */
export class CascadeTag {
  private readonly low = new Uint32Array(8 * 256);
  private readonly high = new Uint32Array(8 * 256);

  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 8);
    let lo = view.getUint32(0, true);
    let hi = view.getUint32(4, true);
    for (let bit = 0; bit < 64; bit++) {
      const base = (bit >>> 3) * 256;
      const value = 1 << (bit & 7);
      for (let rest = 0; rest < value; rest++) {
        this.low[base + value + rest] = lo ^ this.low[base + rest]!;
        this.high[base + value + rest] = hi ^ this.high[base + rest]!;
      }
      const carry = hi >>> 31;
      hi = (hi << 1) | (lo >>> 31);
      lo = (lo << 1) ^ (carry ? 0x1b : 0);
    }
  }

  /** @param bits one bit a byte @returns 8 bytes, little-endian */
  of(bits: Uint8Array): Uint8Array {
    let lo = 0;
    let hi = 0;
    for (let at = Math.ceil(bits.length / 64) * 64 - 64; at >= 0; at -= 64) {
      for (let i = 0; i < 32; i++) {
        lo ^= (bits[at + i] ?? 0) << i;
        hi ^= (bits[at + 32 + i] ?? 0) << i;
      }
      let nextLo = 0;
      let nextHi = 0;
      for (let byte = 0; byte < 8; byte++) {
        const value = ((byte < 4 ? lo : hi) >>> ((byte & 3) * 8)) & 255;
        nextLo ^= this.low[byte * 256 + value]!;
        nextHi ^= this.high[byte * 256 + value]!;
      }
      lo = nextLo;
      hi = nextHi;
    }
    const out = new Uint8Array(8);
    const view = new DataView(out.buffer);
    view.setUint32(0, lo >>> 0, true);
    view.setUint32(4, hi >>> 0, true);
    return out;
  }
}
