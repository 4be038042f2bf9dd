/** Spectra for correlations (KERNELS.md D), by the kernel of assembly/fft.ts in memory of its own. Twin: reference/fft.ts. */
import { WasmInstance } from "./wasm.js";

/** Complex vectors of one length, by handle. */
export interface Spectra {
  readonly length: number;
  /** A new vector, zero. */
  make(): number;
  /** Its real parts, then its imaginary ones; good until the next `make`. */
  values(vector: number): Float32Array;
  /** In place; the order of a spectrum's elements is the kernel's own. */
  forward(vector: number): void;
  inverse(vector: number): void;
  /** out = Σ x·conj y over the pairs, at least one. */
  products(out: number, pairs: readonly (readonly [x: number, y: number])[]): void;
}

export class WasmSpectra implements Spectra {
  private readonly wasm = new WasmInstance();
  private readonly twiddles: number;

  /** @param length a power of two, at least 16 */
  constructor(readonly length: number) {
    const tables = twiddles(length);
    this.twiddles = this.wasm.hold(tables.byteLength);
    this.wasm.u8.set(new Uint8Array(tables.buffer), this.twiddles);
  }

  make(): number {
    return this.wasm.hold(8 * this.length);
  }

  values(vector: number): Float32Array {
    return new Float32Array(this.wasm.exports.memory.buffer, vector, 2 * this.length);
  }

  forward(vector: number): void {
    this.wasm.exports.fftForward(vector, this.length, this.twiddles);
  }

  inverse(vector: number): void {
    this.wasm.exports.fftInverse(vector, this.length, this.twiddles);
  }

  products(out: number, pairs: readonly (readonly [x: number, y: number])[]): void {
    for (const [i, [x, y]] of pairs.entries())
      this.wasm.exports.fftProduct(out, x, y, this.length, 1 / this.length, i > 0 ? 1 : 0);
  }
}

/** As assembly/fft.ts wants them. */
function twiddles(length: number): Float32Array {
  const out: Float32Array = new Float32Array(4 * length);
  let at = 0;
  const add = (size: number, powers: number) => {
    for (let k = 0; k < size / (powers + 1); k += 4)
      for (let power = 1; power <= powers; power++) {
        for (let lane = 0; lane < 4; lane++) {
          const angle = (-2 * Math.PI * power * (k + lane)) / size;
          out[at + lane] = Math.cos(angle);
          out[at + 4 + lane] = Math.sin(angle);
        }
        at += 8;
      }
  };
  const odd = Math.log2(length) % 2 === 1;
  if (odd) add(length, 1);
  for (let size = odd ? length / 2 : length; size > 4; size /= 4) add(size, 3);
  return out;
}
