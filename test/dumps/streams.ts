/** Detection times with known faults, and what inspect's figures say of them. */
import { newInfo } from "../../src/dumps/dump.js";
import { Collector } from "../../src/dumps/figures/collector.js";
import { type Figures, figuresOf } from "../../src/dumps/figures/figures.js";

/** Uniform in (0, 1), the same for the same seed. */
export function chance(seed: number): () => number {
  let state = Math.imul(seed, 2654435761) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return (state + 0.5) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) next();
  return next;
}

export interface Detector {
  readonly events: number;
  readonly ratePerSecond: number;
  readonly deadPs?: number;
  /** Probability of an afterpulse, its mean delay after the dead time. */
  readonly afterpulse?: readonly [probability: number, delayPs: number];
  /** Stretches without clicks: from, length. */
  readonly gaps?: readonly (readonly [number, number])[];
  /** Light on for the first half of each period. */
  readonly choppedPs?: number;
  /** Clicks fall on pulses, with a jitter of so many ps. */
  readonly pulses?: readonly [periodPs: number, jitterPs: number];
  /** Factor of the rate by time, s. */
  readonly light?: (seconds: number) => number;
}

/** Times in ps from 0 on. */
export function clicks(detector: Detector, random: () => number): number[] {
  const { events, ratePerSecond, deadPs = 0, afterpulse, gaps = [], choppedPs, pulses, light = () => 1 } = detector;
  const times: number[] = [];
  for (let t = 0; times.length < events; ) {
    const wait = () => (-Math.log(random()) * 1e12) / (ratePerSecond * light(t / 1e12));
    let next = t + deadPs + wait();
    if (afterpulse && random() < afterpulse[0]) next = Math.min(next, t + deadPs - Math.log(random()) * afterpulse[1]);
    for (const [from, length] of gaps) if (next > from && next < from + length) next = from + length + wait();
    if (choppedPs && next % choppedPs > choppedPs / 2) next += choppedPs - (next % choppedPs) + wait();
    if (pulses) next = Math.ceil(next / pulses[0]) * pulses[0];
    t = next;
    const normal = pulses ? Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random()) : 0;
    times.push(Math.floor(next + normal * (pulses?.[1] ?? 0)));
  }
  return times;
}

export const noInfo = newInfo("ptu", "x", 1);

/** @param channels times by code; each batch has a base of its own, far beyond 2^53 */
export function collected(channels: Readonly<Record<number, readonly number[]>>, batch = 10_000, info = noInfo) {
  const events = Object.entries(channels).flatMap(([code, times]) => times.map((t) => [t, Number(code)] as const));
  if (Object.keys(channels).length > 1) events.sort((a, b) => a[0] - b[0]);
  const collector = new Collector(info);
  for (let i = 0; i < events.length; i += batch) {
    const part = events.slice(i, i + batch);
    const first = part[0]![0];
    collector.add({
      base: 2n ** 62n + BigInt(first),
      tick: Float64Array.from(part, ([t]) => t - first),
      code: Uint8Array.from(part, ([, code]) => code),
      length: part.length,
      gapBefore: false,
    });
  }
  return collector;
}

export function figures(channels: Readonly<Record<number, readonly number[]>>): Figures {
  return figuresOf(collected(channels), noInfo, () => false);
}
