/** Cutting events into blocks of clock time: the same events in the same blocks however long the pauses are. */
import { expect, it } from "vitest";
import type { DetectorBatch } from "../../src/timing/events.js";
import { eventBlocks } from "../../src/timing/pair-blocks.js";

const length = 250_000_000_000n;
const start = 10n ** 30n;
const drifting = (index: number) => start + BigInt(index) * length + BigInt(Math.round(index * 3777.3));

/** Within a batch times are exact as differences: a pause begins another. */
async function* batches(groups: readonly (readonly bigint[])[], each: number): AsyncGenerator<DetectorBatch> {
  for (const group of groups)
    for (let at = 0; at < group.length; at += each) {
      const part = group.slice(at, at + each);
      const base = part[0]!;
      const dt = Float64Array.from(part, (time) => Number(time - base));
      yield { base, dt, detector: new Uint8Array(part.length) } as DetectorBatch;
    }
}

it.each([1, 3, 1000])("%d events a batch, pauses of hours to ages", async (each) => {
  const pauses = [0n, 6n, 400_000n, 10n ** 9n, 10n ** 13n];
  const offsets = [1n, 7n, length - 1_000_000n, length + 5n, 3n * length + 1n];
  const groups = pauses.map((blocks) => offsets.map((after) => start + (6n + blocks) * (length + 3777n) + after));
  const times = groups.flat();
  const seen: [number, bigint][] = [];
  for await (const block of eventBlocks(batches(groups, each), drifting, 0, 0))
    for (const time of block.times) {
      expect(time).toBeGreaterThanOrEqual(0);
      expect(time).toBeLessThan(Number(drifting(block.index + 1) - block.start));
      seen.push([block.index, block.start + BigInt(time)]);
    }
  expect(seen.map(([, time]) => time)).toEqual(times);
  for (const [index, time] of seen) expect(time >= drifting(index) && time < drifting(index + 1)).toBe(true);
});

it("a block without length is refused, not cut for ever", async () => {
  const blocks = eventBlocks(batches([[start]], 1), () => start, 0, 0);
  await expect(blocks.next()).rejects.toThrow(RangeError);
});

it("more events than a block may have: the error names the remedy", async () => {
  const times = Array.from({ length: 16_385 }, (_, i) => start + BigInt(i));
  const all = batches([times], 1000);
  const cut = eventBlocks(all, drifting, 0, 0, [], 16_384).next();
  await expect(cut).rejects.toMatchObject({
    code: "BLOCK_TOO_LARGE",
    message: expect.stringMatching(/blocks\.seconds/),
  });
  const fits = await eventBlocks(batches([times.slice(1)], 1000), drifting, 0, 0, [], 16_384).next();
  expect(fits.value).toMatchObject({ last: true });
});
