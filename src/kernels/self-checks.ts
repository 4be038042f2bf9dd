/**
 * Known answers of the WASM kernels for the start-up test (security/self-test.ts): inputs from SHA-256 in counter mode,
 * answers as digests, computed by the twins in reference/. The test suite holds the twins against the same digests.
 */
import { createHash } from "node:crypto";
import { BitString, byteLength } from "../bits.js";
import type { LdpcCode } from "../codes/index.js";
import { CascadeKernel } from "./cascade.js";
import { type AliceHalf, type BobHalf, type FrameShape, frameShape } from "./cascade-halves.js";
import { CascadeOrders } from "./cascade-order.js";
import { decode, syndrome } from "./ldpc.js";
import { siftAlice, siftBob } from "./sift.js";
import { toeplitz } from "./toeplitz.js";
import { WasmInstance } from "./wasm.js";

/** As the functions of kernels/index.ts. */
export interface CheckedKernels {
  toeplitz(input: BitString, seed: BitString, outputBits: number): BitString;
  siftAlice(input: Parameters<typeof siftAlice>[1]): ReturnType<typeof siftAlice>;
  siftBob(input: Parameters<typeof siftBob>[1]): ReturnType<typeof siftBob>;
  cascadeAlice(shape: FrameShape, orders: CascadeOrders, word: Uint8Array): AliceHalf;
  cascadeBob(shape: FrameShape, orders: CascadeOrders, word: Uint8Array, together: number): BobHalf;
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

const cascadeBits = 4096;
const cascadeLevels = [5, 6, 8];

/** Two passes over a frame with errors: all that was said, and the word that Bob ends with. */
function cascaded({ cascadeAlice, cascadeBob }: CheckedKernels): string {
  const shape = frameShape(cascadeBits, cascadeLevels[0]!);
  const orders = new CascadeOrders(cascadeBits, Uint32Array.of(1, 2, 3, 4));
  const sent = knownBits("frame", cascadeBits).bytes;
  const got = sent.slice();
  for (let i = 3; i < cascadeBits; i += 97) got[i >>> 3]! ^= 1 << (i & 7);
  const [alice, bob] = [cascadeAlice(shape, orders, sent), cascadeBob(shape, orders, got, 64)];
  const said = createHash("sha256");
  for (const level of cascadeLevels) {
    const { bytes } = alice.start(level);
    said.update(bytes);
    bob.start(level, bytes);
    for (let asked = bob.next(); asked.kind !== "none"; asked = bob.next()) {
      const words = asked.kind === "go" ? asked.bytes : new Uint32Array(asked.bytes.slice().buffer);
      said.update(`${asked.kind} ${words}`);
      const answer = alice[asked.kind](asked.bytes);
      if (!answer) throw new Error("an honest request was refused");
      said.update(answer.bytes);
      bob.take(answer.bytes);
    }
  }
  const key = knownBits("tag", 64).bytes;
  const equal = Buffer.from(alice.tag(key)).equals(bob.tag(key)) && Buffer.from(bob.word()).equals(sent);
  for (const half of [alice, bob]) half.zeroise();
  return equal ? said.digest("hex").slice(0, 32) : "not reconciled";
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
      name: "sifting kernel of Alice",
      expected: "690eea4ff492ad6d466df80382e39d0c",
      run: () => {
        const preparation = knownBits("preparation", 8 * 3000).bytes;
        const slots = Uint32Array.from({ length: 1001 }, (_, i) => (i * 5987) % 6000);
        const { same, key, check, nKey, nCheck } = kernels.siftAlice({
          preparation,
          slots,
          bobBasis: knownBits("basis", 1001),
          keyBasis: 1,
        });
        return digest(same, key, check, BitString.from(Uint8Array.from([...nKey, ...nCheck])));
      },
    },
    { name: "Cascade kernel", expected: "9eeb46f62d834545f5fc70a72cbc504b", run: () => cascaded(kernels) },
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
    siftAlice: (input) => siftAlice(wasm, input),
    siftBob: (input) => siftBob(wasm, input),
    cascadeAlice: (shape, orders, word) => new CascadeKernel(shape, orders).alice(word),
    cascadeBob: (shape, orders, word, together) => new CascadeKernel(shape, orders).bob(word, together),
    syndrome: (code, word) => syndrome(wasm, code, word),
    decode: (code, word, target, options) => decode(wasm, code, word, target, options),
  };
}
