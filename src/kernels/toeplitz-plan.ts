/**
 * Size of the transform for one middle product (assembly/toeplitz.ts): 2^m coefficients of w bits.
 *
 * The product has bits 0 … 2n + ℓ − 3 and bits n − 1 … n + ℓ − 2 are wanted, so index N + j may alias to anything below
 * n − 1, N = 2^m·w.
 *   m = 16: y^65536 = y, bit N + j falls on j + w. N ≥ n + ℓ − 1: only the first T = n + ℓ − 1 + w − N < w output bits are
 *     polluted, by the product of the T top coefficients, which is added again.
 *   m = 14: y^16384 = y^4096 + …: clean if 12288·w ≥ n + ℓ − 1.   m = 12: y^4096 = y^256 + y^16 + y + 1: 3840·w.
 * Rows of w coefficients over GF(2^16) are multiplied by Karatsuba, or by `inner` (assembly/gf2/inner.ts).
 */
export interface Inner {
  /** 2^(r+1) points, or 3·2^r with `three`. */
  readonly r: number;
  readonly three: boolean;
  /** Coefficients in one point's product. */
  readonly block: number;
}

export interface ToeplitzPlan {
  readonly m: 12 | 14 | 16;
  readonly w: number;
  readonly inner?: Inner;
}

/** Bits of product that a transform carries, by m, for w = 1. */
const capacity = { 12: 3840, 14: 12288, 16: 65536 } as const;
/** Representatives in batches of 128. */
const batches = { 12: 2, 14: 8, 16: 32.2 } as const;

/** Nanoseconds on one core of an EPYC, fitted to 90 plans; only their ratios matter. */
const cost = {
  /** One product of 128 pairs within Karatsuba, additions included. */
  product: 75,
  /** Rows to bit planes, twice, and back, for one coefficient of 128 rows. */
  planes: 70,
  /** Fold of one coefficient by α in GF(2^16), by ω in GF(256). */
  foldWide: 69,
  foldNarrow: 36,
  /** One bit through one stage, with the share of the basis conversion. */
  stage: 0.0112,
  /** One byte through one stage of the inner transform. */
  innerStage: 0.055,
} as const;

/** The plan that the cost model likes best for n bits in and ℓ out. */
export function planToeplitz(n: number, outputBits: number): ToeplitzPlan {
  const wanted = n + outputBits - 1;
  let best: { plan: ToeplitzPlan; nanoseconds: number } | undefined;
  for (const m of [12, 14, 16] as const) {
    const least = Math.ceil(wanted / capacity[m]);
    for (const step of [8, 16]) {
      const w = Math.max(step, Math.ceil(least / step) * step);
      for (const plan of rowMethods(m, w)) {
        const nanoseconds = planCost(plan);
        if (!best || nanoseconds < best.nanoseconds) best = { plan, nanoseconds };
      }
    }
  }
  return best!.plan;
}

function rowMethods(m: 12 | 14 | 16, w: number): ToeplitzPlan[] {
  const plans: ToeplitzPlan[] = w <= 512 ? [{ m, w }] : [];
  if (w % 16) return plans;
  for (const block of [16, 32, 48, 64, 128, 256]) {
    for (const three of [false, true]) {
      const r = Math.max(1, Math.ceil(Math.log2((2 * w) / block / (three ? 3 : 2))));
      if (r <= (three ? 6 : 7) && (block <= 64 || r >= 6)) plans.push({ m, w, inner: { r, three, block } });
    }
  }
  return plans;
}

/** Base products of a polynomial product of `size` coefficients (assembly/gf2/karatsuba.ts). */
function products(size: number): number {
  if (size === 1) return 1;
  if (size === 3) return 6;
  const half = Math.ceil(size / 2);
  return 2 * products(half) + products(size - half);
}

/** Nanoseconds of a plan: two transforms forward and one back, and the products. */
export function planCost({ m, w, inner }: ToeplitzPlan): number {
  const transforms = 3 * cost.stage * (m - 5) * 2 ** m * w * (1 + 3.6 / w);
  if (!inner) {
    const perBatch = products(w) * cost.product + w * cost.foldWide + Math.ceil(w / 16) * 16 * cost.planes;
    return transforms + Math.ceil(batches[m]) * perBatch;
  }
  const { r, three, block } = inner;
  const points = (three ? 3 : 2) * 2 ** r;
  const atPoints = points * (products(block) * cost.product + block * (cost.foldNarrow + cost.planes));
  return transforms + batches[m] * (atPoints + 128 * 6 * points * block * (r + 3) * cost.innerStage);
}
