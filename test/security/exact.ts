/**
 * The formulas of FORMULAS.md 2–4 once more, written down plainly in fixed-point arithmetic of 256 fractional bits: what
 * float64 results are judged by. Values are bigint × 2^-256.
 */
const bits = 256n;
const one = 1n << bits;

export function fixed(decimal: string | number): bigint {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(
    String(decimal),
  )!;
  const digits = BigInt(`${whole}${fraction}` || "0");
  const scale = Number(exponent) - fraction.length;
  const value = scale >= 0 ? digits * 10n ** BigInt(scale) * one : (digits * one) / 10n ** BigInt(-scale);
  return sign ? -value : value;
}
/** The double exactly as it is, not as its shortest decimal. */
export function fixedDouble(value: number): bigint {
  let shift = 0n;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    shift++;
  }
  return (BigInt(scaled) << bits) >> shift;
}
export const mul = (a: bigint, b: bigint) => (a * b) >> bits;
export const div = (a: bigint, b: bigint) => (a << bits) / b;
export const toNumber = (a: bigint) => Number(a >> (bits - 80n)) / 2 ** 80;
export const floor = (a: bigint) => a >> bits;
export const ceil = (a: bigint) => -(-a >> bits);

export function sqrt(a: bigint): bigint {
  if (a === 0n) return 0n;
  const n = a << bits;
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2) + 1);
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

/** 2·artanh((a−1)/(a+1)) after scaling by powers of two. */
export function ln(a: bigint): bigint {
  if (a <= 0n) throw new RangeError("ln of a value that is not positive");
  let k = 0n;
  let m = a;
  while (m > (one * 3n) / 2n) {
    m >>= 1n;
    k++;
  }
  while (m < (one * 3n) / 4n) {
    m <<= 1n;
    k--;
  }
  return artanhSeries(div(m - one, m + one)) + k * ln2;
}
function artanhSeries(t: bigint): bigint {
  const square = mul(t, t);
  let sum = 0n;
  let power = t;
  for (let i = 1n; power !== 0n && power !== -1n; i += 2n) {
    sum += power / i;
    power = mul(power, square);
  }
  return 2n * sum;
}
const ln2 = artanhSeries(one / 3n);
export const log2 = (a: bigint) => div(ln(a), ln2);

export function exp(a: bigint): bigint {
  const halvings = 16n;
  const small = a >> halvings;
  let sum = 0n;
  let term = one;
  for (let i = 1n; term !== 0n && term !== -1n; i++) {
    sum += term;
    term = mul(term, small) / i;
  }
  for (let i = 0n; i < halvings; i++) sum = mul(sum, sum);
  return sum;
}

export function entropy(p: bigint): bigint {
  if (p <= 0n) return 0n;
  if (p >= one / 2n) return one;
  return -(mul(p, log2(p)) + mul(one - p, log2(one - p)));
}

function kl(p: bigint, q: bigint): bigint {
  const left = p === 0n ? 0n : mul(p, ln(div(p, q)));
  return left + mul(one - p, ln(div(one - p, one - q)));
}

/** Is φ at or above the root of φ_H (FORMULAS.md 3)? */
export function reachesH(phi: bigint, x: number, d: number, c: number, bound: bigint): boolean {
  const q = (BigInt(c) * phi + fixed(x)) / BigInt(c + d);
  if (q >= one) return true;
  return q > div(fixed(x), fixed(d)) && BigInt(d) * kl(div(fixed(x), fixed(d)), q) >= bound;
}
/** Is φ at or above the root of φ_S? */
export function reachesS(phi: bigint, x: number, d: number, c: number, bound: bigint): boolean {
  const total = BigInt(c) * phi + fixed(x);
  const share = div(fixed(d), fixed(c + d));
  if (div(fixed(x), total) >= share) return false;
  return mul(total, kl(div(fixed(x), total), share)) >= bound;
}

export interface ExactDecoy {
  s0: bigint;
  s1: bigint;
  s1Test: bigint;
  v1: bigint;
}

