import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BitString } from "../../src/bits.js";
import { type FramePlan, planFrames } from "../../src/codes/adapt.js";
import { loadCode, splitId } from "../../src/codes/catalogue.js";
import { syndrome as sparse } from "../../src/kernels/reference/ldpc.js";
import { extendSyndrome, furtherChecks, missingRows } from "../../src/stages/reconcile/ldpc-further.js";
import { executor } from "../reconcile/ldpc-pair.js";
import { noisyPair } from "../reconcile/noisy-pair.js";

const plan = planFrames(2048, { qber: 0.05, profile: "single", largestFrame: 2048 });
const rows = plan.m / plan.lifting;

async function syndromeOf(code: string, word: BitString): Promise<Uint8Array> {
  return (await executor.run("ldpcSyndrome", { code, words: [word.bytes.slice()] })).syndromes[0]!;
}

describe("codes with rows split", () => {
  it("keep every entry of the base matrix, each once, and its columns' degrees", () => {
    const { quasiCyclic: base } = loadCode(plan.code);
    const entries = (code: string) => {
      const { rowStart, entryColumn, entryShift, rows: count } = loadCode(code).quasiCyclic!;
      expect(rowStart).toHaveLength(count + 1);
      return Array.from(entryColumn, (column, e) => column * plan.lifting + entryShift[e]!).sort((a, b) => a - b);
    };
    for (const splits of [1, rows, rows + 9]) expect(entries(splitId(plan.code, splits))).toEqual(entries(plan.code));
    expect(loadCode(splitId(plan.code, 7)).m).toBe(base!.rows * plan.lifting + 7 * plan.lifting);
  });

  it("Bob's target grows into the syndrome of the split code, whatever he asks for in which round", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 2 * rows }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 1e6 }),
        async (rounds, seed) => {
          const { a } = noisyPair(plan.n, 0, seed);
          let target = await syndromeOf(plan.code, a);
          let splits = 0;
          for (const asked of rounds) {
            if (rows + splits + asked >= plan.n / plan.lifting) break;
            splits += asked;
            const all = await syndromeOf(splitId(plan.code, splits), a);
            target = extendSyndrome(plan, target, furtherChecks(plan, all, rows + splits - asked));
            expect(target).toEqual(all);
          }
          expect(target).toEqual(sparse(loadCode(splitId(plan.code, splits)), a).bytes);
        },
      ),
      { numRuns: 40, seed: 11 },
    );
  });

  it("has no code with as many rows as columns", () => {
    const columns = plan.n / plan.lifting;
    expect(() => loadCode(splitId(plan.code, columns - rows))).toThrow(
      expect.objectContaining({ code: "CODE_UNKNOWN" }),
    );
  });
});

describe("rows missing, from the checks that fail at first", () => {
  /** Checks of random words at an error rate fail with probability (1 − (1 − 2Q)^d)/2: here for sure. */
  async function failing(of: FramePlan, qber: number, seed: number): Promise<number> {
    const { a, b } = noisyPair(of.n, qber, seed);
    const [own, other] = [await syndromeOf(of.code, a), await syndromeOf(of.code, b)];
    let count = 0;
    own.forEach((byte, i) => {
      for (let x = byte ^ other[i]!; x; x &= x - 1) count++;
    });
    return count;
  }

  it.each([0.006, 0.01, 0.03, 0.07])("are those of a plan at the true rate, %d, within 8 %%", async (qber) => {
    const options = { profile: "single", largestFrame: 2 ** 18 } as const;
    const low = planFrames(2 ** 18, { ...options, qber: qber / 2 });
    const right = planFrames(2 ** 18, { ...options, qber });
    const missing = missingRows(low, "single", await failing(low, qber, 31), 1);
    const bits = low.m + missing * low.lifting;
    expect(bits / right.m).toBeGreaterThan(0.95);
    expect(bits / right.m).toBeLessThan(1.08);
    expect(missingRows(right, "single", await failing(right, qber, 32), 1) * right.lifting).toBeLessThan(
      0.05 * right.m,
    );
  });
});
