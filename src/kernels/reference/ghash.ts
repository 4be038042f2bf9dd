/** GHASH as NIST SP 800-38D defines it, algorithms 1 and 2: one bit at a time. */

const reduction = 0xe1n << 120n;

/** @param parts each padded with zeros to whole blocks */
export function ghash(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  let sum = 0n;
  for (const part of parts)
    for (let at = 0; at < part.length; at += 16)
      sum = multiply(sum ^ element(part.subarray(at, at + 16)), element(key));
  return new Uint8Array(Buffer.from(sum.toString(16).padStart(32, "0"), "hex"));
}

function element(block: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(block).toString("hex").padEnd(32, "0")}`);
}

function multiply(a: bigint, b: bigint): bigint {
  let [product, shifted] = [0n, b];
  for (let i = 127n; i >= 0n; i--) {
    if ((a >> i) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ reduction : shifted >> 1n;
  }
  return product;
}
