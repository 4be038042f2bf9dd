/**
 * LDPC: one body against the plain TypeScript, the WASM kernel, one thread and the pool. Syndromes are judged by a parity
 * computed here from the rows; decoding by the word that the errors were added to, and by never a false ok.
 */
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { BitString } from "../../src/bits.js";
import { codeFromRows } from "../../src/codes/alist.js";
import { loadCode } from "../../src/codes/catalogue.js";
import type { LdpcCode } from "../../src/codes/code.js";
import { decode, syndrome } from "../../src/kernels/ldpc.js";
import type { DecodeOptions, DecodeResult } from "../../src/kernels/ldpc-options.js";
import * as reference from "../../src/kernels/reference/ldpc.js";
import { WasmInstance } from "../../src/kernels/wasm.js";
import { type Executor, InlineExecutor, PoolExecutor } from "../../src/workers/executor.js";

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function randomWord(n: number, draw: () => number): BitString {
  return BitString.from(
    Uint8Array.from({ length: Math.ceil(n / 8) }, () => draw() * 256),
    n,
  );
}

function withErrors(word: BitString, share: number, draw: () => number): BitString {
  const out = word.slice(0);
  for (let i = 0; i < word.length; i++) if (draw() < share) out.bytes[i >>> 3]! ^= 1 << (i & 7);
  return out;
}

/** Irregular, with empty rows, repeated rows (rank deficient) and a row over every bit. */
function randomCode(n: number, m: number, draw: () => number): LdpcCode {
  const rows = Array.from({ length: m }, (_, r) => {
    if (r % 7 === 3) return [];
    const weight = 1 + Math.floor(draw() * Math.min(n, 9));
    return [...new Set(Array.from({ length: weight }, () => Math.floor(draw() * n)))].sort((a, b) => a - b);
  });
  if (m > 4) rows[4] = rows[0]!;
  if (m > 5) rows[5] = Array.from({ length: n }, (_, i) => i);
  return codeFromRows(n, rows);
}

function regularCode(n: number, columnWeight: number, rowWeight: number, draw: () => number): LdpcCode {
  const m = (n * columnWeight) / rowWeight;
  const rows: Set<number>[] = Array.from({ length: m }, () => new Set<number>());
  for (let column = 0; column < n; column++)
    for (let placed = 0; placed < columnWeight; ) {
      const least = Math.min(...rows.map(({ size }) => size));
      const open = rows.filter((row) => row.size <= least + 1 && !row.has(column));
      open[Math.floor(draw() * open.length)]!.add(column);
      placed++;
    }
  return codeFromRows(
    n,
    rows.map((row) => [...row].sort((a, b) => a - b)),
  );
}

function parities(code: LdpcCode, word: BitString): string {
  let out = "";
  for (let r = 0; r < code.m; r++) {
    const row = code.columns.subarray(code.rowStart[r], code.rowStart[r + 1]);
    out += row.reduce((parity, column) => parity ^ word.get(column), 0);
  }
  return out;
}

const text = (bits: BitString) => Array.from({ length: bits.length }, (_, i) => bits.get(i)).join("");
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const wasm = new WasmInstance();
const ways = {
  reference,
  kernel: {
    syndrome: (code: LdpcCode, word: BitString) => syndrome(wasm, code, word),
    decode: (code: LdpcCode, word: BitString, target: BitString, options: DecodeOptions): DecodeResult =>
      decode(wasm, code, word, target, options),
  },
} as const;

