/**
 * What truly happened on an entangled link: coincidences by the true clock and delays. Exclusive pairs (each event has
 * exactly one partner in the window) are CONTRACT.md's `clicks.single`; same basis makes them sifted.
 */
import type { Link } from "../link.js";
import type { BobClock } from "./clock.js";
import type { Receiver, Recorded } from "./receiver.js";

type End = "alice" | "bob";

interface Event {
  /** Alice's time, delays removed. */
  readonly at: number;
  readonly detector: number;
  readonly origin: number;
}

export class PairTruth {
  private readonly waiting: Record<End, Event[]> = { alice: [], bob: [] };
  /** Alice's events at the head of the list that are counted and only kept as neighbours. */
  private counted = 0;
  private readonly halfWidth: number;
  private readonly counts = { allPairs: 0, exclusivePairs: 0, sifted: 0, errors: 0, truePairsInWindow: 0 };
  private readonly byBasis = { Z: { sifted: 0, errors: 0 }, X: { sifted: 0, errors: 0 } };

  constructor(
    private readonly link: Link,
    private readonly clock: BobClock,
    private readonly aliceDelays: readonly number[],
    private readonly bobDelays: readonly number[],
  ) {
    this.halfWidth = link.window?.halfWidthPs ?? 1000;
  }

  add(end: End, { time, detector, origin, length }: Recorded): void {
    const list = this.waiting[end];
    for (let i = 0; i < length; i++) {
      const d = detector[i]!;
      const at = end === "alice" ? time[i]! - this.aliceDelays[d]! : this.clock.toAlice(time[i]! - this.bobDelays[d]!);
      list.push({ at, detector: d, origin: origin[i]! });
    }
  }

  /** Counts Alice's events before `until` (her time), less a margin; both ends must be complete up to there. */
  match(until: number): void {
    const { alice, bob } = this.waiting;
    const width = this.halfWidth;
    alice.sort((p, q) => p.at - q.at);
    bob.sort((p, q) => p.at - q.at);
    const limit = until - 2 * width;
    let first = 0;
    let i = this.counted;
    for (; i < alice.length && alice[i]!.at < limit; i++) {
      const a = alice[i]!;
      while (first < bob.length && bob[first]!.at < a.at - width) first++;
      let end = first;
      for (; end < bob.length && bob[end]!.at <= a.at + width; end++)
        if (a.origin > 0 && a.origin === bob[end]!.origin) this.counts.truePairsInWindow++;
      this.counts.allPairs += end - first;
      if (end - first !== 1) continue;
      const b = bob[first]!;
      // the sorted neighbours of a are the only ones that could be nearest rivals for b
      const rival = [alice[i - 1], alice[i + 1]].some((other) => other && Math.abs(other.at - b.at) <= width);
      if (!rival) this.count(a, b);
    }
    const keep = alice.findIndex((a, index) => index >= i || a.at >= limit - 4 * width);
    const dropped = keep < 0 ? alice.length : keep;
    this.waiting.alice = alice.slice(dropped);
    this.counted = i - dropped;
    this.waiting.bob = bob.filter((b) => b.at >= limit - 4 * width);
  }

  result(duration: number, recorded: Record<End, Receiver["counts"]>): Record<string, unknown> {
    const from = Math.max(0, this.clock.toAlice(0));
    const to = Math.min(duration, this.clock.toAlice(duration));
    const definition =
      "t_bob = t_alice + offsetPs + driftPpb·1e-9·(t_alice − referencePs), detectors 0 of both, mean line";
    const { sifted, errors } = this.counts;
    return {
      clock: this.clock.truth(from, to, this.bobDelays[0]! - this.aliceDelays[0]!, definition),
      delaysPs: { alice: this.aliceDelays, bob: this.bobDelays },
      overlapSeconds: Math.max(0, to - from) / 1e12,
      recorded,
      window: { halfWidthPs: this.halfWidth, rule: "difference of delay-corrected times in Alice's clock, inclusive" },
      clicks: { ...this.counts, qber: sifted > 0 ? errors / sifted : null },
      byBasis: this.byBasis,
    };
  }

  private count(a: Event, b: Event): void {
    this.counts.exclusivePairs++;
    const [da, db] = [this.link.alice.detectors![a.detector]!, this.link.bob.detectors![b.detector]!];
    if (da.basis !== db.basis) return;
    const error = (da.bit === db.bit) === (this.link.correlation === "opposite") ? 1 : 0;
    this.counts.sifted++;
    this.counts.errors += error;
    this.byBasis[da.basis].sifted++;
    this.byBasis[da.basis].errors += error;
  }
}
