/** Simulated links, locked and taken apart into slots by both ends: what clock recovery alone makes of two dumps. */
import { join } from "node:path";
import { expect } from "vitest";
import type { BitString } from "../../src/bits.js";
import { loopbackPair } from "../../src/channel/loopback.js";
import { openDump, PreparationRecord } from "../../src/dumps/index.js";
import { type Link, type LinkInput, parseLink } from "../../src/link.js";
import { LeakLedger } from "../../src/security/ledger.js";
import { simulate } from "../../src/simulate/index.js";
import { aliceSlotsOfPulses, bobSlotsOfPulses } from "../../src/stages/slots.js";
import { EventStream } from "../../src/timing/events.js";
import { acquirePairsAsAlice, acquirePairsAsBob } from "../../src/timing/pair-acquire.js";
import { eventBlocks } from "../../src/timing/pair-blocks.js";
import { PairLinker } from "../../src/timing/pair-linker.js";
import { blockBoundary, pairAsAlice, pairAsBob } from "../../src/timing/pairs.js";
import { pulseBlocks } from "../../src/timing/pulse-blocks.js";
import { acquirePulsesAsAlice, acquirePulsesAsBob } from "../../src/timing/pulses.js";

export type Settings = LinkInput["simulation"];

const detectors = [1, 2, 3, 4].map((channel) => ({
  channel,
  basis: channel < 3 ? ("Z" as const) : ("X" as const),
  bit: channel % 2 === 1 ? (0 as const) : (1 as const),
}));

export function prepared(simulation: Settings): Link {
  return parseLink({
    version: 1,
    name: "timing-bb84",
    protocol: "bb84-two-decoy",
    source: {
      pulsePeriodPs: 250_000,
      intensities: [
        { name: "signal", mean: 0.5, probability: 0.7 },
        { name: "decoy", mean: 0.1, probability: 0.2 },
        { name: "vacuum", mean: 0, probability: 0.1 },
      ],
    },
    bob: { detectors, deadTimePs: 600_000 },
    window: { halfWidthPs: 1000 },
    simulation: { lossDb: 4, ...simulation },
  });
}

/** One intensity: pulses are numbered by disclosed outcomes. */
export function singlePhoton(simulation: Settings): Link {
  return parseLink({
    version: 1,
    name: "timing-single-photon",
    protocol: "bb84-single-photon",
    source: { pulsePeriodPs: 250_000, intensities: [{ name: "photon", mean: 0.5, probability: 1 }] },
    bob: { detectors, deadTimePs: 600_000 },
    window: { halfWidthPs: 1000 },
    simulation: { lossDb: 4, ...simulation },
  });
}

export function entangled(simulation: Settings): Link {
  return parseLink({
    version: 1,
    name: "timing-bbm92",
    protocol: "bbm92",
    alice: { detectors },
    bob: { detectors },
    correlation: "opposite",
    window: { halfWidthPs: 1000 },
    simulation: { pairRateHz: 600_000, lossDb: 1, deadTimePs: 45_000, backgroundHz: 25_000, ...simulation },
  });
}

export interface Truth {
  readonly clock: { readonly offsetPs: string; readonly driftPpb: number };
  readonly clicks: {
    readonly single: number;
    readonly sameBasis: number;
    readonly crossBasis: number;
    readonly sifted: number;
    readonly qber: number;
  };
}

export interface Sifted {
  readonly bits: number;
  readonly qber: number;
  /** Of them, slots opened to number pulses. */
  readonly disclosed?: number;
  readonly truth: Truth;
}

export interface Run {
  readonly seconds: number;
  readonly seed: number;
  readonly folder: string;
}

async function simulated(link: Link, { seconds, seed, folder }: Run) {
  const { files, truth } = await simulate(link, { seconds, seed, out: join(folder, `${link.name}-${seed}`) });
  return { files, truth: truth as unknown as Truth };
}

/** Single clicks of the same basis, from the lock's disclosed stretch on. */
export async function siftPairs(link: Link, run: Run): Promise<Sifted> {
  const { files, truth } = await simulated(link, run);
  const [a, b] = await Promise.all([openDump(files.alice), openDump(files.bob)]);
  try {
    const events = { alice: new EventStream(a, link.alice), bob: new EventStream(b, link.bob) };
    return { ...(await siftedPairs(link, events)), truth };
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

async function siftedPairs(link: Link, events: { alice: EventStream; bob: EventStream }) {
  const { alice, bob } = loopbackPair();
  const [atAlice, atBob] = await Promise.all([
    acquirePairsAsAlice(alice, events.alice, link),
    acquirePairsAsBob(bob, events.bob, link),
  ]);
  if (!atAlice.locked || !atBob.locked) throw new Error(`no lock: ${JSON.stringify(atAlice)}`);
  let { siftedBits: bits, errors } = atAlice.calibration!;
  const seconds = 5;
  const linker = new PairLinker(atAlice.halfWidthPs);
  const atBobs = eventBlocks(events.bob, blockBoundary("bob", atBob, seconds), 0, 2000);
  for await (const block of eventBlocks(events.alice, blockBoundary("alice", atAlice, seconds), 0, 2000)) {
    const other = await atBobs.next();
    if (other.done) break;
    const [a, b] = await Promise.all([
      pairAsAlice(alice, atAlice, block, linker, seconds),
      pairAsBob(bob, atBob, other.value),
    ]);
    for (let slot = 0; slot < a.slots; slot++) {
      if (!bitOf(a.single, slot)) continue;
      const [x, y] = [detectors[lowest(a.clicks[slot]!)]!, detectors[lowest(b.clicks[slot]!)]!];
      if (x.basis !== y.basis) continue;
      bits++;
      if (x.bit === y.bit) errors++;
    }
  }
  return { bits, qber: errors / bits };
}

export async function siftPulses(link: Link, run: Run): Promise<Sifted> {
  const { files, truth } = await simulated(link, run);
  const record = await PreparationRecord.open(files.alice);
  const dump = await openDump(files.bob);
  try {
    const events = new EventStream(dump, link.bob);
    const { alice, bob } = loopbackPair();
    const [atAlice, atBob] = await Promise.all([
      acquirePulsesAsAlice(alice, record, link),
      acquirePulsesAsBob(bob, events, link),
    ]);
    if (!atAlice.locked || !atBob.locked) throw new Error(`no lock: ${JSON.stringify(atBob)}`);
    let { siftedBits: bits, errors, slots: disclosed } = atAlice.disclosed;
    for await (const block of pulseBlocks(atBob, events, link)) {
      const [a, b] = await Promise.all([
        aliceSlotsOfPulses(alice, link, record, block.index, new LeakLedger()),
        bobSlotsOfPulses(bob, link, block, (bytes) => new Uint8Array(bytes), new LeakLedger()),
      ]);
      expect(a.own.count).toBe(b.own.count);
      bits += a.disclosed?.siftedBits ?? 0;
      errors += a.disclosed?.errors ?? 0;
      disclosed += a.disclosed?.slots ?? 0;
      for (let i = 0; i < a.own.count; i++) {
        if (!bitOf(b.own.single!, i) || bitOf(a.own.basis, i) !== bitOf(b.own.basis, i)) continue;
        bits++;
        if (bitOf(a.own.bit, i) !== bitOf(b.own.bit, i)) errors++;
      }
    }
    return { bits, qber: errors / bits, disclosed, truth };
  } finally {
    await Promise.all([record.close(), dump.close()]);
  }
}

function bitOf({ bytes }: BitString, at: number): number {
  return (bytes[at >> 3]! >> (at & 7)) & 1;
}

function lowest(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
