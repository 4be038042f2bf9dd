/**
 * Light that comes back after a gap full of noise: where the clock may have moved by pulses in the dark, the numbers behind
 * are open and not believed, and next to nothing behind is left out. Times of the tracker alone, seeds fixed.
 */
import { expect, test } from "vitest";
import { Generator } from "../../src/simulate/generator.js";
import { chooseHalfWidth } from "../../src/timing/pulse-calibration.js";
import type { Stretch } from "../../src/timing/pulse-track.js";
import { emptyGated, PulseTracker } from "../../src/timing/pulse-tracker.js";

interface Case {
  readonly period: number;
  readonly halfWidth: number;
  readonly sigma: number;
  readonly lightHz: number;
  readonly noiseHz: number;
  /** Seconds of light, of dark, of light. */
  readonly seconds: readonly [number, number, number];
  /** By how much Bob's clock moved in the dark beyond its line, ps; and its bend, 1/s. */
  readonly moved: number;
  readonly rate: number;
}

const second = 1e12;

function detections({ period, sigma, lightHz, noiseHz, seconds: [before, dark, after], moved, rate }: Case) {
  const random = new Generator(3, "pulse-gaps");
  const end = (before + dark + after) * second;
  const events: { time: number; pulse: number }[] = [];
  for (let t = random.exponential(second / noiseHz); t < end; t += random.exponential(second / noiseHz))
    events.push({ time: t, pulse: Number.NaN });
  for (let t = random.exponential(second / lightHz); t < end; t += random.exponential(second / lightHz)) {
    const pulse = Math.round(t / period);
    const at = pulse * period;
    if (at > before * second && at < (before + dark) * second) continue;
    const shift = at < before * second ? 0 : moved;
    events.push({ time: at + shift + (rate * at * at) / 2 + sigma * random.gaussian(), pulse });
  }
  return events.sort((a, b) => a.time - b.time);
}

test.each<[string, Case]>([
  [
    "fast pulses, moved by two and a half in 0.2 s",
    {
      period: 10_000,
      halfWidth: 250,
      sigma: 50,
      lightHz: 400_000,
      noiseHz: 2000,
      seconds: [0.3, 0.2, 0.3],
      moved: 25_000,
      rate: 0,
    },
  ],
  [
    "a gate of a seventh of the period, bent clock",
    {
      period: 20_000,
      halfWidth: 1500,
      sigma: 300,
      lightHz: 200_000,
      noiseHz: 2000,
      seconds: [0.5, 1, 0.5],
      moved: 0,
      rate: 4e-18,
    },
  ],
  [
    "weak light",
    {
      period: 100_000,
      halfWidth: 1250,
      sigma: 250,
      lightHz: 4000,
      noiseHz: 2000,
      seconds: [2, 2, 4],
      moved: 300_000,
      rate: 1e-19,
    },
  ],
])("%s", (_, link) => {
  const { period, halfWidth, seconds } = link;
  const events = detections(link);
  const tracker = new PulseTracker({ time: 0n, fraction: 0, pulse: 0, period }, [0, 0, 0, 0], halfWidth);
  const gated = emptyGated();
  const lit = (seconds[0] + seconds[1]) * second;
  let current: Stretch = { reach: 0, shift: 0 };
  let [expected, counted] = [0, 0];
  const shifts = new Map<Stretch, Map<number, number>>();
  const size = 5000;
  for (let at = 0; at < events.length; at += size) {
    const part = events.slice(at, at + size);
    const dt = Float64Array.from(part, ({ time }) => time);
    tracker.gate({ base: 0n, dt, detector: new Uint8Array(part.length), gapBefore: false }, gated);
    const begins = new Map(gated.stretches.map(({ from, stretch }) => [from, stretch]));
    part.forEach(({ pulse, time }, i) => {
      current = begins.get(i) ?? current;
      if (Number.isNaN(pulse) || time < lit) return;
      expected++;
      const shift = pulse - gated.slot[i]!;
      if (Number.isNaN(shift)) return;
      const seen = shifts.get(current) ?? new Map<number, number>();
      shifts.set(current, seen.set(shift, (seen.get(shift) ?? 0) + 1));
      counted++;
    });
  }
  // One shift a stretch, and the light seen within some groups of detections.
  for (const [{ reach }, seen] of shifts) {
    expect(seen.size).toBe(1);
    for (const shift of seen.keys()) expect(Math.abs(shift)).toBeLessThanOrEqual(reach);
  }
  expect(counted).toBeGreaterThan(0.97 * expected);
});

test("a gate from times: neither the clock's bend nor noise makes it wide", () => {
  const [period, sigma] = [50_000, 250];
  const link: Case = {
    period,
    halfWidth: 1,
    sigma,
    lightHz: 50_000,
    noiseHz: 20_000,
    seconds: [0.05, 0, 0],
    moved: 0,
    rate: 8e-18,
  };
  const times = Float64Array.from(detections(link), ({ time }) => time);
  const width = chooseHalfWidth(
    times,
    new Uint8Array(times.length),
    { period, phase: 0, score: 0, first: 0, count: times.length },
    [0],
  );
  expect(width).toBeGreaterThan(4.5 * sigma);
  expect(width).toBeLessThan(6 * sigma);
});
