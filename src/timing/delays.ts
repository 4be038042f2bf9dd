/** Detector delays of both ends from pairs of the disclosed stretch: mean difference m_ij = offset + b_j − a_i, least squares. */
import { QkdError } from "../errors.js";

export interface DisclosedSide {
  readonly times: Float64Array;
  readonly detector: Uint8Array;
}

export interface Delays {
  /** After the first detector of each list, ps. */
  readonly alice: number[];
  readonly bob: number[];
  /** What the clock's offset lacks when it is referred to the first detectors, ps. */
  readonly offset: number;
  /** Standard deviation of a pair's difference after correction, ps. */
  readonly sigma: number;
}

const reachPs = 2500;
/** More, besides some for each event, there are only where times were made up. */
const mostPairs = 2 ** 16;

export function detectorDelays(
  { alice, bob }: { alice: DisclosedSide; bob: DisclosedSide },
  /** Bob's time expected for each of Alice's. */
  expected: Float64Array,
  countA: number,
  countB: number,
): Delays {
  const pairs: { i: number; j: number; delta: number }[] = [];
  let low = 0;
  for (let i = 0; i < alice.times.length; i++) {
    const middle = expected[i]!;
    while (low < bob.times.length && bob.times[low]! < middle - reachPs) low++;
    for (let k = low; k < bob.times.length && bob.times[k]! <= middle + reachPs; k++)
      pairs.push({ i: alice.detector[i]!, j: bob.detector[k]!, delta: bob.times[k]! - middle });
    if (pairs.length > mostPairs + 16 * alice.times.length)
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "The peer's disclosed times repeat.");
  }
  const a = new Float64Array(countA);
  const b = new Float64Array(countB);
  let offset = 0;
  let sigma = reachPs / 2;
  for (let pass = 0; pass < 30; pass++) {
    const limit = Math.max(4 * sigma, 300);
    const sums = {
      o: 0,
      n: 0,
      a: new Float64Array(countA),
      na: new Float64Array(countA),
      b: new Float64Array(countB),
      nb: new Float64Array(countB),
    };
    let squares = 0;
    for (const { i, j, delta } of pairs) {
      const rest = delta - offset - b[j]! + a[i]!;
      if (Math.abs(rest) > limit) continue;
      sums.o += rest;
      sums.n++;
      sums.a[i]! -= rest;
      sums.na[i]!++;
      sums.b[j]! += rest;
      sums.nb[j]!++;
      squares += rest * rest;
    }
    if (sums.n === 0) break;
    sigma = Math.sqrt(squares / sums.n);
    offset += (0.5 * sums.o) / sums.n;
    for (let i = 0; i < countA; i++) if (sums.na[i]! > 0) a[i]! += (0.5 * sums.a[i]!) / sums.na[i]!;
    for (let j = 0; j < countB; j++) if (sums.nb[j]! > 0) b[j]! += (0.5 * sums.b[j]!) / sums.nb[j]!;
  }
  const [a0, b0] = [a[0]!, b[0]!];
  return {
    alice: Array.from(a, (delay) => Math.round(delay - a0)),
    bob: Array.from(b, (delay) => Math.round(delay - b0)),
    offset: offset + b0 - a0,
    sigma,
  };
}
