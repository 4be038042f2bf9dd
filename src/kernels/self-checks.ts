/**
 * Known answers of the WASM kernels for the start-up test (security/self-test.ts): inputs from SHA-256 in counter mode,
 * answers as digests, computed by the twins in reference/. The test suite holds the twins against the same digests.
 */
import { createHash } from "node:crypto";
import { BitString, byteLength } from "../bits.js";
import type { LdpcCode } from "../codes/index.js";
import { decode, syndrome } from "./ldpc.js";
import { siftBob } from "./sift.js";
import { toeplitz } from "./toeplitz.js";
import { WasmInstance } from "./wasm.js";

/** As the functions of kernels/index.ts. */
export interface CheckedKernels {
  toeplitz(input: BitString, seed: BitString, outputBits: number): BitString;
  siftBob(input: Parameters<typeof siftBob>[1]): ReturnType<typeof siftBob>;
  syndrome(code: LdpcCode, word: BitString): BitString;
  decode(
    code: LdpcCode,
    word: BitString,
    target: BitString,
    options: { readonly qber: number },
  ): { ok: boolean; word: BitString };
}

export interface KernelCheck {
  readonly name: string;
  readonly expected: string;
  run(): string;
}

function knownBits(seed: string, length: number): BitString {
  const bytes = new Uint8Array(byteLength(length));
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const part = createHash("sha256")
      .update(`${seed} ${i}`)
      .digest()
      .subarray(0, bytes.length - at);
    bytes.set(part, at);
    at += part.length;
  }
  return BitString.from(bytes, length);
}

function digest(...parts: readonly BitString[]): string {
  const hash = createHash("sha256");
  for (const { bytes, length } of parts) hash.update(`${length}:`).update(bytes);
  return hash.digest("hex").slice(0, 32);
}

/** A small quasi-cyclic code of column weight three. */
function smallCode(): LdpcCode {
  const [rows, columns, lifting] = [4, 12, 128];
  const entries = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => ({ c, shift: (17 * r * c + 5 * c * c) % lifting })).filter(
      ({ c }) => c % rows !== r,
    ),
  );
  const starts = (lengths: readonly number[]) => {
    const out = new Uint32Array(lengths.length + 1);
    lengths.forEach((length, i) => {
      out[i + 1] = out[i]! + length;
    });
    return out;
  };
  const checks = entries.flatMap((row) =>
    Array.from({ length: lifting }, (_, z) =>
      row.map(({ c, shift }) => c * lifting + ((z + shift) % lifting)).sort((a, b) => a - b),
    ),
  );
  return {
    n: columns * lifting,
    m: rows * lifting,
    rowStart: starts(checks.map(({ length }) => length)),
    columns: Uint32Array.from(checks.flat()),
    quasiCyclic: {
      rows,
      columns,
      lifting,
      rowStart: starts(entries.map(({ length }) => length)),
      entryColumn: Uint32Array.from(entries.flat(), ({ c }) => c),
      entryShift: Uint32Array.from(entries.flat(), ({ shift }) => shift),
    },
  };
}

/** On an instance of their own, or on what a test gives. */
export function kernelChecks(kernels: CheckedKernels = onInstance(new WasmInstance())): KernelCheck[] {
  const hash = (n: number, bits: number) =>
    digest(kernels.toeplitz(knownBits("x", n), knownBits("s", n + bits - 1), bits));
  return [
    { name: "Toeplitz kernel, blocks", expected: "cd0ff346741565f92cd8f14bcea00c3b", run: () => hash(1003, 397) },
    {
      name: "Toeplitz kernel, transform",
      expected: "d7d2201ff3962388fd7cf12e32de8e31",
      run: () => hash(12_345, 6_789),
    },
    {
      name: "sifting kernel",
      expected: "c22e355aa4edce20fc6372136596f2f0",
      run: () => {
        const [bit, basis, same] = ["bit", "basis", "same"].map((name) => knownBits(name, 1001)) as [
          BitString,
          BitString,
          BitString,
        ];
        const { key, check } = kernels.siftBob({ bit, basis, same, keyBasis: 0 });
        return digest(key, check);
      },
    },
    {
      name: "syndrome kernel",
      expected: "59377d38767e62becee4be30433a165c",
      run: () => {
        const code = smallCode();
        return digest(kernels.syndrome(code, knownBits("word", code.n)));
      },
    },
    {
      name: "LDPC decoder kernel",
      expected: "c2f0b82fcbeee96c65aa384d77b7f5de",
      run: () => {
        const code = smallCode();
        const sent = knownBits("word", code.n);
        const got = BitString.from(sent.bytes, sent.length);
        for (let i = 5; i < code.n; i += 111) got.bytes[i >>> 3]! ^= 1 << (i & 7);
        const { ok, word } = kernels.decode(code, got, kernels.syndrome(code, sent), { qber: 0.01 });
        return ok ? digest(word) : "not decoded";
      },
    },
  ];
}

function onInstance(wasm: WasmInstance): CheckedKernels {
  return {
    toeplitz: (input, seed, bits) => toeplitz(wasm, input, seed, bits),
    siftBob: (input) => siftBob(wasm, input),
    syndrome: (code, word) => syndrome(wasm, code, word),
    decode: (code, word, target, options) => decode(wasm, code, word, target, options),
  };
}
