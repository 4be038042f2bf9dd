/** The clock's track in the report: what remains beyond the mean line, gaps named and not thinned away. */
import { expect, it } from "vitest";
import { thin, trackReport } from "../../src/timing/track.js";

const line = { offset: 500, drift: 3e-9 };
const point = (seconds: number, residual: number) => {
  const at = seconds * 1e12;
  return { at, offsetPs: line.offset + line.drift * at + residual };
};

it("residuals of a wandering clock, its gap, and few points", () => {
  const points = Array.from({ length: 5000 }, (_, i) => i / 1000)
    .filter((s) => s < 1.2345 || s > 2.5)
    .map((s) => point(s, 80 * Math.sin(s)));
  const { track, gaps } = trackReport(points, line);
  expect(gaps).toEqual([{ fromSeconds: 1.234, toSeconds: 2.501 }]);
  expect(track.length).toBeLessThan(500);
  expect(track.map(({ seconds }) => seconds)).toEqual(expect.arrayContaining([0, 1.234, 2.501, 4.999]));
  for (const { seconds, residualPs } of track) expect(Math.abs(residualPs - 80 * Math.sin(seconds))).toBeLessThan(0.1);
});

it("nothing, one point, sparse points without a gap", () => {
  expect(trackReport([], line)).toEqual({ track: [], gaps: [] });
  expect(trackReport([point(3, 7)], line)).toEqual({ track: [{ seconds: 3, residualPs: 7 }], gaps: [] });
  const sparse = [0, 2, 5, 6, 9].map((s) => point(s, 1));
  expect(trackReport(sparse, line).gaps).toEqual([]);
});

it("a long run keeps both its ends in bounded memory", () => {
  const track: number[] = [];
  for (let i = 0; i < 100_000; i++) {
    track.push(i);
    thin(track);
  }
  expect(track.length).toBeLessThanOrEqual(20_000);
  expect([track[0], track[track.length - 1]! > 99_000]).toEqual([0, true]);
});
