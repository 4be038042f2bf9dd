/**
 * Error rates from 0.2 to 11 %: f stays on its curve, so no rate falls between two codes, and no frame fails.
 * `npm test` takes coarse steps with few frames, QKD_SLOW steps of 0.1 %.
 */
import { describe, expect, it } from "vitest";
import { reconcile } from "./ldpc-pair.js";
import { entropy, noisyPair } from "./noisy-pair.js";

const slow = Boolean(process.env.QKD_SLOW);
const permille = slow
  ? Array.from({ length: 109 }, (_, i) => i + 2)
  : [2, 3, 4, 5, 7, 10, 14, 18, 22, 27, 33, 40, 50, 60, 72, 85, 98, 110];
const bits = 2 ** (slow ? 20 : 18);

describe.each([
  ["throughput", "one-way"],
  ["auto", "pattern-public"],
  ...(slow
    ? ([
        ["auto", "one-way"],
        ["efficiency", "pattern-public"],
      ] as const)
    : []),
] as const)("QBER sweep, %s, %s", (mode, accounting) => {
  it("has no gap", async () => {
    const curve: { qber: number; f: number }[] = [];
    for (const step of permille) {
      const qber = step / 1000;
      const { a, b, errors } = noisyPair(bits, qber, 100 + step);
      const { atBob, leaked } = await reconcile(a, b, { qber: errors / bits, mode, accounting });
      expect(atBob.word.bytes, `QBER ${qber}`).toEqual(a.bytes);
      expect(atBob.framesFailed, `QBER ${qber}`).toBe(0);
      curve.push({ qber, f: leaked / (bits * entropy(errors / bits)) });
    }
    for (const [i, { qber, f }] of curve.entries()) {
      expect(f, `QBER ${qber}`).toBeLessThan(qber < 0.005 ? 1.36 : 1.285);
      const before = curve[i - 1];
      if (slow && before) expect(Math.abs(f / before.f - 1), `QBER ${qber}`).toBeLessThan(0.04);
    }
  });
});
