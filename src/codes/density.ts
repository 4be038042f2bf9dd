/**
 * Density evolution on the binary symmetric channel (Richardson and Urbanke, IEEE Trans. Inf. Theory 47, 599; discretised
 * after Chung, Forney, Richardson, Urbanke, IEEE Commun. Lett. 5, 58): the error rate up to which sum-product decoding of
 * an infinitely long code with these degrees succeeds.
 *
 * Messages are log-likelihood ratios on a grid of ± 255 steps of 0.1. At a check, magnitudes combine by a table of
 * 2·atanh(tanh·tanh), its values split between the two nearest steps, for the sum and the difference of p(x) and p(−x)
 * apart; d edges by repeated squaring. At a bit, convolution by FFT; what leaves the grid stays on its edge.
 */
import FFT from "fft.js";
import type { QuasiCyclic } from "./code.js";

/** Share of the edges that ends at nodes of a degree. */
export type EdgeShares = ReadonlyMap<number, number>;

export interface Ensemble {
  readonly bits: EdgeShares;
  readonly checks: EdgeShares;
}

const step = 0.1;
const most = 255;
const mostIterations = 3000;
/** Decoding succeeds once this share of the messages is wrong, and has stuck where an iteration gains less than this. */
const solved = 1e-6;
const leastGain = 2e-6;

export function ensembleOf({ rows, columns, rowStart, entryColumn }: QuasiCyclic): Ensemble {
  const ofColumn = new Uint32Array(columns);
  for (const column of entryColumn) ofColumn[column]!++;
  const ofRow = Array.from({ length: rows }, (_, row) => rowStart[row + 1]! - rowStart[row]!);
  return { bits: shares([...ofColumn]), checks: shares(ofRow) };
}

function shares(degrees: readonly number[]): EdgeShares {
  const edges = degrees.reduce((sum, degree) => sum + degree, 0);
  const out = new Map<number, number>();
  for (const degree of degrees) out.set(degree, (out.get(degree) ?? 0) + degree / edges);
  return out;
}

/** To within `precision` of the error rate. */
export function threshold(ensemble: Ensemble, precision = 1e-3): number {
  let [good, bad] = [1e-4, 0.5];
  while (bad / good > 1 + precision) {
    const middle = Math.sqrt(good * bad);
    if (decodes(ensemble, middle)) good = middle;
    else bad = middle;
  }
  return good;
}

export function decodes({ bits, checks }: Ensemble, qber: number): boolean {
  const degree = Math.max(...bits.keys());
  const fft = new FFT(2 ** Math.ceil(Math.log2(2 * most * degree + 1)));
  const prior = new Float64Array(2 * most + 1);
  put(prior, Math.log((1 - qber) / qber), 1 - qber);
  put(prior, -Math.log((1 - qber) / qber), qber);
  const channel = spectrumOf(fft, prior);
  let toCheck: Float64Array = prior;
  let before = 1;
  for (let i = 0; i < mostIterations; i++) {
    toCheck = atBits(fft, channel, atChecks(toCheck, checks), bits);
    const wrong = toCheck.subarray(0, most).reduce((sum, p) => sum + p, toCheck[most]! / 2);
    if (wrong < solved) return true;
    if (wrong > before * (1 - leastGain)) return false;
    before = wrong;
  }
  return false;
}

/** Mass at a value between two steps of the grid goes to both. */
function put(density: Float64Array, value: number, mass: number): void {
  const at = Math.min(2 * most - 1e-9, Math.max(0, value / step + most));
  const low = Math.floor(at);
  density[low]! += mass * (low + 1 - at);
  density[low + 1]! += mass * (at - low);
}

interface Magnitudes {
  /** p(x) + p(−x), and p(x) − p(−x). */
  readonly sum: Float64Array;
  readonly difference: Float64Array;
}

