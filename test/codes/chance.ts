/** Tails of counted frames. */
import type { CurvePoint } from "../../src/codes/frame-errors.js";

type Counted = Pick<CurvePoint, "frames" | "failures">;

/** P(X ≥ failures) of a binomial. */
export function binomialTail({ frames, failures }: Counted, rate: number): number {
  let tail = 0;
  for (let k = failures; k <= frames; k++)
    tail += Math.exp(logChoose(frames, k) + k * Math.log(rate) + (frames - k) * Math.log1p(-rate));
  return tail;
}

/**
 * P(as many failures or more | what was recorded): beta-binomial, the rate's posterior under a uniform prior, since the
 * record is itself a count.
 */
export function atLeastAsMany(now: Counted, record: Counted): number {
  const [a, b] = [record.failures + 1, record.frames - record.failures + 1];
  let tail = 0;
  for (let k = now.failures; k <= now.frames; k++)
    tail += Math.exp(logChoose(now.frames, k) + logBeta(a + k, b + now.frames - k) - logBeta(a, b));
  return tail;
}

const logFactorials = [0];

function logFactorial(n: number): number {
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push(logFactorials[i - 1]! + Math.log(i));
  return logFactorials[n]!;
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** Of positive integers. */
function logBeta(a: number, b: number): number {
  return logFactorial(a - 1) + logFactorial(b - 1) - logFactorial(a + b - 1);
}