interface DecoyStrings {
  mu: readonly string[];
  p: readonly string[];
  n_key: readonly number[];
  n_test: number[];
  m_test: number[];
  m_key?: number[];
}

const clamp = (v: bigint, low: bigint, high: bigint) => (v < low ? low : v > high ? high : v);
const total = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

/** @param lnInverseE ln(C/ε_sec) */
export function exactDecoy(input: DecoyStrings, lnInverseE: bigint): ExactDecoy {
  const mu = input.mu.map(fixed);
  const p = input.p.map(fixed);
  const weight = mu.map((mean, k) => div(exp(mean), p[k]!));
  const tau0 = mu.reduce((sum, mean, k) => sum + mul(p[k]!, exp(-mean)), 0n);
  const tau1 = mu.reduce((sum, mean, k) => sum + mul(mul(p[k]!, exp(-mean)), mean), 0n);
  const deviation = (counts: readonly number[]) => sqrt((lnInverseE * BigInt(total(counts))) / 2n);
  const up = (counts: readonly number[], k: number) => mul(weight[k - 1]!, fixed(counts[k - 1]!) + deviation(counts));
  const low = (counts: readonly number[], k: number) => {
    const rest = fixed(counts[k - 1]!) - deviation(counts);
    return rest > 0n ? mul(weight[k - 1]!, rest) : 0n;
  };
  const { n_key: nKey, n_test: nTest, m_test: mTest, m_key: mKey } = input;
  const square = (a: bigint) => mul(a, a);
  if (mu.length === 3) {
    const [mu1, mu2, mu3] = mu as [bigint, bigint, bigint];
    const s0 = (n: readonly number[]) =>
      clamp(mul(tau0, div(mul(mu2, low(n, 3)) - mul(mu3, up(n, 2)), mu2 - mu3)), 0n, fixed(total(n)));
    const s1 = (n: readonly number[]) => {
      const share = div(square(mu2) - square(mu3), square(mu1));
      const inner = low(n, 2) - up(n, 3) - mul(share, up(n, 1) - div(s0(n), tau0));
      const value = div(mul(mul(tau1, mu1), inner), mul(mu1, mu2 - mu3) - square(mu2) + square(mu3));
      return clamp(value, 0n, fixed(total(n)) - s0(n));
    };
    const v1 = clamp(mul(tau1, div(up(mTest, 2) - low(mTest, 3), mu2 - mu3)), 0n, fixed(total(mTest)));
    return { s0: s0(nKey), s1: s1(nKey), s1Test: s1(nTest), v1 };
  }
  const [mu1, mu2] = mu as [bigint, bigint];
  const upper = (n: readonly number[], m: number[]) =>
    clamp(2n * (mul(tau0, mul(weight[1]!, fixed(m[1]!) + deviation(m))) + deviation(n)), 0n, fixed(total(n)));
  const lower = (n: readonly number[], m: number[]) => {
    const s0 = clamp(mul(tau0, div(mul(mu1, low(n, 2)) - mul(mu2, up(n, 1)), mu1 - mu2)), 0n, fixed(total(n)));
    return clamp(s0, 0n, upper(n, m));
  };
  const s1 = (n: readonly number[], m: number[]) => {
    const ratio = div(square(mu2), square(mu1));
    const inner =
      low(n, 2) - mul(ratio, up(n, 1)) - mul(div(square(mu1) - square(mu2), square(mu1)), div(upper(n, m), tau0));
    return clamp(mul(div(mul(tau1, mu1), mul(mu2, mu1 - mu2)), inner), 0n, fixed(total(n)) - lower(n, m));
  };
  const v1 = clamp(mul(tau1, div(up(mTest, 1) - low(mTest, 2), mu1 - mu2)), 0n, fixed(total(mTest)));
  return { s0: lower(nKey, mKey!), s1: s1(nKey, mKey!), s1Test: s1(nTest, mTest), v1 };
}