describe.each(Object.entries(ways))("LDPC, %s", (_name, way) => {
  it("syndromes of random matrices, lengths that are no multiple of 8, 64 or 128 (property)", () => {
    const any = fc.record({
      seed: fc.integer({ min: 1 }),
      n: fc.integer({ min: 1, max: 700 }),
      m: fc.integer({ min: 1, max: 300 }),
    });
    fc.assert(
      fc.property(any, ({ seed, n, m }) => {
        const draw = generator(seed);
        const code = randomCode(n, m, draw);
        const word = randomWord(n, draw);
        expect(text(way.syndrome(code, word))).toBe(parities(code, word));
      }),
      { numRuns: 120, seed: 20263 },
    );
  });

  it("syndromes of the catalogue's codes: zeros, ones, random words; linear", () => {
    for (const id of ["qc-256x32-m142", "qc-256x64-m96", "qc-256x128-m23", "qc-256x256-m68"]) {
      const code = loadCode(id);
      const draw = generator(code.m);
      const [a, b] = [randomWord(code.n, draw), randomWord(code.n, draw)];
      const ones = BitString.from(new Uint8Array(code.n / 8).fill(255), code.n);
      for (const word of [BitString.zeros(code.n), ones, a])
        expect(text(way.syndrome(code, word))).toBe(parities(code, word));
      const sum = BitString.from(
        a.bytes.map((byte, i) => byte ^ b.bytes[i]!),
        code.n,
      );
      const [sa, sb, both] = [a, b, sum].map((word) => way.syndrome(code, word).bytes);
      expect(hex(both!)).toBe(hex(sa!.map((byte, i) => byte ^ sb![i]!)));
    }
  });

  it("corrects what a regular code can, names how many bits, changes nothing where nothing is wrong", () => {
    const draw = generator(5);
    const code = regularCode(480, 3, 6, draw);
    let solved = 0;
    for (let i = 0; i < 40; i++) {
      const alice = randomWord(code.n, draw);
      const bob = withErrors(alice, i === 0 ? 0 : 0.025, draw);
      const { ok, word, corrected } = way.decode(code, bob, way.syndrome(code, alice), { qber: 0.025 });
      if (ok && hex(word.bytes) === hex(alice.bytes)) solved++;
      const differing = [...text(word)].filter((bit, at) => bit !== text(bob)[at]).length;
      expect(corrected).toBe(differing);
      if (i === 0) expect([ok, corrected]).toEqual([true, 0]);
    }
    expect(solved).toBeGreaterThanOrEqual(38);
  });

  it("says ok only where the syndrome is right: far too many errors, syndromes of other words", () => {
    const draw = generator(6);
    for (const code of [regularCode(240, 3, 6, draw), randomCode(200, 90, draw)])
      for (let i = 0; i < 12; i++) {
        const bob = randomWord(code.n, draw);
        const target = randomWord(code.m, draw);
        const { ok, word } = way.decode(code, bob, target, { qber: 0.05, maxIterations: 20 });
        expect(ok).toBe(parities(code, word) === text(target));
      }
  });

  it("uses known and punctured positions", () => {
    const draw = generator(7);
    const code = regularCode(480, 3, 6, draw);
    let plain = 0;
    let helped = 0;
    for (let i = 0; i < 20; i++) {
      const alice = randomWord(code.n, draw);
      const bob = withErrors(alice, 0.09, draw);
      const target = way.syndrome(code, alice);
      const positions = Uint32Array.from({ length: 120 }, (_, k) => 4 * k + 1);
      const values = BitString.zeros(120);
      positions.forEach((at, k) => {
        values.bytes[k >>> 3]! |= alice.get(at) << (k & 7);
      });
      if (way.decode(code, bob, target, { qber: 0.09 }).ok) plain++;
      const known = way.decode(code, bob, target, { qber: 0.09, known: { positions, values } });
      if (known.ok) helped++;
      if (known.ok) for (const [k, at] of positions.entries()) expect(known.word.get(at)).toBe(values.get(k));
      const punctured = Uint32Array.of(3, 77, 200);
      const light = withErrors(alice, 0.01, draw);
      for (const at of punctured) light.bytes[at >>> 3]! ^= 1 << (at & 7);
      const filled = way.decode(code, light, target, { qber: 0.01, punctured });
      if (filled.ok) expect(hex(filled.word.bytes)).toBe(hex(alice.bytes));
    }
    expect(helped).toBeGreaterThan(plain + 8);
  });

  it("refuses what does not fit", () => {
    const code = randomCode(64, 20, generator(8));
    const [word, target] = [BitString.zeros(64), BitString.zeros(20)];
    const refused = (run: () => unknown, expected: string) =>
      expect(run).toThrowError(expect.objectContaining({ code: expected }));
    refused(() => way.decode(code, BitString.zeros(63), target, { qber: 0.01 }), "KERNEL_CODE_MISMATCH");
    refused(() => way.decode(code, word, BitString.zeros(21), { qber: 0.01 }), "KERNEL_CODE_MISMATCH");
    for (const qber of [-0.1, 0.6, Number.NaN])
      refused(() => way.decode(code, word, target, { qber }), "KERNEL_OPTION_INVALID");
    refused(() => way.decode(code, word, target, { qber: 0.01, maxIterations: 0 }), "KERNEL_OPTION_INVALID");
    refused(
      () => way.decode(code, word, target, { qber: 0.01, punctured: Uint32Array.of(64) }),
      "KERNEL_CODE_MISMATCH",
    );
    refused(
      () => way.decode(code, word, target, { qber: 0.01, punctured: Uint32Array.of(1, 1) }),
      "KERNEL_CODE_MISMATCH",
    );
  });
});

const executors: Record<string, Executor> = { "one thread": new InlineExecutor(), pool: new PoolExecutor(2) };
afterAll(() => Promise.all(Object.values(executors).map((executor) => executor.close())));

