/** Bob's uncorrected coarse times beside his published ones: together they must not tell detectors apart in key slots. */
import { expect, test } from "vitest";
import { coarseGridPs } from "../../src/timing/pair-search.js";
import { coarseBorders } from "../../src/timing/pairs.js";

test.each([
  [0n, 800],
  [123_456n, 801],
  [7_000_001n, 3],
])("a block %s ps after the coarse times' origin, window %d", (since, halfWidthPs) => {
  const delays = [0, 2140.4, -1890.3, 60];
  const coarse = { base: 5_000_000n, to: 5_000_000n + since + 2_000_000n };
  const start = coarse.base + since;
  const onBorder = coarseBorders({ coarse, delays, halfWidthPs }, start);
  const grid = Math.max(1, Math.ceil(halfWidthPs / 2));
  const told = new Map<number, number>();
  let [vetoed, all] = [0, 0];
  for (const delay of delays)
    for (let time = 0; time < 1_200_000; time += 131) {
      const unit = Math.max(0, Math.round((time - delay) / grid));
      all++;
      if (onBorder(unit)) {
        vetoed++;
        continue;
      }
      const value = Math.round((Number(since) + time) / coarseGridPs);
      expect(told.get(unit) ?? value).toBe(value);
      told.set(unit, value);
    }
  expect(vetoed / all).toBeLessThan((1.2 * (4100 + grid)) / coarseGridPs);
  expect(vetoed).toBeGreaterThan(0);
  expect(coarseBorders({ coarse, delays, halfWidthPs }, coarse.to)(Math.round(124_999 / grid))).toBe(false);
});
