/** Where randomness comes from: node:crypto, or what a test injects. Never a seeded generator in the pipeline. */
import { randomBytes } from "node:crypto";
import { QkdError } from "./errors.js";

/** Returns that many fresh uniform bytes. */
export type RandomSource = (bytes: number) => Uint8Array;

export const systemRandom: RandomSource = (bytes) => new Uint8Array(randomBytes(bytes));

/** A source from outside: keys and seeds must be as long as was asked. @throws QkdError USAGE_INVALID */
export function checkedRandom(source: RandomSource): RandomSource {
  return (bytes) => {
    const drawn = source(bytes);
    if (!(drawn instanceof Uint8Array) || drawn.length !== bytes)
      throw new QkdError("USAGE_INVALID", `random: it did not return the ${bytes} bytes that were asked for.`);
    return drawn;
  };
}
