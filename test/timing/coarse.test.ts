/** Bob's uncorrected coarse times: beside his published ones they must not tell detectors apart in key slots. */
import { expect, test } from "vitest";
import { encodeRising } from "../../src/channel/encoding.js";
import { loopbackPair } from "../../src/channel/loopback.js";
import type { TagBatch } from "../../src/dumps/types.js";
import { EventStream } from "../../src/timing/events.js";
import { findCoarse } from "../../src/timing/pair-coarse.js";
import { coarseGridPs } from "../../src/timing/pair-search.js";
import { coarseBorders } from "../../src/timing/pairs.js";
import { entangled } from "./runs.js";

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
  let [vetoed, all, different] = [0, 0, 0];
  for (const delay of delays)
    for (let time = 0; time < 1_200_000; time += 131) {
      const unit = Math.max(0, Math.round((time - delay) / grid));
      all++;
      if (onBorder(unit)) {
        vetoed++;
        continue;
      }
      const value = Math.round((Number(since) + time) / coarseGridPs);
      if ((told.get(unit) ?? value) !== value) different++;
      told.set(unit, value);
    }
  expect(vetoed / all).toBeLessThan((1.2 * (4100 + grid)) / coarseGridPs);
  expect(vetoed).toBeGreaterThan(0);
  expect(different).toBe(0);
  expect(coarseBorders({ coarse, delays, halfWidthPs }, coarse.to)(Math.round(124_999 / grid))).toBe(false);
});

test("coarse times far beyond what was asked for do not make Alice read all of her dump", async () => {
  let batches = 0;
  async function* dump(): AsyncGenerator<TagBatch> {
    for (; batches < 1000; batches++)
      yield {
        base: BigInt(batches) * 10n ** 12n,
        dt: Float64Array.of(0),
        channel: Uint8Array.of(1),
        length: 1,
        gapBefore: false,
      };
  }
  const { alice, bob } = loopbackPair();
  const times = encodeRising(Float64Array.of(0, 1e9));
  await bob.send("pairs.coarse", { base: "0", first: "0", count: 2, times, dump: null });
  const events = new EventStream(dump(), entangled({}).alice);
  await expect(findCoarse(alice, events)).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
  expect(batches).toBeLessThan(10);
});
