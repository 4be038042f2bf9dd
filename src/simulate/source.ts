/**
 * The pulsed source: for each pulse bit, basis and intensity with their exact probabilities, packed as the preparation
 * record (CONTRACT.md: 4 bits a pulse, pulse n in the low nibble of byte n/2 when n is even).
 *
 * A 16-bit random number indexes a table: its lowest bit is the key bit, the other 15 choose among the ≤ 8 classes
 * (basis × intensity). The ≤ 7 cells that a class border cuts are resolved with 53 further bits, so the probabilities
 * are exact to 2⁻⁶⁸ at ~8 random bits a nibble of output and one table look-up.
 */
import type { Link } from "../link.js";
import type { Generator } from "./generator.js";

const cut = 255;
const cells = 32768;

export class PulseSource {
  private readonly table = new Uint8Array(2 * cells);
  /** Upper border of each class in cells, and its nibble without the bit. */
  private readonly classes: { upTo: number; nibble: number }[] = [];

  constructor(
    link: Link,
    private readonly random: Generator,
  ) {
    const source = link.source!;
    const single = source.intensities.length === 1;
    let sum = 0;
    for (const [index, intensity] of source.intensities.entries())
      for (const [basis, share] of [source.basisProbability.Z, source.basisProbability.X].entries()) {
        sum += share * (single ? 1 : intensity.probability);
        this.classes.push({ upTo: sum * cells, nibble: (index << 2) | (basis << 1) });
      }
    this.classes.at(-1)!.upTo = cells;
    for (let cell = 0; cell < cells; cell++) {
      const low = this.classes.find(({ upTo }) => cell < upTo)!;
      const whole = cell + 1 <= low.upTo;
      this.table[2 * cell] = whole ? low.nibble : cut;
      this.table[2 * cell + 1] = whole ? low.nibble | 1 : cut;
    }
  }

  /** Fills `record` with two pulses a byte. */
  fill(record: Uint8Array): void {
    const { table, random } = this;
    for (let i = 0; i < record.length; i++) {
      const word = random.word();
      let low = table[word & 0xffff]!;
      let high = table[word >>> 16]!;
      if (low === cut) low = this.resolve(word & 0xffff);
      if (high === cut) high = this.resolve(word >>> 16);
      record[i] = low | (high << 4);
    }
  }

  private resolve(index: number): number {
    const at = (index >>> 1) + 1 - this.random.uniform();
    return (this.classes.find(({ upTo }) => at < upTo) ?? this.classes.at(-1)!).nibble | (index & 1);
  }
}

/** Preparation of pulse n, from a record that starts at pulse `first`, which is even. */
export function nibbleAt(record: Uint8Array, pulse: number): number {
  return (record[Math.floor(pulse / 2)]! >>> (pulse % 2 === 0 ? 0 : 4)) & 15;
}
