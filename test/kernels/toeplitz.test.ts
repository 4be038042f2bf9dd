import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { BitString, xorBits } from "../../src/bits.js";
import { toeplitzByKaratsuba } from "../../src/kernels/reference/karatsuba.js";
import { toeplitz as reference } from "../../src/kernels/reference/toeplitz.js";
import { seedBits, toeplitz, transformHash } from "../../src/kernels/toeplitz.js";
import { planToeplitz } from "../../src/kernels/toeplitz-plan.js";
import { WasmInstance } from "../../src/kernels/wasm.js";
import { InlineExecutor, PoolExecutor } from "../../src/workers/executor.js";
import { toeplitz as onExecutor } from "../../src/workers/toeplitz.js";
import { sharedFile, sharedFolder } from "../shared.js";

type Hash = (input: BitString, seed: BitString, outputBits: number) => BitString | Promise<BitString>;

const wasm = new WasmInstance();
const inline = new InlineExecutor();
const pool = new PoolExecutor(2);
afterAll(async () => {
  await Promise.all([inline.close(), pool.close()]);
});

/** A word of at most 16 bits. */
const small = (value: number, length: number) =>
  BitString.from(Uint8Array.of(value & 255, value >> 8).subarray(0, Math.ceil(length / 8)), length);
const kernel: Hash = (input, seed, outputBits) => toeplitz(wasm, input, seed, outputBits);
const ways: Record<string, { hash: Hash; most: number }> = {
  reference: { hash: reference, most: 20_000 },
  "Karatsuba on words": { hash: toeplitzByKaratsuba, most: 100_000 },
  kernel: { hash: kernel, most: 2 ** 24 },
  "one thread": { hash: (...call) => onExecutor(inline, ...call), most: 2 ** 24 },
  pool: { hash: (...call) => onExecutor(pool, ...call), most: 2 ** 24 },
};

/** Bits from SHAKE128 of a label: the vectors' inputs, and every other input of this suite. */
function bitsOf(label: string, length: number): BitString {
  const outputLength = Math.ceil(length / 8);
  const bytes = outputLength ? createHash("shake128", { outputLength }).update(label).digest() : new Uint8Array(0);
  return BitString.from(new Uint8Array(bytes), length);
}

function operands(n: number, outputBits: number, tag: string): { input: BitString; seed: BitString } {
  return {
    input: bitsOf(`qkd-pa-x:${n}:${outputBits}:${tag}`, n),
    seed: bitsOf(`qkd-pa-s:${n}:${outputBits}:${tag}`, Math.max(0, n + outputBits - 1)),
  };
}

const hex = (bits: BitString) => Buffer.from(bits.bytes).toString("hex");
const digest = (bits: BitString) => createHash("sha256").update(bits.bytes).digest("hex");

interface Vector {
  readonly n: number;
  readonly l: number;
  readonly tag: string;
  readonly sha256_y: string;
}

describe.each(Object.entries(ways))("%s", (_name, { hash, most }) => {
  test.skipIf(!sharedFolder)("gives the published vectors", { timeout: 60_000 }, async () => {
    const vectors = JSON.parse(readFileSync(sharedFile("vectors/toeplitz.json"), "utf8")) as Vector[];
    const here = vectors.filter(({ n }) => n <= most);
    expect(here.length).toBeGreaterThan(5);
    for (const { n, l, tag, sha256_y } of here) {
      const { input, seed } = operands(n, l, tag);
      expect(digest(await hash(input, seed, l)), `n = ${n}, l = ${l}`).toBe(sha256_y);
    }
  });

  test("gives a hash computed by hand", async () => {
    // n = 3, l = 2, s = 0,1,1,0, x = 1,0,1: y₀ = s₂ ⊕ s₀ = 1, y₁ = s₃ ⊕ s₁ = 1
    const y = await hash(BitString.from(Uint8Array.of(0b101), 3), BitString.from(Uint8Array.of(0b0110), 4), 2);
    expect([...y.bytes]).toEqual([0b11]);
  });

  test("an input of one bit selects its window of the seed", async () => {
    for (const [n, l] of [
      [1, 1],
      [3000, 3000],
      [20_000, 7_000],
    ] as const) {
      const { seed } = operands(n, l, "window");
      for (const j of [0, n >> 1, n - 1]) {
        const input = BitString.zeros(n);
        input.bytes[j >> 3]! |= 1 << (j & 7);
        expect(hex(await hash(input, seed, l))).toBe(hex(seed.slice(n - 1 - j, n - 1 - j + l)));
      }
    }
  });
});

test("1 800 random shapes up to 2 000 bits agree with the twin", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, ratio) => {
      const l = Math.round(n * ratio);
      const { input, seed } = operands(n, l, "small");
      expect(hex(kernel(input, seed, l) as BitString)).toBe(hex(reference(input, seed, l)));
    }),
    { numRuns: 1800, seed: 4 },
  );
});