function atChecks(density: Float64Array, checks: EdgeShares): Float64Array {
  const one: Magnitudes = {
    sum: Float64Array.from({ length: most + 1 }, (_, i) => density[most + i]! + (i ? density[most - i]! : 0)),
    difference: Float64Array.from({ length: most + 1 }, (_, i) => (i ? density[most + i]! - density[most - i]! : 0)),
  };
  const out = new Float64Array(2 * most + 1);
  let [power, has]: [Magnitudes | undefined, number] = [undefined, 0];
  for (const [degree, share] of [...checks].sort(([a], [b]) => a - b)) {
    const more = powerOf(one, degree - 1 - has);
    power = power ? (more ? combine(power, more) : power) : more;
    has = degree - 1;
    if (!power) continue;
    out[most]! += share * power.sum[0]!;
    for (let i = 1; i <= most; i++) {
      out[most + i]! += (share * (power.sum[i]! + power.difference[i]!)) / 2;
      out[most - i]! += (share * (power.sum[i]! - power.difference[i]!)) / 2;
    }
  }
  return out;
}

function powerOf(base: Magnitudes, count: number): Magnitudes | undefined {
  let result: Magnitudes | undefined;
  for (let square = base; count > 0; count >>>= 1) {
    if (count & 1) result = result ? combine(result, square) : square;
    if (count > 1) square = combine(square, square);
  }
  return result;
}

let table: Float64Array | undefined;

/** 2·atanh(tanh(x/2)·tanh(y/2)) in steps, by x·(most + 1) + y. */
function pairs(): Float64Array {
  table ??= Float64Array.from({ length: (most + 1) ** 2 }, (_, at) => {
    const x = step * Math.floor(at / (most + 1));
    const y = step * (at % (most + 1));
    return Math.max(0, Math.min(x, y) + Math.log1p(Math.exp(-(x + y))) - Math.log1p(Math.exp(-Math.abs(x - y)))) / step;
  });
  return table;
}

function combine(a: Magnitudes, b: Magnitudes): Magnitudes {
  const sum = new Float64Array(most + 2);
  const difference = new Float64Array(most + 2);
  const values = pairs();
  for (let x = 0; x <= most; x++) {
    const [s, d] = [a.sum[x]!, a.difference[x]!];
    if (s === 0 && d === 0) continue;
    for (let y = 0, at = x * (most + 1); y <= most; y++, at++) {
      const value = values[at]!;
      const low = Math.trunc(value);
      const part = value - low;
      const [both, apart] = [s * b.sum[y]!, d * b.difference[y]!];
      sum[low]! += both * (1 - part);
      sum[low + 1]! += both * part;
      difference[low]! += apart * (1 - part);
      difference[low + 1]! += apart * part;
    }
  }
  return { sum, difference };
}

/** Index k of the transform is the value k − size where k ≥ size / 2. */
function spectrumOf(fft: FFT, density: Float64Array): number[] {
  const { size } = fft;
  const values = new Array<number>(size).fill(0);
  density.forEach((p, i) => {
    values[(i - most + size) % size] = p;
  });
  const out = fft.createComplexArray();
  fft.transform(out, fft.toComplexArray(values, fft.createComplexArray()));
  return out;
}

/** Channel and d − 1 check messages added, over the degrees d. */
function atBits(fft: FFT, channel: readonly number[], fromChecks: Float64Array, bits: EdgeShares): Float64Array {
  const { size } = fft;
  const message = spectrumOf(fft, fromChecks);
  const product = fft.createComplexArray();
  const degrees = [...bits].sort(([a], [b]) => a - b);
  for (let k = 0; k < 2 * size; k += 2) {
    const [re, im] = [message[k]!, message[k + 1]!];
    const [radius, angle] = [Math.hypot(re, im), Math.atan2(im, re)];
    let [x, y] = [0, 0];
    for (const [degree, share] of degrees) {
      const r = share * radius ** (degree - 1);
      x += r * Math.cos(angle * (degree - 1));
      y += r * Math.sin(angle * (degree - 1));
    }
    product[k] = x * channel[k]! - y * channel[k + 1]!;
    product[k + 1] = x * channel[k + 1]! + y * channel[k]!;
  }
  const values = fft.createComplexArray();
  fft.inverseTransform(values, product);
  const out = new Float64Array(2 * most + 1);
  for (let k = 0; k < size; k++) {
    const value = k < size / 2 ? k : k - size;
    out[Math.min(most, Math.max(-most, value)) + most]! += Math.max(0, values[2 * k]!);
  }
  // Rounding errors of the mass would grow by the product of both degrees in each iteration.
  const mass = out.reduce((sum, p) => sum + p, 0);
  return out.map((p) => p / mass);
}
