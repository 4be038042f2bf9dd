/**
 * Entangled pairs: emitted as a Poisson process, each photon detected or lost on its own arm. By the splitting of a
 * Poisson process only pairs with a detected photon are drawn, at rate R·(1 − (1 − a)(1 − b)), then which of the two
 * ends saw it. Alice's clock is the reference; both taggers run S seconds from their own start.
 */
import { interrupted } from "../errors.js";
import type { Link, Simulation } from "../link.js";
import { BasisChoice } from "./bb84.js";
import { BobClock } from "./clock.js";
import type { DumpFile } from "./dump-file.js";
import { Generator } from "./generator.js";
import { exp, ln } from "./math.js";
import { PairTruth } from "./pair-truth.js";
import { Receiver, type Recorded, withoutPauses } from "./receiver.js";

const slab = 5e10;

export interface EntangledRun {
  readonly link: Link;
  readonly simulation: Simulation;
  readonly seed: number | bigint;
  readonly seconds: number;
  readonly alice: DumpFile;
  readonly bob: DumpFile;
  onProgress?(done: number, total: number): void;
  readonly signal?: AbortSignal | undefined;
}

export async function runEntangled(run: EntangledRun): Promise<Record<string, unknown>> {
  const { link, simulation, seed } = run;
  const duration = run.seconds * 1e12;
  const arm = exp((-simulation.lossDb / 10) * ln(10));
  const [a, b] = [simulation.efficiency.alice * arm, simulation.efficiency.bob * arm];
  const seen = a + b - a * b;
  const meanGap = 1e12 / (simulation.pairRateHz * seen);
  const [onlyA, both] = [(a * (1 - b)) / seen, (a * b) / seen];

  const clock = new BobClock(simulation, duration, new Generator(seed, "clock"));
  const receiverOf = (end: "alice" | "bob", listed: readonly number[]) => {
    const detectors = link[end].detectors!;
    const delaysPs = detectors.map((_, i) => listed[i] ?? 0);
    const settings = { detectors: detectors.length, delaysPs, simulation, untilPs: duration };
    return { delaysPs, receiver: new Receiver(settings, new Generator(seed, `${end} detectors`)) };
  };
  const alice = receiverOf("alice", simulation.aliceDelaysPs);
  const bob = receiverOf("bob", simulation.delaysPs);
  const random = new Generator(seed, "pairs");
  const choices = {
    alice: new BasisChoice(link, simulation, random, "alice"),
    bob: new BasisChoice(link, simulation, random, "bob"),
  };
  const truth = new PairTruth(link, clock, alice.delaysPs, bob.delaysPs);
  const flip = link.correlation === "opposite" ? 1 : 0;

  const codes = { alice: codesOf(link, "alice"), bob: codesOf(link, "bob") };
  const writer = (end: "alice" | "bob") => async (recorded: Recorded) => {
    const events = withoutPauses(recorded, simulation.pauses, end);
    truth.add(end, events);
    await run[end].write(
      events.time,
      events.detector.map((d) => codes[end][d]!),
      events.length,
    );
  };
  const [writeAlice, writeBob] = [writer("alice"), writer("bob")];

  // pairs matter while either tagger runs: Alice's [0, S], Bob's [0, S] of his own clock
  const start = Math.min(0, clock.toAlice(0));
  const end = Math.max(duration, clock.toAlice(duration));
  let pair = 0;
  let next = start + random.exponential(meanGap);
  for (let until = start; until < end; ) {
    if (run.signal?.aborted) throw interrupted();
    until = Math.min(end, until + slab);
    for (; next < until; next += random.exponential(meanGap)) {
      pair++;
      const u = random.uniform();
      const toAlice = u <= onlyA + both;
      const toBob = u > onlyA;
      choices.alice.nextPulse();
      choices.bob.nextPulse();
      // Alice's measurement prepares Bob's photon; where hers is lost its basis and bit are any
      const word = random.word();
      const basis = toAlice ? choices.alice.basis() : word & 1;
      const bit = (word >>> 1) & 1;
      if (toAlice) {
        const detector = choices.alice.at(basis, bit);
        if (detector >= 0) alice.receiver.photon(next, detector, pair, 1);
      }
      if (toBob) {
        const detector = choices.bob.detector(basis, bit ^ flip);
        if (detector >= 0) bob.receiver.photon(clock.toBob(next), detector, pair, 1);
      }
    }
    alice.receiver.advance(until);
    bob.receiver.advance(clock.toBob(until));
    await alice.receiver.flush(until - 200_000, writeAlice);
    await bob.receiver.flush(clock.toBob(until - 200_000), writeBob);
    truth.match(until - 1_000_000);
    run.onProgress?.(until - start, end - start);
  }
  alice.receiver.advance(duration);
  bob.receiver.advance(duration);
  await alice.receiver.flush(Number.POSITIVE_INFINITY, writeAlice);
  await bob.receiver.flush(Number.POSITIVE_INFINITY, writeBob);
  truth.match(Number.POSITIVE_INFINITY);
  return truth.result(duration, { alice: alice.receiver.counts, bob: bob.receiver.counts });
}

function codesOf(link: Link, end: "alice" | "bob"): Uint8Array {
  return Uint8Array.from(link[end].detectors!, (d) => d.channel);
}