describe.each(Object.entries(executors))("LDPC, %s", (_name, executor) => {
  it("syndromes of many frames as the twin computes them, jobs in flight together", async () => {
    await Promise.all(
      ["qc-256x32-m142", "qc-256x64-m56", "qc-256x128-m115"].map(async (id, k) => {
        const code = loadCode(id);
        const draw = generator(90 + k);
        const words = Array.from({ length: 5 }, () => randomWord(code.n, draw));
        const expected = words.map((word) => hex(reference.syndrome(code, word).bytes));
        const { syndromes } = await executor.run("ldpcSyndrome", { code: id, words: words.map(({ bytes }) => bytes) });
        expect(syndromes.map(hex)).toEqual(expected);
      }),
    );
  });

  it.each(["tight", "fast"] as const)(
    "decodes frames of the catalogue at 70 %% of the threshold, %s",
    async (arithmetic) => {
      for (const [id, qber] of [
        ["qc-256x64-m142", 0.06],
        ["qc-256x64-m56", 0.012],
      ] as const) {
        const code = loadCode(id);
        const draw = generator(code.m + arithmetic.length);
        const pairs = Array.from({ length: 6 }, () => {
          const alice = randomWord(code.n, draw);
          return { alice, bob: withErrors(alice, qber, draw) };
        });
        const none = { positions: new Uint32Array(0), values: new Uint8Array(0) };
        const { frames } = await executor.run("ldpcDecode", {
          code: id,
          frames: pairs.map(({ alice, bob }) => ({
            word: bob.bytes.slice(),
            syndrome: reference.syndrome(code, alice).bytes,
            ...none,
          })),
          qber,
          arithmetic,
          maxIterations: 60,
          patience: 12,
          weakest: 0,
          keepState: false,
        });
        for (const [i, { ok, word }] of frames.entries()) if (ok) expect(hex(word)).toBe(hex(pairs[i]!.alice.bytes));
        expect(frames.filter(({ ok }) => ok).length).toBeGreaterThanOrEqual(5);
      }
    },
  );

  it("frames with far too many errors come back as failed, with the positions asked for", async () => {
    const code = loadCode("qc-256x32-m56");
    const draw = generator(3);
    const alice = randomWord(code.n, draw);
    const { frames } = await executor.run("ldpcDecode", {
      code: code.id!,
      frames: [
        {
          word: withErrors(alice, 0.2, draw).bytes,
          syndrome: reference.syndrome(code, alice).bytes,
          positions: new Uint32Array(0),
          values: new Uint8Array(0),
        },
      ],
      qber: 0.02,
      arithmetic: "tight",
      maxIterations: 20,
      patience: 12,
      weakest: 40,
      keepState: false,
    });
    expect(frames[0]!.ok).toBe(false);
    expect(new Set(frames[0]!.weakest).size).toBe(40);
  });
});

describe("LDPC, what only the SIMD path has", () => {
  const wasm = new WasmInstance();

  it.each(["tight", "fast"] as const)(
    "gives a hopeless frame up long before its iterations are spent, %s",
    (arithmetic) => {
      const code = loadCode("qc-256x32-m56");
      const draw = generator(4);
      const alice = randomWord(code.n, draw);
      const { ok, iterations } = decode(wasm, code, withErrors(alice, 0.2, draw), reference.syndrome(code, alice), {
        qber: 0.02,
        arithmetic,
        maxIterations: 10_000,
        effort: "once",
      });
      expect(ok).toBe(false);
      expect(iterations).toBeLessThan(200);
    },
  );

  it("a run of wrong bits along the degree-2 chain is no trap, though its priors outweigh two bounded checks", () => {
    const code = loadCode("qc-256x256-m56");
    const { lifting, rowStart, entryColumn } = code.quasiCyclic!;
    const row = (at: number) => Array.from(code.columns.subarray(code.rowStart[at], code.rowStart[at + 1]));
    expect(Array.from(entryColumn.subarray(rowStart[5], rowStart[6])).slice(0, 2)).toEqual([4, 5]);
    const draw = generator(9);
    for (const length of [4, 5]) {
      const alice = randomWord(code.n, draw);
      const bob = withErrors(alice, 0.01, draw);
      let check = 5 * lifting + length;
      for (let column = 5; column < 5 + length; column++) {
        const bit = row(check).find((position) => Math.floor(position / lifting) === column)!;
        if (bob.get(bit) === alice.get(bit)) bob.bytes[bit >>> 3]! ^= 1 << (bit & 7);
        check = Array.from({ length: lifting }, (_, i) => (column + 1) * lifting + i).find((at) =>
          row(at).includes(bit),
        )!;
      }
      const target = reference.syndrome(code, alice);
      const { ok, word } = decode(wasm, code, bob, target, { qber: 0.012, effort: "once" });
      expect([length, ok, hex(word.bytes) === hex(alice.bytes)]).toEqual([length, true, true]);
    }
  });

  it("weakest: smallest magnitudes first, the last magnitude spread over the word, nothing that is pinned", () => {
    const [columns, z, padded] = [5, 64, 128];
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -128, max: 127 }), { minLength: columns * z, maxLength: columns * z }),
        fc.integer({ min: 1, max: columns * z }),
        (beliefs, count) => {
          const chosen = wasm.scratch((alloc) => {
            const l = alloc(columns * padded);
            const out = alloc(count * 4);
            beliefs.forEach((belief, i) => {
              wasm.u8[l + Math.floor(i / z) * padded + (i % z)] = belief;
            });
            return [...new Uint32Array(wasm.u8.buffer, out, wasm.exports.ldpcWeakest(l, columns, z, count, out))];
          });
          const size = (i: number) => Math.abs(beliefs[i]!);
          const sorted = beliefs.map((_, i) => size(i)).filter((m) => m < 127);
          sorted.sort((a, b) => a - b);
          expect(chosen.map(size).sort((a, b) => a - b)).toEqual(sorted.slice(0, count));
          expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
        },
      ),
      { seed: 5, numRuns: 60 },
    );
  });
});