test("the transform agrees with the twin on 200 random shapes up to 20 000 bits", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, ratio) => {
      const l = Math.max(1, Math.round(n * ratio));
      const { input, seed } = operands(n, l, "middle");
      expect(hex(transformHash(wasm, input, seed, l, planToeplitz(n, l)))).toBe(hex(reference(input, seed, l)));
    }),
    { numRuns: 200, seed: 4 },
  );
});

/** Every way through the kernel: each modulus, rows direct and by each inner transform, rows of odd multiples of 8. */
test.each([
  { m: 12, w: 8 },
  { m: 12, w: 24 },
  { m: 14, w: 16 },
  { m: 14, w: 40 },
  { m: 16, w: 8 },
  { m: 16, w: 24 },
  { m: 12, w: 64, inner: { r: 2, three: false, block: 16 } },
  { m: 12, w: 96, inner: { r: 2, three: true, block: 16 } },
  { m: 12, w: 240, inner: { r: 4, three: false, block: 16 } },
  { m: 14, w: 96, inner: { r: 1, three: true, block: 32 } },
  { m: 16, w: 48, inner: { r: 1, three: false, block: 48 } },
  { m: 12, w: 1536, inner: { r: 6, three: true, block: 16 } },
  { m: 12, w: 2048, inner: { r: 7, three: false, block: 16 } },
] as const)("plan %o hashes right", (plan) => {
  for (const [n, l] of [
    [3001, 1000],
    [9000, 9000],
  ] as const) {
    const { input, seed } = operands(n, l, "plan");
    expect(hex(transformHash(wasm, input, seed, l, plan))).toBe(hex(reference(input, seed, l)));
  }
});

test("bits that wrap onto the start of the hash are taken off again, for every number of them", {
  timeout: 60_000,
}, () => {
  for (const [n, l] of [
    [349_526, 174_763],
    [400_001, 124_288],
    [400_001, 124_284],
    [400_001, 124_280],
    [524_286, 3],
    [524_288, 1],
    [300_000, 224_289],
  ] as const) {
    const { input, seed } = operands(n, l, "wrap");
    const y = transformHash(wasm, input, seed, l, { m: 16, w: 8 });
    expect(hex(y.slice(0, Math.min(l, 64)))).toBe(hex(startOf(input, seed, l)));
    expect(hex(y)).toBe(hex(transformHash(wasm, input, seed, l, { m: 14, w: 48 })));
  }
});

/** The first 64 bits of the hash by the definition. */
function startOf(input: BitString, seed: BitString, outputBits: number): BitString {
  const length = Math.min(64, outputBits);
  return reference(input, seed.slice(0, input.length + length - 1), length);
}

const largest = process.env.QKD_SLOW ? 22 : 17;
test(`sizes up to 2^${largest} agree with Karatsuba on words`, { timeout: 600_000 }, () => {
  for (let e = 13; e <= largest; e++) {
    const n = 2 ** e - 3 * e;
    const l = Math.floor((n * (e % 4)) / 3.7) + 1;
    const { input, seed } = operands(n, l, "large");
    expect(hex(kernel(input, seed, l) as BitString), `n = ${n}`).toBe(hex(toeplitzByKaratsuba(input, seed, l)));
  }
});

