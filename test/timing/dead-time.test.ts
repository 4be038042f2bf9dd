/** The dead-time rule, and what it leaves while a detector is still dead from a click that it took out. */
import { expect, test } from "vitest";
import { DeadTime } from "../../src/timing/types.js";

test.each([
  [
    "a click in the dead time of an accepted one",
    [
      [0, 0],
      [50, 5],
      [100, 10],
    ],
    [0, 1, 2],
  ],
  [
    "again free",
    [
      [0, 0],
      [50, 5],
      [151, 15],
    ],
    [0, 1, 0],
  ],
  [
    "a vetoed click does not veto",
    [
      [0, 0],
      [60, 6],
      [120, 12],
      [220, 22],
    ],
    [0, 1, 2, 0],
  ],
  [
    "clicks of one slot count together",
    [
      [0, 0],
      [1, 0],
      [50, 5],
      [101, 10],
      [102, 10],
    ],
    [0, 0, 1, 2, 2],
  ],
  [
    "outside of every slot",
    [
      [0, Number.NaN],
      [1, Number.NaN],
      [99, 9],
      [120, 12],
    ],
    [0, 1, 1, 2],
  ],
] as [string, [number, number][], number[]][])("%s", (_, clicks, flags) => {
  const dead = new DeadTime(100);
  expect(clicks.map(([time, slot]) => dead.flags(time, slot))).toEqual(flags);
  const moved = new DeadTime(100);
  const seen = clicks.map(([time, slot], i) => {
    if (i > 0) moved.shift(1000);
    return moved.flags(time - 1000 * i, slot);
  });
  expect(seen).toEqual(flags);
});
