import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Collector } from "../../src/dumps/figures/collector.js";
import { type ChannelFigures, figuresOf } from "../../src/dumps/figures/figures.js";
import { binCount, binOf, binStart, highOffset, highShift } from "../../src/dumps/figures/log-bins.js";
import { RateTable } from "../../src/dumps/figures/rate-table.js";
import { LongestSilences, mostSilences } from "../../src/dumps/figures/silences.js";
import { chance, clicks, collected, type Detector, figures, noInfo } from "./streams.js";

const seeds = [1, 2, 3, 4, 5, 6];
const of = (detector: Detector, seed: number): ChannelFigures =>
  figures({ 1: clicks(detector, chance(seed)) }).channelFigures[1]!;
const seen = (c: ChannelFigures) => (c.afterpulse?.seen ? c.afterpulse : undefined);

describe("a detector's faults are found within what is stated of them", () => {
  it.each([
    [80_000, 100_000, 60_000],
    [22_000, 400_000, 80_000],
    [45_000, 27_000, 40_000],
    [10_000_000, 20_000, 20_000],
  ])("dead time of %i ps at %i clicks a second", (deadPs, ratePerSecond, events) => {
    for (const seed of seeds) {
      const found = of({ events, ratePerSecond, deadPs }, seed);
      const deviation = Number(found.deadTimeUncertaintyPs);
      expect(Math.abs(Number(found.deadTimePs) - deadPs)).toBeLessThan(4 * deviation);
      expect(deviation).toBeLessThan(0.12 * deadPs);
      expect(seen(found)).toBeUndefined();
    }
  });

  it.each([
    [0.006, 500_000, 600_000, 100_000, 200_000],
    [0.03, 50_000, 50_000, 100_000, 60_000],
    [0.1, 5_000_000, 10_000_000, 20_000, 60_000],
  ])("afterpulses of %d, mean delay %i ps after a dead time of %i ps", (p, delayPs, deadPs, ratePerSecond, events) => {
    for (const seed of seeds) {
      const found = of({ events, ratePerSecond, deadPs, afterpulse: [p, delayPs] }, seed);
      const { share, uncertainty, seen, windowPs } = found.afterpulse!;
      expect(Math.abs(share - p)).toBeLessThan(4 * uncertainty);
      expect(uncertainty).toBeLessThan(0.5 * p);
      expect(seen || p < 0.01).toBe(true);
      expect(Number(windowPs)).toBeGreaterThan(2 * delayPs);
      expect(Math.abs(Number(found.deadTimePs) - deadPs)).toBeLessThan(4 * Number(found.deadTimeUncertaintyPs));
    }
  });

  it("afterpulses under light that changes slowly, has gaps, or is chopped, which is told", () => {
    const common = { events: 100_000, ratePerSecond: 100_000, deadPs: 50_000, afterpulse: [0.03, 500_000] } as const;
    const slow = of({ ...common, light: (s) => 1 + 0.8 * Math.sin(6 * s) }, 1).afterpulse!;
    expect(Math.abs(slow.share - 0.03)).toBeLessThan(4 * slow.uncertainty);
    expect(slow.unsteady).toBe(false);
    const withGaps = of({ ...common, choppedPs: 1e10 }, 1).afterpulse!;
    expect(Math.abs(withGaps.share - 0.03)).toBeLessThan(4 * withGaps.uncertainty);
    const chopped = of({ ...common, choppedPs: 2e9 }, 1).afterpulse!;
    expect(Math.abs(chopped.share - 0.03)).toBeLessThan(0.012);
    expect(chopped.unsteady).toBe(true);
  });

  it("gaps: how many, how long, where", () => {
    const gaps = [
      [3e11, 2e9],
      [5e11, 1e9],
    ] as const;
    const found = figures({
      1: clicks({ events: 30_000, ratePerSecond: 50_000, gaps }, chance(1)),
      2: clicks({ events: 30_000, ratePerSecond: 50_000, gaps }, chance(2)),
    }).gaps;
    expect(found.count).toBe(2);
    expect(found.totalSeconds).toBeGreaterThan(3e-3);
    expect(found.totalSeconds).toBeLessThan(3.3e-3);
    expect(found.longest[0]!.seconds).toBeGreaterThan(2e-3);
    expect(found.longest[0]!.atSeconds).toBeCloseTo(0.3, 3);
    const clock = Array.from({ length: 500 }, (_, n) => n * 1e9);
    const crossed = figures({
      0: clock,
      1: clicks({ events: 30_000, ratePerSecond: 50_000, gaps: [[3e11, 9e9]] }, chance(3)),
    });
    expect(crossed.gaps.count).toBe(1);
    expect(crossed.gaps.longest[0]!.seconds).toBeCloseTo(9e-3, 3);
  });

  it("a clock: period, jitter, missing events; and the pulses on which clicks fall", () => {
    const random = chance(3);
    const clock = Array.from({ length: 4000 }, (_, n) =>
      Math.round(n * 250_001_360.25 + 80 * (random() + random() - 1)),
    );
    const kept = clock.filter((_, n) => n === 0 || n === 3999 || n % 400 !== 7);
    const pulses = [250_000, 110] as const;
    const signal = clicks({ events: 30_000, ratePerSecond: 30_000, deadPs: 600_000, pulses }, random);
    const { channelFigures, linkEnd, gaps } = figures({ 0: kept, 1: signal, 2: signal.map((t) => t + 1e6) });
    expect(channelFigures[0]).toMatchObject({ kind: "clock", clockMissing: 10 });
    expect(Number(channelFigures[0]!.clockPeriodPs)).toBeCloseTo(250_001_360.25, 0);
    expect(Number(channelFigures[0]!.clockJitterPs)).toBeGreaterThan(30);
    expect(Number(channelFigures[0]!.clockJitterPs)).toBeLessThan(60);
    const found = channelFigures[1]!;
    expect(Math.abs(Number(found.pulsePeriodPs) - 250_000)).toBeLessThan(5 * Number(found.pulsePeriodUncertaintyPs));
    expect(Math.abs(Number(found.deadTimePs) - 600_000)).toBeLessThanOrEqual(125_000);
    expect(seen(found)).toBeUndefined();
    expect(gaps.count).toBe(0);
    expect(linkEnd).toMatchObject({
      detectors: [{ channel: 1 }, { channel: 2 }],
      clockChannel: { channel: 0, everyPulses: 1000 },
    });
  });
});

