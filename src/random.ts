/** Where randomness comes from: node:crypto, or what a test injects. Never a seeded generator in the pipeline. */
import { randomBytes } from "node:crypto";

/** Returns that many fresh uniform bytes. */
export type RandomSource = (bytes: number) => Uint8Array;

export const systemRandom: RandomSource = (bytes) => new Uint8Array(randomBytes(bytes));
