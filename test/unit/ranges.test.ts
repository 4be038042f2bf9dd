import fc from "fast-check";
import { expect, it } from "vitest";
import { MemoryJournal } from "../../src/keys/journal.js";
import { MemoryPrepared } from "../../src/keys/prepared-store.js";
import { inRanges, longestRanges, parseRanges, rangesOf, rangesText } from "../../src/ranges.js";
import { type BlockStatus, planBlocks, RunState, type StateRecord } from "../../src/session/state.js";

const sorted = fc.uniqueArray(fc.nat(3000), { maxLength: 2000 }).map((list) => list.sort((a, b) => a - b));

it("ranges hold what went in; joined ones that are too many hold more, cut ones less", () => {
  fc.assert(
    fc.property(sorted, (numbers) => {
      const ranges = rangesOf(numbers);
      const [joined, cut] = [true, false].map((join) => parseRanges(rangesText(ranges, join)));
      const set = new Set(numbers);
      for (let n = 0; n <= 3001; n++) {
        expect(inRanges(ranges, n)).toBe(set.has(n));
        if (set.has(n)) expect(inRanges(joined!, n)).toBe(true);
        else expect(inRanges(cut!, n)).toBe(false);
        if (ranges.length <= 512) expect(inRanges(joined!, n)).toBe(set.has(n));
      }
      expect(rangesText(ranges, true).length).toBeLessThan(longestRanges);
    }),
    { numRuns: 20, seed: 4 },
  );
});

it.each(["5", "5-4", "1-2,2-3", "3-4,1-1", "0-1,", "a-b", "-1-2", "1e3-2e3", "0-99999999999999999"])(
  "%s are no ranges",
  (text) => {
    expect(() => parseRanges(text)).toThrow(expect.objectContaining({ code: "CHANNEL_MESSAGE_INVALID" }));
  },
);

it("a block never goes back to an earlier status, whatever the peer says", async () => {
  const order: BlockStatus[] = ["begun", "seeded", "prepared", "committed", "released"];
  for (const [at, status] of order.entries()) {
    const state = new RunState(new MemoryJournal<StateRecord>(), new MemoryPrepared());
    await state.mark(7, status);
    await state.mark(7, status);
    for (const earlier of order.slice(0, at))
      await expect(state.mark(7, earlier)).rejects.toMatchObject({ code: "CHANNEL_CLOSED" });
    if (status === "released") await expect(state.mark(7, "closed")).rejects.toMatchObject({ code: "CHANNEL_CLOSED" });
    else await state.mark(7, "closed");
  }
});

it("a session runs what both ends have open, with the higher count of earlier attempts and what both disclosed", async () => {
  const [a, b] = [0, 1].map(() => new RunState(new MemoryJournal<StateRecord>(), new MemoryPrepared()));
  await a!.mark(0, "released");
  await b!.mark(1, "seeded");
  await a!.mark(2, "begun", { attempts: 1, leak: 900 });
  await b!.mark(2, "begun", { attempts: 2, leak: 500 });
  await b!.mark(3, "begun", { attempts: 3 });
  await a!.mark(2 ** 40, "begun", { attempts: 1 });
  const plan = planBlocks(a!.held(), b!.held());
  expect([0, 1, 2, 3, 4, 5].filter((block) => plan.isOpen(block))).toEqual([2, 4, 5]);
  expect(plan.retry.get(2)).toEqual({ attempts: 2, leak: 1400 });
});
