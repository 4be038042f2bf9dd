/** What other gates would have given: clicks counted in the histogram, background by width, errors by what is noise. */
import { expect, it } from "vitest";
import type { Link } from "../../src/link.js";
import { gateReport } from "../../src/report/gates.js";

const link = {} as Link;
// 64 bins of 125 ps, ± 4 ns about a gate of ± 2 ns: 10 a bin of background, 1000 of light in the middle four.
const histogram = [Array.from({ length: 64 }, (_, bin) => (bin >= 30 && bin < 34 ? 260 : 10))];
const gate = { halfWidthPs: 2000, binPs: 125, histogram, inside: 1320, outside: 0, background: 320 };

it("wider gates add noise alone, narrower ones take it away", () => {
  const report = gateReport(link, [{ gate }, {}], { siftedBits: 660, qber: 0.01 + 0.99 * (320 / 1320 / 2) })!;
  expect(report).toMatchObject({ halfWidthPs: 2000, chosenBy: "times" });
  expect(
    report.widths.map(({ halfWidthPs, clicks, background, siftedBits }) => [
      halfWidthPs,
      clicks,
      background,
      siftedBits,
    ]),
  ).toEqual([
    [1000, 1160, 160, 580],
    [1500, 1240, 240, 620],
    [2000, 1320, 320, 660],
    [3000, 1480, 480, 740],
    [4000, 1640, 640, 820],
  ]);
  const errors = report.widths.map(({ siftedBits, qber }) => siftedBits * qber!);
  // Two blocks of width differ by the noise between them, half of it errors.
  expect(errors[4]! - errors[2]!).toBeCloseTo(80, 0);
  expect(errors[2]! - errors[0]!).toBeCloseTo(40, 0);
});

it("no gate, no clicks, unknown errors: no numbers made up", () => {
  expect(gateReport(link, [{}], { siftedBits: 0, qber: null })).toBeUndefined();
  const dark = { ...gate, histogram: [new Array<number>(64).fill(0)], background: 0 };
  for (const { siftedBits, qber } of gateReport(link, [{ gate: dark }], { siftedBits: 0, qber: null })!.widths)
    expect([siftedBits, qber]).toEqual([0, null]);
});
