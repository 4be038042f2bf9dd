/**
 * What truly happened on a prepare-and-measure link: every recorded click put into its pulse by the true clock and
 * counted as CONTRACT.md's `clicks` are (before the dead-time rule; a slot is the set of clicked detectors).
 */
import type { Link } from "../link.js";
import type { BobClock } from "./clock.js";
import type { Generator } from "./generator.js";
import { clockMark, type Receiver, type Recorded } from "./receiver.js";
import { nibbleAt } from "./source.js";

interface Tally {
  sifted: number;
  errors: number;
}

const basisNames = ["Z", "X"] as const;

export class PreparedTruth {
  private readonly halfWidth: number;
  private readonly detectorBasis: Uint8Array;
  private readonly detectorBit: Uint8Array;
  private readonly counts = { gatedClicks: 0, pulsesWithClick: 0, single: 0, sameBasis: 0, crossBasis: 0, ungated: 0 };
  private readonly sifted: Record<"Z" | "X", Tally> = { Z: { sifted: 0, errors: 0 }, X: { sifted: 0, errors: 0 } };
  private readonly intensities;
  private readonly photonNumbers: Record<string, Tally> = {};
  private records: { record: Uint8Array; from: number; to: number }[] = [];
  /** The pulse whose clicks are being gathered; its preparation is read while its chunk is still held. */
  private slot = { pulse: -1, prepared: 0, mask: 0, photons: -1 };

  constructor(
    private readonly link: Link,
    private readonly clock: BobClock,
    private readonly delays: readonly number[],
    private readonly pulses: number,
    private readonly efficiency: number,
    private readonly random: Generator,
  ) {
    this.halfWidth = link.window?.halfWidthPs ?? Math.min(1000, link.source!.pulsePeriodPs / 2);
    this.detectorBasis = Uint8Array.from(link.bob.detectors!, (d) => (d.basis === "Z" ? 0 : 1));
    this.detectorBit = Uint8Array.from(link.bob.detectors!, (d) => d.bit);
    this.intensities = link.source!.intensities.map(({ name, mean }) => ({
      name,
      mean,
      pulses: 0,
      pulsesByBasis: { Z: 0, X: 0 },
      singleClick: 0,
      Z: { sifted: 0, errors: 0 },
      X: { sifted: 0, errors: 0 },
    }));
  }

  /** Takes a chunk of the record; the chunk before is kept for clicks still in the buffer. */
  prepared(record: Uint8Array, from: number, count: number): void {
    const byByte = new Float64Array(256);
    const whole = count >>> 1;
    for (let i = 0; i < whole; i++) byByte[record[i]!]!++;
    const byNibble = new Float64Array(16);
    for (let byte = 0; byte < 256; byte++) {
      byNibble[byte & 15]! += byByte[byte]!;
      byNibble[byte >>> 4]! += byByte[byte]!;
    }
    if (count % 2 === 1) byNibble[record[whole]!]!++;
    for (let nibble = 0; nibble < 16; nibble++) {
      const row = this.intensities[nibble >>> 2];
      if (!row) continue;
      row.pulses += byNibble[nibble]!;
      row.pulsesByBasis[basisNames[(nibble >>> 1) & 1]!] += byNibble[nibble]!;
    }
    this.records = [...this.records.slice(-1), { record, from, to: from + count }];
  }

  add({ time, detector, origin, photons, length }: Recorded): void {
    const period = this.link.source!.pulsePeriodPs;
    for (let i = 0; i < length; i++) {
      const d = detector[i]!;
      if (d === clockMark) continue;
      const seen = time[i]! - this.delays[d]!;
      const pulse = Math.round(this.clock.toAlice(seen) / period);
      const inside = Math.abs(seen - this.clock.toBob(pulse * period)) <= this.halfWidth;
      if (pulse < 0 || pulse >= this.pulses || !inside) {
        this.counts.ungated++;
        continue;
      }
      this.counts.gatedClicks++;
      if (pulse !== this.slot.pulse) {
        this.close();
        const home = this.records.find(({ from, to }) => pulse >= from && pulse < to)!;
        this.slot = { pulse, prepared: nibbleAt(home.record, pulse - home.from), mask: 0, photons: -1 };
      }
      this.slot.mask |= 1 << d;
      if (origin[i] === pulse) this.slot.photons = photons[i]!;
    }
  }

  result(recorded: Receiver["counts"]): Record<string, unknown> {
    this.close();
    this.slot.pulse = -1;
    const { Z, X } = this.sifted;
    const total = { sifted: Z.sifted + X.sifted, errors: Z.errors + X.errors };
    const definition = "t_bob of pulse n at detector 0 = offsetPs + n·pulsePeriodPs·(1 + driftPpb·1e-9), mean line";
    const first = Math.max(0, this.clock.toAlice(0));
    const last = this.pulses * this.link.source!.pulsePeriodPs;
    return {
      pulses: this.pulses,
      clock: this.clock.truth(first, last, this.delays[0]!, definition),
      delaysPs: this.delays,
      recorded,
      gate: { halfWidthPs: this.halfWidth, rule: "nearest pulse by the true clock after the true delays, inclusive" },
      clicks: { ...this.counts, ...total, qber: total.sifted > 0 ? total.errors / total.sifted : null },
      byBasis: this.sifted,
      byIntensity: this.intensities,
      /** Of single-click sifted slots, by basis and the number of photons that the pulse held at the source. */
      byPhotonNumber: this.photonNumbers,
    };
  }

  private close(): void {
    const { pulse, prepared, mask, photons } = this.slot;
    if (pulse < 0) return;
    this.counts.pulsesWithClick++;
    const row = this.intensities[prepared >>> 2]!;
    if ((mask & (mask - 1)) !== 0) {
      let bases = 0;
      for (const [d, basis] of this.detectorBasis.entries()) if (mask & (1 << d)) bases |= 1 << basis;
      if (bases === 3) this.counts.crossBasis++;
      else this.counts.sameBasis++;
      return;
    }
    this.counts.single++;
    row.singleClick++;
    const d = 31 - Math.clz32(mask);
    const basis = (prepared >>> 1) & 1;
    if (this.detectorBasis[d] !== basis) return;
    const error = this.detectorBit[d] !== (prepared & 1) ? 1 : 0;
    const name = basisNames[basis]!;
    // a click without a photon of its pulse: the pulse held only photons that were lost
    const single = this.link.protocol === "bb84-single-photon";
    const held =
      photons >= 0
        ? photons
        : single
          ? Number(this.random.chance((row.mean * (1 - this.efficiency)) / (1 - row.mean * this.efficiency)))
          : this.random.poisson(row.mean * (1 - this.efficiency));
    const key = `${held > 2 ? "3+" : held}${name}`;
    this.photonNumbers[key] ??= { sifted: 0, errors: 0 };
    const byPhotons = this.photonNumbers[key];
    for (const tally of [this.sifted[name], row[name], byPhotons]) {
      tally.sifted++;
      tally.errors += error;
    }
  }
}
