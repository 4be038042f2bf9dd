import { expect, it } from "vitest";
import type { StageContext } from "../../src/stages/context.js";
import { sampledQber, samplePlaces } from "../../src/stages/sample.js";

const contextOf = (accounting: string) => ({ link: { reconciliation: { accounting } } }) as unknown as StageContext;

it("samples key bits one-way only, each once, few of a long block and none of a short one", () => {
  const places = samplePlaces(contextOf("one-way"), 1_500_000, 0.015);
  expect(places.length).toBeGreaterThan(4000);
  expect(places.length).toBeLessThan(15_000);
  expect(new Set(places).size).toBe(places.length);
  expect(places.every((place) => place < 1_500_000)).toBe(true);
  expect(samplePlaces(contextOf("one-way"), 5000, 0.015)).toHaveLength(0);
  expect(samplePlaces(contextOf("pattern-public"), 1_500_000, 0.015)).toHaveLength(0);
});

it("believes the check basis where the sample agrees with it, else the sample with a margin", () => {
  expect(sampledQber(0.02, 190, 10_000)).toBe(0.02);
  expect(sampledQber(0.02, 215, 10_000)).toBe(0.0215);
  const lower = sampledQber(0.02, 80, 10_000);
  expect(lower).toBeGreaterThan(0.008);
  expect(lower).toBeLessThan(0.011);
  expect(sampledQber(0.02, 300, 10_000)).toBeGreaterThan(0.03);
});
