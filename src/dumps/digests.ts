/** Digests of a dump's events, one batch after the other (FORMATS.md, top). */
import { createHash, type Hash } from "node:crypto";
import type { NativeBatch } from "./types.js";

/** SHA-256 over 9-byte records {t u64, code}, with and without markers; T3: 11-byte records {nsync, dtime, code}. */
export class EventDigests {
  private readonly all = createHash("sha256");
  private readonly photons = createHash("sha256");
  private readonly t3: Hash | undefined;

  constructor(
    isT3: boolean,
    private readonly isMarker: (code: number) => boolean,
  ) {
    this.t3 = isT3 ? createHash("sha256") : undefined;
  }

  add(batch: NativeBatch): void {
    const { length, code } = batch;
    const all = Buffer.alloc(length * 9);
    const photons = Buffer.alloc(length * 9);
    const t3 = this.t3 ? Buffer.alloc(length * 11) : undefined;
    const baseLow = Number(BigInt.asUintN(32, batch.base));
    const baseHigh = Number(BigInt.asUintN(32, batch.base >> 32n));
    let photon = 0;
    for (let i = 0; i < length; i++) {
      const sum = baseLow + batch.tick[i]!;
      const low = ((sum % 2 ** 32) + 2 ** 32) % 2 ** 32;
      const high = (baseHigh + Math.floor(sum / 2 ** 32)) >>> 0;
      const c = code[i]!;
      all.writeUInt32LE(low, i * 9);
      all.writeUInt32LE(high, i * 9 + 4);
      all[i * 9 + 8] = c;
      if (!this.isMarker(c)) all.copy(photons, photon++ * 9, i * 9, i * 9 + 9);
      if (t3) {
        all.copy(t3, i * 11, i * 9, i * 9 + 8);
        t3.writeUInt16LE(batch.dtime![i]!, i * 11 + 8);
        t3[i * 11 + 10] = c;
      }
    }
    this.all.update(all);
    this.photons.update(photons.subarray(0, photon * 9));
    if (t3) this.t3!.update(t3);
  }

  finish(): { digest: string; digestPhotons: string; digestT3?: string } {
    return {
      digest: this.all.digest("hex"),
      digestPhotons: this.photons.digest("hex"),
      ...(this.t3 ? { digestT3: this.t3.digest("hex") } : {}),
    };
  }
}
