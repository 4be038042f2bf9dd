/** Spectra for correlations in plain TypeScript: transforms by their definition, halved again and again. */
import type { Spectra } from "../fft.js";

export class PlainSpectra implements Spectra {
  private readonly vectors: Float32Array[] = [];

  constructor(readonly length: number) {}

  make(): number {
    return this.vectors.push(new Float32Array(2 * this.length)) - 1;
  }

  values(vector: number): Float32Array {
    return this.vectors[vector]!;
  }

  forward(vector: number): void {
    this.vectors[vector]!.set(transform(Float64Array.from(this.vectors[vector]!), -1));
  }

  inverse(vector: number): void {
    this.vectors[vector]!.set(transform(Float64Array.from(this.vectors[vector]!), 1));
  }

  products(out: number, pairs: readonly (readonly [x: number, y: number])[]): void {
    const { length } = this;
    const sum = new Float64Array(2 * length);
    for (const [x, y] of pairs.map((pair) => pair.map((vector) => this.vectors[vector]!)) as [
      Float32Array,
      Float32Array,
    ][])
      for (let re = 0, im = length; re < length; re++, im++) {
        sum[re]! += (x[re]! * y[re]! + x[im]! * y[im]!) / length;
        sum[im]! += (x[im]! * y[re]! - x[re]! * y[im]!) / length;
      }
    this.vectors[out]!.set(sum);
  }
}

function transform(values: Float64Array, sign: 1 | -1): Float64Array {
  const length = values.length / 2;
  if (length === 1) return values;
  const half = length / 2;
  const part = (odd: number) =>
    transform(
      Float64Array.from({ length }, (_, i) =>
        i < half ? values[2 * i + odd]! : values[length + 2 * (i - half) + odd]!,
      ),
      sign,
    );
  const [even, odd] = [part(0), part(1)];
  const out = new Float64Array(2 * length);
  for (let k = 0; k < half; k++) {
    const angle = (sign * 2 * Math.PI * k) / length;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const re = odd[k]! * c - odd[half + k]! * s;
    const im = odd[k]! * s + odd[half + k]! * c;
    out[k] = even[k]! + re;
    out[k + half] = even[k]! - re;
    out[length + k] = even[half + k]! + im;
    out[length + k + half] = even[half + k]! - im;
  }
  return out;
}
