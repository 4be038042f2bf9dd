/**
 * ln, exp and sine from + − × ÷ alone. IEEE 754 fixes those four and the square root to the last bit, so that a seed
 * gives the same bytes on any machine and engine; ECMAScript leaves Math.log, Math.exp and Math.sin to the implementer.
 * Accuracy a few units in the last place, which is all a simulation asks.
 */

const bits = new DataView(new ArrayBuffer(8));
const ln2 = Math.LN2;

/** ln x for finite x > 0: x = m·2^e with m in [√½, √2), ln m = 2 artanh((m−1)/(m+1)). */
export function ln(x: number): number {
  if (x < 2 ** -1022) return x > 0 ? ln(x * 2 ** 60) - 60 * ln2 : Number.NEGATIVE_INFINITY;
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  let exponent = (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = bits.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const q = s * s;
  let sum = 0;
  for (let k = 21; k >= 1; k -= 2) sum = sum * q + 1 / k;
  return exponent * ln2 + 2 * s * sum;
}

/** e^x for |x| < 700: x = k ln 2 + r, |r| ≤ ln 2 / 2, Taylor series in r. */
export function exp(x: number): number {
  const k = Math.round(x / ln2);
  const r = x - k * ln2;
  let sum = 1;
  for (let i = 17; i >= 1; i--) sum = 1 + (sum * r) / i;
  return sum * 2 ** k;
}

/** 1 − e^(−x) for x ≥ 0, exact for small x too. */
export function oneMinusExp(x: number): number {
  return x < 1e-3 ? x * (1 - (x / 2) * (1 - (x / 3) * (1 - (x / 4) * (1 - x / 5)))) : 1 - exp(-x);
}

/** ln(1 − p) for 0 ≤ p < 1, exact for small p too. */
export function lnOneMinus(p: number): number {
  return p < 1e-3 ? -p * (1 + p * (1 / 2 + p * (1 / 3 + p * (1 / 4 + p / 5)))) : ln(1 - p);
}

/** sin(2π·turns), Taylor series in the quarter turn nearest to a zero. */
export function sinTurns(turns: number): number {
  let t = turns - Math.round(turns);
  if (t > 0.25) t = 0.5 - t;
  else if (t < -0.25) t = -0.5 - t;
  const x = t * 6.283185307179586;
  const q = x * x;
  let sum = 1;
  for (let i = 21; i >= 3; i -= 2) sum = 1 - (sum * q) / (i * (i - 1));
  return x * sum;
}

/** Error function, |error| < 1.5·10⁻⁷ (Abramowitz and Stegun 7.1.26); for expectations, never for drawing. */
export function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const value = 1 - poly * Math.exp(-x * x);
  return x < 0 ? -value : value;
}