/**
 * By construction a dead time is claimed with a probability below 1e-11 a channel, an afterpulse share of 5 standard
 * deviations with one below 4e-6, a gap with one of 1e-6: 60 streams fail with a probability below 4e-4.
 */
it("nothing is found in events that come at random, whatever their rate and number", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const events = [30, 300, 3000, 10_000][seed % 4]!;
    const light = seed % 3 === 0 ? (s: number) => 1 + 0.7 * Math.sin(4e5 * s * (1 / events)) : () => 1;
    const { channelFigures, gaps } = figures({ 1: clicks({ events, ratePerSecond: 1e5, light }, chance(seed)) });
    const found = channelFigures[1]!;
    expect(found.deadTimePs).toBeUndefined();
    expect(seen(found)).toBeUndefined();
    expect(found.clockPeriodPs ?? found.pulsePeriodPs).toBeUndefined();
    expect(found.kind).toBe("detector");
    expect(gaps.count).toBe(0);
  }
});

describe("what is counted is what was there", () => {
  it("events by bin of time, in any order and however far apart", () => {
    const time = fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: -(2 ** 50), max: 2 ** 50 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(time, fc.nat(255)), { minLength: 1, maxLength: 200 }), (events) => {
        const table = new RateTable();
        table.begin(events[0]![0], 0);
        for (const [t, code] of events) {
          table.find(t);
          table.rows[table.row + code]!++;
        }
        const [first, last] = table.range()!;
        expect(last - first).toBeLessThan(512);
        const expected = new Map<string, number>();
        for (const [t, code] of events) {
          const key = `${Math.floor((t - table.origin) / table.width)} ${code}`;
          expected.set(key, (expected.get(key) ?? 0) + 1);
        }
        for (const [key, count] of expected) {
          const [bin, code] = key.split(" ").map(Number) as [number, number];
          expect(table.of(code, bin, bin)).toEqual([count]);
        }
        expect(table.totals().reduce((sum, n) => sum + n, 0)).toBe(events.length);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it("intervals by channel, steps back and ends, whatever the batches", () => {
    const step = fc.oneof(fc.integer({ min: -5, max: 100 }), fc.nat(2 ** 40));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(step, fc.nat(3)), { minLength: 1, maxLength: 120 }),
        fc.integer({ min: 1, max: 50 }),
        (steps, batch) => {
          let t = 0;
          const events = steps.map(([by, code]) => {
            t += by;
            return [t, code] as const;
          });
          const collector = new Collector(noInfo);
          for (let i = 0; i < events.length; i += batch) {
            const part = events.slice(i, i + batch);
            const base = part[part.length - 1]![0];
            collector.add({
              base: 2n ** 61n + BigInt(base),
              tick: Float64Array.from(part, ([time]) => time - base),
              code: Uint8Array.from(part, ([, code]) => code),
              length: part.length,
              gapBefore: false,
            });
          }
          const times = events.map(([time]) => time);
          const absolute = (at: { base: bigint; tick: number }) => Number(at.base - 2n ** 61n) + at.tick;
          expect(absolute(collector.first!)).toBe(Math.min(...times));
          expect(absolute(collector.last!)).toBe(Math.max(...times));
          expect(collector.outOfOrderSteps).toBe(times.filter((time, i) => i > 0 && time < times[i - 1]!).length);
          for (const code of new Set(events.map(([, c]) => c))) {
            const own = events.filter(([, c]) => c === code).map(([time]) => time);
            const expected = new Float64Array(binCount);
            for (let i = 1; i < own.length; i++) expected[binOf(own[i]! - own[i - 1]!)]!++;
            expect(collector.bins.of(code)).toEqual(expected);
          }
        },
      ),
      { numRuns: 60, seed: 2 },
    );
  });

  it("an interval's bin, from its float64's upper half as from the logarithm", () => {
    const view = new Float64Array(1);
    const high = new Int32Array(view.buffer);
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.nat(2 ** 48)), (units) => {
        view[0] = units;
        const bin = Math.max(0, (high[1]! >> highShift) - highOffset);
        expect(binOf(units)).toBe(bin);
        if (bin > 0) expect(binStart[bin]!).toBeLessThanOrEqual(units);
        expect(binStart[bin + 1]!).toBeGreaterThan(units);
      }),
      { seed: 3 },
    );
  });

  it("the longest silences of many", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 2000 }), (lengths) => {
        const kept = new LongestSilences();
        let cut = 0;
        lengths.forEach((length, i) => {
          if (length > cut) cut = kept.add(i, length);
        });
        const longest = [...lengths].sort((a, b) => b - a).slice(0, mostSilences);
        expect(kept.sorted().map(({ length }) => length)).toEqual(longest);
      }),
      { numRuns: 50, seed: 4 },
    );
  });

  it("thinned intervals stand for all of them", () => {
    const times = clicks({ events: 300_000, ratePerSecond: 1e6, deadPs: 80_000 }, chance(9));
    const whole = collected({ 1: times }, 1000);
    const thinned = new Collector(noInfo, { binnedWhole: 50_000 });
    for (let i = 0; i < times.length; i += 1000) {
      const tick = Float64Array.from(times.slice(i, i + 1000));
      thinned.add({ base: 0n, tick, code: new Uint8Array(1000).fill(1), length: 1000, gapBefore: false });
    }
    const sum = (all: Float64Array) => all.reduce((total, n) => total + n, 0);
    expect(Math.abs(sum(thinned.bins.of(1)) / sum(whole.bins.of(1)) - 1)).toBeLessThan(0.05);
    expect(thinned.bins.noise).toBeGreaterThan(5);
    const found = figuresOf(thinned, noInfo, () => false).channelFigures[1]!;
    expect(Math.abs(Number(found.deadTimePs) - 80_000)).toBeLessThan(4 * Number(found.deadTimeUncertaintyPs));
    expect(seen(found)).toBeUndefined();
  });
});
