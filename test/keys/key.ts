import type { SecretKey } from "../../src/keys/types.js";

/** A key as a test needs it; the number makes it different from others. */
export function key(number: number, change: Partial<SecretKey> = {}): SecretKey {
  return {
    id: `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`,
    bytes: Uint8Array.from({ length: 32 }, (_, i) => (number * 37 + i * 11) & 255),
    bits: 256,
    link: "test",
    block: number,
    epsilon: { secrecy: 1e-9, correctness: 1e-15, authentication: 1e-30 },
    proof: "tomamichel2012-bbm92",
    length: "variable",
    accounting: "one-way",
    assumptions: [],
    authentication: "wegman-carter",
    hash: "toeplitz",
    createdAt: "2026-11-25T00:00:00.000Z",
    software: "test",
    ...change,
  };
}
