/**
 * Logarithmic bins of intervals, 32 to an octave: the upper bits of the interval's float64. Bin 0 holds what is below a
 * unit (equal times, steps back); bin b ≥ 1 begins at 2^⌊(b−1)/32⌋ · (1 + ((b−1) mod 32)/32) units.
 */

const octaves = 64;
const perOctave = 32;
export const binCount = octaves * perOctave + 1;

/** From a float64's high word: `(high >> highShift) - highOffset`, below 0 for what belongs into bin 0. */
export const highShift = 15;
export const highOffset = 1023 * perOctave - 1;

/** Where bin b begins, units; one entry more than there are bins. */
export const binStart = Float64Array.from({ length: binCount + 1 }, (_, b) =>
  b === 0 ? 0 : 2 ** Math.floor((b - 1) / perOctave) * (1 + ((b - 1) % perOctave) / perOctave),
);

/** The bin that holds `units`. */
export function binOf(units: number): number {
  if (!(units >= 1)) return 0;
  const octave = Math.floor(Math.log2(units));
  const bin = 1 + octave * perOctave + Math.floor((units / 2 ** octave - 1) * perOctave);
  return Math.min(binCount - 1, bin);
}

/** Interval in the middle of bin b, units. */
export function binMiddle(b: number): number {
  return (binStart[b]! + binStart[b + 1]!) / 2;
}
