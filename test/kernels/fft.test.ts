/** Spectra for correlations: one body against the plain twin and the WASM kernel, judged by sums over all lags. */
import { describe, expect, it } from "vitest";
import { type Spectra, WasmSpectra } from "../../src/kernels/fft.js";
import { PlainSpectra } from "../../src/kernels/reference/fft.js";
import { Generator } from "../../src/simulate/generator.js";

const implementations: [string, (length: number) => Spectra][] = [
  ["reference", (length) => new PlainSpectra(length)],
  ["wasm", (length) => new WasmSpectra(length)],
];

function filled(spectra: Spectra, random: Generator): { vector: number; values: Float32Array } {
  const vector = spectra.make();
  const values = Float32Array.from({ length: 2 * spectra.length }, () => random.gaussian());
  spectra.values(vector).set(values);
  return { vector, values };
}

describe.each(implementations)("%s", (_, make) => {
  it.each([16, 32, 64, 128, 1024, 2048])("%d lags are what sums say", (length) => {
    const random = new Generator(length, "fft");
    const spectra = make(length);
    const pairs = [0, 1].map(() => [filled(spectra, random), filled(spectra, random)] as const);
    const out = spectra.make();
    for (const { vector } of pairs.flat()) spectra.forward(vector);
    spectra.products(
      out,
      pairs.map(([x, y]) => [x.vector, y.vector]),
    );
    spectra.inverse(out);
    const found = spectra.values(out);
    for (let lag = 0; lag < length; lag += Math.ceil(length / 64)) {
      let [re, im] = [0, 0];
      for (const [{ values: x }, { values: y }] of pairs)
        for (let i = 0, j = lag; i < length; i++, j = (j + 1) % length) {
          re += x[j]! * y[i]! + x[length + j]! * y[length + i]!;
          im += x[length + j]! * y[i]! - x[j]! * y[length + i]!;
        }
      expect(Math.abs(found[lag]! - re)).toBeLessThan(1e-5 * length);
      expect(Math.abs(found[length + lag]! - im)).toBeLessThan(1e-5 * length);
    }
  });
});

it.each([2 ** 14, 2 ** 15, 2 ** 18])("twin and kernel agree at %d, forth and back", (length) => {
  const spectra = new WasmSpectra(length);
  const { vector, values } = filled(spectra, new Generator(length, "fft"));
  const delta = spectra.make();
  spectra.values(delta)[0] = 1;
  spectra.forward(delta);
  spectra.forward(vector);
  const out = spectra.make();
  spectra.products(out, [[vector, delta]]);
  spectra.inverse(out);
  const back = spectra.values(out);
  expect(back.every((value, i) => Math.abs(value - values[i]!) < 1e-5)).toBe(true);
  // The same spectrum but for its order.
  const plain = new PlainSpectra(length);
  const twin = plain.make();
  plain.values(twin).set(values);
  plain.forward(twin);
  const power = (list: Float32Array) =>
    Float32Array.from({ length }, (_, i) => list[i]! ** 2 + list[length + i]! ** 2).sort();
  const [theirs, ours] = [power(plain.values(twin)), power(spectra.values(vector))];
  expect(ours.every((value, i) => Math.abs(value - theirs[i]!) < 1e-4 * (theirs[i]! + length))).toBe(true);
});
