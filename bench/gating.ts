/**
 * From times to slots, the clock followed (src/timing): a pulsed link's gate and a link of pairs' coincidences, and beside
 * each the least that has to be done where the clock is known: a division an event, a sweep over both lists. Times wander
 * and drift; the plain rows are given the truth.
 */
import { PairLinker } from "../timing/pair-linker.js";
import { emptyGated, PulseTracker } from "../timing/pulse-tracker.js";
import type { Case } from "./harness.js";

const count = 400_000;
const period = 250_000;
const halfWidth = 1000;
const wanderPs = 3000;
const batch = 32_768;

/** @param draw random words */
export function gating(draw: () => number): Case[] {
  const uniform = () => ((draw() >>> 0) + 0.5) / 2 ** 32;
  return [...pulses(uniform), ...pairs(uniform)];
}

function gaussian(uniform: () => number): number {
  return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

function wander(t: number): number {
  return wanderPs * Math.sin((2 * Math.PI * t) / 1e12);
}

function pulses(uniform: () => number): Case[] {
  const [times, pulse, detector] = [new Float64Array(count), new Float64Array(count), new Uint8Array(count)];
  for (let i = 0, at = 0; i < count; i++) {
    at += 1 + Math.floor(-Math.log(uniform()) * 10);
    pulse[i] = at;
    const t = at * period;
    times[i] = t + wander(t) + 200 * gaussian(uniform);
    detector[i] = Math.floor(4 * uniform());
  }
  const known = times.map((t) => t - wander(t));
  const batches = Array.from({ length: Math.ceil(count / batch) }, (_, i) => ({
    base: 0n,
    dt: times.slice(i * batch, (i + 1) * batch),
    detector: detector.slice(i * batch, (i + 1) * batch),
    gapBefore: false,
  }));
  const gated = emptyGated();
  const slots = new Float64Array(count);
  const row = {
    unit: "M detections/s",
    work: count / 1e6,
    parameters: { detections: count, pulses: pulse[count - 1] },
  };
  return [
    {
      ...row,
      name: "gate pulses, clock followed",
      run: () => {
        const tracker = new PulseTracker({ time: 0n, fraction: 0, pulse: 0, period }, [0, 0, 0, 0], halfWidth);
        for (const one of batches) tracker.gate(one, gated);
      },
    },
    {
      ...row,
      name: "gate pulses plain, clock known",
      run: () => {
        for (let i = 0; i < count; i++) {
          const slot = Math.round(known[i]! / period);
          slots[i] = Math.abs(known[i]! - slot * period) <= halfWidth ? slot : Number.NaN;
        }
      },
    },
  ];
}

function pairs(uniform: () => number): Case[] {
  const hz = 60_000;
  const stream = (rate: number) => {
    const list: number[] = [];
    for (let t = 0; list.length < (count / 2) * (rate / hz); list.push(t)) t += (-Math.log(uniform()) * 1e12) / rate;
    return list;
  };
  const both = stream(0.5 * hz);
  const alice = Float64Array.from([...stream(0.5 * hz), ...both.map((t) => t + 100 * gaussian(uniform))]).sort();
  const bob = Float64Array.from([
    ...stream(0.5 * hz),
    ...both.map((t) => t + wander(t) + 100 * gaussian(uniform)),
  ]).sort();
  const known = alice.map((t) => t + wander(t));
  const events = alice.length + bob.length;
  const row = { unit: "M events/s", work: events / 1e6, parameters: { events, pairs: both.length } };
  return [
    {
      ...row,
      name: "link pairs, clock followed",
      run: () => new PairLinker(halfWidth).link(alice, bob, { offset: 0, drift: 0 }, 0),
    },
    { ...row, name: "link pairs plain, clock known", run: () => plainPairs(known, bob) },
  ];
}

function plainPairs(alice: Float64Array, bob: Float64Array): number {
  let [low, found] = [0, 0];
  for (let i = 0; i < alice.length; i++) {
    const [from, to] = [alice[i]! - halfWidth, alice[i]! + halfWidth];
    while (low < bob.length && bob[low]! < from) low++;
    for (let k = low; k < bob.length && bob[k]! <= to; k++) found++;
  }
  return found;
}
