/**
 * Sifting: one body against the plain TypeScript and the WASM kernel. The expectation is computed here from lists of
 * pulses, not from packed words, so that neither implementation is its own judge.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BitString } from "../../src/bits.js";
import { type KernelFunctions, loadKernels } from "../../src/kernels/index.js";
import { InlineExecutor, PoolExecutor } from "../../src/workers/executor.js";

interface Pulse {
  bit: number;
  basis: number;
  intensity: number;
}

interface Detection {
  slot: number;
  bit: number;
  basis: number;
}

/** xorshift: cheap, seeded, good enough to mix fields. */
function generator(seed: number): (below: number) => number {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

function scene(seed: number, pulses: number, detections: number): { sent: Pulse[]; seen: Detection[] } {
  const draw = generator(seed);
  const sent = Array.from({ length: pulses }, () => ({ bit: draw(2), basis: draw(2), intensity: draw(4) }));
  const seen = Array.from({ length: detections }, () => ({ slot: draw(pulses), bit: draw(2), basis: draw(2) }));
  return { sent, seen };
}

function nibbles(sent: readonly Pulse[]): Uint8Array {
  const out = new Uint8Array(Math.ceil(sent.length / 2));
  sent.forEach(({ bit, basis, intensity }, i) => {
    out[i >> 1]! |= (bit + 2 * basis + 4 * intensity) * (i % 2 ? 16 : 1);
  });
  return out;
}

function pack(bits: readonly number[]): BitString {
  const out = BitString.zeros(bits.length);
  bits.forEach((bit, i) => {
    out.bytes[i >> 3]! |= bit << (i & 7);
  });
  return out;
}

function text(bits: BitString): string {
  return `${bits.length}:${Buffer.from(bits.bytes).toString("hex")}`;
}

function expectSifted(kernels: KernelFunctions, { sent, seen }: ReturnType<typeof scene>, keyBasis: 0 | 1): void {
  const alice = kernels.siftAlice({
    preparation: nibbles(sent),
    slots: Uint32Array.from(seen, (d) => d.slot),
    bobBasis: pack(seen.map((d) => d.basis)),
    keyBasis,
  });
  const kept = seen.filter((d) => sent[d.slot]!.basis === d.basis);
  const [inKey, inCheck] = [kept.filter((d) => d.basis === keyBasis), kept.filter((d) => d.basis !== keyBasis)];
  const tally = (of: Detection[]) => [0, 1, 2, 3].map((k) => of.filter((d) => sent[d.slot]!.intensity === k).length);
  expect(text(alice.same)).toBe(text(pack(seen.map((d) => (sent[d.slot]!.basis === d.basis ? 1 : 0)))));
  expect(text(alice.key)).toBe(text(pack(inKey.map((d) => sent[d.slot]!.bit))));
  expect(text(alice.check)).toBe(text(pack(inCheck.map((d) => sent[d.slot]!.bit))));
  expect([alice.nKey, alice.nCheck]).toEqual([tally(inKey), tally(inCheck)]);
  const bob = kernels.siftBob({
    bit: pack(seen.map((d) => d.bit)),
    basis: pack(seen.map((d) => d.basis)),
    same: alice.same,
    keyBasis,
  });
  expect(text(bob.key)).toBe(text(pack(inKey.map((d) => d.bit))));
  expect(text(bob.check)).toBe(text(pack(inCheck.map((d) => d.bit))));
}

describe.each(["reference", "wasm"] as const)("sift, %s", (which) => {
  let kernels: KernelFunctions;
  beforeAll(async () => {
    const loaded = await loadKernels();
    kernels = which === "wasm" ? loaded : loaded.reference;
  });

  it("a block by hand", () => {
    // pulses 0 … 3: Z0 vacuum, X1 signal (3), Z1 weak (1), X0 (2); two a byte, the even pulse low
    const preparation = Uint8Array.of(0b1111_0000, 0b1010_0101);
    const slots = Uint32Array.of(0, 1, 2, 3, 2);
    const alice = kernels.siftAlice({ preparation, slots, bobBasis: pack([0, 1, 1, 1, 0]), keyBasis: 0 });
    expect(alice.same.bytes).toEqual(Uint8Array.of(0b11011));
    expect([alice.key.length, alice.key.bytes[0]]).toEqual([2, 0b10]);
    expect([alice.check.length, alice.check.bytes[0]]).toEqual([2, 0b01]);
    expect(alice.nKey).toEqual([1, 1, 0, 0]);
    expect(alice.nCheck).toEqual([0, 0, 1, 1]);
  });

  it("every length to 200 and awkward ones to 1e5, both key bases", () => {
    for (let n = 0; n <= 200; n++) expectSifted(kernels, scene(n + 7, 1 + 3 * n, n), (n & 1) as 0 | 1);
    for (const n of [255, 257, 1023, 4097, 65_535, 65_537, 99_999, 100_000])
      expectSifted(kernels, scene(n, 2 * n + 1, n), (n & 1) as 0 | 1);
  });

  it("random lengths, sparse and dense slots (property)", () => {
    const any = fc.record({
      seed: fc.integer({ min: 1 }),
      detections: fc.integer({ min: 0, max: 3000 }),
      pulses: fc.integer({ min: 1, max: 40_000 }),
      keyBasis: fc.constantFrom<0 | 1>(0, 1),
    });
    fc.assert(
      fc.property(any, ({ seed, detections, pulses, keyBasis }) =>
        expectSifted(kernels, scene(seed, pulses, detections), keyBasis),
      ),
      { numRuns: 60, seed: 20261 },
    );
  });

  it("in time order, sparse and dense, over many steps; a few out of order; one far away", () => {
    for (const [n, pulses] of [
      [20_001, 30_000],
      [9_999, 1_500_001],
    ] as const) {
      const { sent, seen } = scene(n, pulses, n);
      seen.sort((a, b) => a.slot - b.slot);
      expectSifted(kernels, { sent, seen }, 1);
      for (let i = 3; i + 1 < n; i += 97) [seen[i], seen[i + 1]] = [seen[i + 1]!, seen[i]!];
      expectSifted(kernels, { sent, seen }, 0);
      seen[n >> 1]!.slot = pulses - 1;
      seen[n - 1]!.slot = 0;
      expectSifted(kernels, { sent, seen }, 0);
    }
  });

  it("all or none of the detections in one basis fill whole words", () => {
    for (const n of [63, 64, 65, 127, 128, 129, 640])
      for (const basis of [0, 1]) {
        const { sent, seen } = scene(n, 2 * n, n);
        for (const pulse of sent) pulse.basis = basis;
        for (const detection of seen) detection.basis = basis;
        expectSifted(kernels, { sent, seen }, 0);
        for (const detection of seen) detection.basis = 1 - basis;
        expectSifted(kernels, { sent, seen }, 0);
      }
  });

  it("slots outside the record and lengths that differ are refused", () => {
    const preparation = new Uint8Array(5);
    const one = pack([0]);
    const sift = (slot: number) =>
      kernels.siftAlice({ preparation, slots: Uint32Array.of(slot), bobBasis: one, keyBasis: 0 });
    expect(sift(9).same.length).toBe(1);
    for (const slot of [10, 2 ** 31, 2 ** 32 - 1])
      expect(() => sift(slot)).toThrowError(expect.objectContaining({ code: "KERNEL_SIFT_INPUT" }));
    expect(() => kernels.siftBob({ bit: one, basis: pack([0, 1]), same: one, keyBasis: 0 })).toThrowError(
      expect.objectContaining({ code: "KERNEL_SIFT_INPUT" }),
    );
  });
});

describe.each(["one thread", "pool"] as const)("compaction of one end's bits, %s", (which) => {
  const executor = which === "pool" ? new PoolExecutor(2) : new InlineExecutor();
  afterAll(() => executor.close());

  async function expectCompacted(seed: number, n: number): Promise<void> {
    const draw = generator(seed);
    const rows = Array.from({ length: n }, () => ({
      bit: draw(2),
      basis: draw(2),
      kept: draw(2),
      spared: draw(8) >> 2,
    }));
    const keyBasis = (seed & 1) as 0 | 1;
    const column = (field: "bit" | "basis" | "kept" | "spared") => pack(rows.map((row) => row[field] & 1)).bytes;
    const job = executor.run("sift", {
      count: n,
      bit: column("bit"),
      basis: column("basis"),
      kept: column("kept"),
      spared: column("spared"),
      keyBasis,
    });
    const { key, keyBits, check, checkBits, lost, lostBits, spare, spareBits } = await job;
    const bitsWhere = (choose: (row: (typeof rows)[number]) => boolean) =>
      text(pack(rows.filter(choose).map((r) => r.bit)));
    expect(text(BitString.from(key, keyBits))).toBe(bitsWhere((r) => r.kept === 1 && r.basis === keyBasis));
    expect(text(BitString.from(check, checkBits))).toBe(bitsWhere((r) => r.kept === 1 && r.basis !== keyBasis));
    const spared = (basis: number) => bitsWhere((r) => (r.spared & 1) === 1 && r.basis === basis);
    expect(text(BitString.from(lost, lostBits))).toBe(spared(keyBasis));
    expect(text(BitString.from(spare, spareBits))).toBe(spared(1 - keyBasis));
  }

  it("lengths 0 to 130 and awkward ones to 1e5, many jobs in flight", async () => {
    const lengths = Array.from({ length: 131 }, (_, n) => n).concat([255, 257, 1023, 4097, 65_537, 99_999, 100_000]);
    await Promise.all(lengths.map((n) => expectCompacted(n + 3, n)));
  });

  it("random lengths (property)", async () => {
    const any = fc.record({ seed: fc.integer({ min: 1 }), n: fc.integer({ min: 0, max: 20_000 }) });
    await fc.assert(
      fc.asyncProperty(any, ({ seed, n }) => expectCompacted(seed, n)),
      { numRuns: 40, seed: 20262 },
    );
  });
});