test("the hash is linear in the input and in the seed", () => {
  fc.assert(
    fc.property(fc.integer({ min: 12_000, max: 600_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, ratio) => {
      const l = Math.max(1, Math.round(n * ratio));
      const [a, b] = [operands(n, l, "a"), operands(n, l, "b")];
      const y = (input: BitString, seed: BitString) => kernel(input, seed, l) as BitString;
      expect(hex(y(xorBits(a.input, b.input), a.seed))).toBe(hex(xorBits(y(a.input, a.seed), y(b.input, a.seed))));
      expect(hex(y(a.input, xorBits(a.seed, b.seed)))).toBe(hex(xorBits(y(a.input, a.seed), y(a.input, b.seed))));
    }),
    { numRuns: 12, seed: 4 },
  );
});

test("an input shifted by k is hashed as by a seed shifted by k", () => {
  fc.assert(
    fc.property(fc.integer({ min: 20_000, max: 300_000 }), fc.integer({ min: 1, max: 5000 }), (n, k) => {
      const l = n >> 1;
      const { input, seed } = operands(n - k, l + k, "shift");
      const shifted = BitString.zeros(n);
      for (let j = 0; j < n - k; j++) shifted.bytes[(j + k) >> 3]! |= input.get(j) << ((j + k) & 7);
      // seed bit i − (j + k) + n − 1 = i − j + (n − k) − 1: the same window
      const y = kernel(input, seed.slice(0, n - k + l - 1), l) as BitString;
      expect(hex(kernel(shifted, seed, l) as BitString)).toBe(hex(y));
    }),
    { numRuns: 10, seed: 4 },
  );
});

test("[I | T] is the first bits plus a Toeplitz hash of the rest", async () => {
  for (const [n, l] of [
    [5, 5],
    [300, 100],
    [301, 96],
    [302, 301],
    [50_000, 12_345],
    [50_000, 45_000],
  ] as const) {
    const input = bitsOf("identity-x", n);
    const seed = bitsOf("identity-s", n - 1);
    const y = toeplitz(wasm, input, seed, l, "identity");
    const rest = n - l;
    const rows = n > 1000 ? [0, 1, l >> 1, l - 1] : Array.from({ length: l }, (_, i) => i);
    for (const i of rows) {
      let bit: number = input.get(i);
      for (let j = 0; j < rest; j++) bit ^= seed.get(i - j + rest - 1) & input.get(l + j);
      expect(y.get(i), `n = ${n}, l = ${l}, i = ${i}`).toBe(bit);
    }
    expect(y.length).toBe(l);
    for (const pieces of [undefined, 1, 3])
      expect(hex(await onExecutor(pool, input, seed, l, { form: "identity", ...(pieces ? { pieces } : {}) }))).toBe(
        hex(y),
      );
  }
});

test.each(["full", "identity"] as const)(
  "%s is two-universal: over all seeds no difference hashes to 0 too often",
  (form) => {
    for (const [n, l] of [
      [5, 2],
      [6, 3],
      [6, 5],
    ] as const) {
      const length = seedBits(n, l, form);
      // linear: two words collide where their difference hashes to 0
      for (let difference = 1; difference < 2 ** n; difference++) {
        let zero = 0;
        for (let seed = 0; seed < 2 ** length; seed++) {
          const [x, s] = [small(difference, n), small(seed, length)];
          zero += toeplitz(wasm, x, s, l, form).bytes[0] === 0 ? 1 : 0;
        }
        expect(zero, `${n} → ${l}, difference ${difference}`).toBeLessThanOrEqual(2 ** (length - l));
      }
    }
  },
);

test("wrong lengths are typed errors that name what was expected", async () => {
  const { input, seed } = operands(100, 50, "errors");
  const expectCode = async (run: () => unknown, error: object) =>
    expect(async () => run()).rejects.toMatchObject(error as Error);
  for (const { hash } of [ways.reference!, ways.kernel!, ways.pool!]) {
    await expectCode(() => hash(input, seed, 49), {
      code: "KERNEL_SEED_LENGTH",
      details: { expected: 148, got: 149 },
    });
    await expectCode(() => hash(input, seed, 101), { code: "KERNEL_OUTPUT_LENGTH" });
    await expectCode(() => hash(input, seed, -1), { code: "KERNEL_OUTPUT_LENGTH" });
    await expectCode(() => hash(input, seed, 0.5), { code: "KERNEL_OUTPUT_LENGTH" });
    expect((await hash(input, bitsOf("x", 99), 0)).length).toBe(0);
    expect((await hash(BitString.zeros(0), BitString.zeros(0), 0)).length).toBe(0);
  }
  expect(hex(await onExecutor(pool, input, seed, 50))).toBe(hex(reference(input, seed, 50)));
});

test("pieces and forms that make no sense are refused", async () => {
  const [input, seed] = [BitString.zeros(64), BitString.zeros(64 + 16 - 1)];
  for (const pieces of [-1, 0, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    for (const outputBits of [16, 0])
      await expect(onExecutor(inline, input, seed, outputBits, { pieces }), `${pieces}`).rejects.toMatchObject({
        code: "USAGE_INVALID",
      });
  for (const form of ["bogus", "piece", null])
    for (const bits of [79, 63])
      await expect(onExecutor(inline, input, BitString.zeros(bits), 16, { form: form as never })).rejects.toMatchObject(
        { code: "USAGE_INVALID" },
      );
});

test("2^26 bits fit 64 MiB of WASM memory, and nothing of key or seed stays there", { timeout: 60_000 }, () => {
  const own = new WasmInstance();
  const [n, l] = process.env.QKD_SLOW ? [2 ** 26, 2 ** 25] : [2 ** 22, 2 ** 21];
  const input = BitString.adopt(new Uint8Array(n / 8).fill(0x5a));
  const seed = BitString.adopt(new Uint8Array(Math.ceil((n + l - 1) / 8)).fill(0xc3), n + l - 1);
  let peak = 0;
  own.table("none", 0, () => undefined);
  const start = own.scratch((alloc) => alloc(16));
  toeplitz(own, input, seed, l);
  peak = own.memoryBytes;
  expect(peak).toBeLessThanOrEqual(n + 2 ** 20);
  expect(own.u8.subarray(start).every((byte) => byte === 0)).toBe(true);
});
