/**
 * Which code for a block: circulant size from the block's length, base rows from the error rate. Codes exist for every
 * number of base rows, so that no error rate falls into a gap; what a frame lacks in bits is shortened, evenly over it.
 *
 * Efficiency aimed at: f = f∞ + a·sqrt(Q(1 − Q))·log2((1 − Q)/Q) / (h(Q)·sqrt(n)), the form of the normal approximation,
 * f∞ and a fitted to measured codes at FER ≈ 10⁻² (KERNELS.md B).
 */
import { entropy } from "../security/index.js";
import { codeInfo } from "./catalogue.js";

export interface FramePlan {
  readonly code: string;
  /** Bits of a code word and of a syndrome. */
  readonly n: number;
  readonly m: number;
  readonly frames: number;
  /** Key bits of frame f: every `frames`-th bit of the block, from bit f on. */
  realBits(frame: number): number;
  readonly targetEfficiency: number;
}

const asymptotic = 1.077;
const finite = 4.66;
/** What the faster arithmetic needs more. */
const fastSurplus = 0.052;

/** @param share of the leak that the error rate asks for, to begin with: rounds add what is missing */
export function planFrames(bits: number, qber: number, fast: boolean, share = 1): FramePlan {
  // Many columns make fine steps of the rate; short frames need wide circulants more.
  const columns = bits >= 65_536 ? 512 : 256;
  // As few frames as the largest circulant allows, then the smallest one in whole vectors that holds them.
  const largest = columns === 512 ? 512 : 1024;
  const frames = Math.max(1, Math.ceil(bits / (columns * largest)));
  const lifting = Math.max(32, Math.ceil(bits / frames / columns / 32) * 32);
  const n = columns * lifting;
  const real = Math.ceil(bits / frames);
  const q = Math.min(0.25, Math.max(1e-4, qber));
  const dispersion = (Math.sqrt(q * (1 - q)) * Math.log2((1 - q) / q)) / entropy(q);
  const targetEfficiency = asymptotic + (fast ? fastSurplus : 0) + (finite * dispersion) / Math.sqrt(real);
  const wanted = Math.ceil((share * targetEfficiency * entropy(q) * real) / lifting);
  const rows = Math.min(columns - 1, Math.max(3, wanted));
  const { id, m } = codeInfo(columns, lifting, rows);
  return {
    code: id,
    n,
    m,
    frames,
    realBits: (frame) => Math.floor((bits - frame + frames - 1) / frames),
    targetEfficiency,
  };
}

/** Place of key bit i of a frame in the code word: shortened positions lie evenly between. */
export function placeOf(i: number, real: number, n: number): number {
  return Math.floor((i * n) / real);
}
