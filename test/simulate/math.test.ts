import { describe, expect, test } from "vitest";
import { Generator } from "../../src/simulate/generator.js";
import { erf, exp, ln, lnOneMinus, oneMinusExp, sinTurns } from "../../src/simulate/math.js";

describe("ln, exp and sine from + − × ÷ agree with the engine's to 15 digits", () => {
  test("ln", () => {
    for (let e = -60; e <= 60; e++)
      for (const m of [1, 1.1, 1.4, Math.SQRT2, 1.4143, 1.7, 1.999999]) {
        const x = m * 2 ** e;
        expect(Math.abs(ln(x) - Math.log(x))).toBeLessThanOrEqual(1e-15 * Math.max(1, Math.abs(Math.log(x))));
      }
  });
  test("exp", () => {
    for (let x = -40; x <= 40; x += 0.37) expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(1e-14);
  });
  test("1 − e^(−x) and ln(1 − p) keep their digits near zero", () => {
    for (const x of [1e-20, 1e-9, 9e-4, 1.1e-3, 0.3]) {
      expect(Math.abs(oneMinusExp(x) / -Math.expm1(-x) - 1)).toBeLessThan(2e-13);
      expect(Math.abs(lnOneMinus(x) / Math.log1p(-x) - 1)).toBeLessThan(2e-13);
    }
  });
  test("sine", () => {
    for (let t = -3; t <= 3; t += 0.013) expect(Math.abs(sinTurns(t) - Math.sin(2 * Math.PI * t))).toBeLessThan(4e-15);
  });
  test("error function at known points", () => {
    expect(erf(0.5)).toBeCloseTo(0.5204998778, 6);
    expect(erf(-1)).toBeCloseTo(-0.8427007929, 6);
  });
});

// each check fails by chance with probability < 1e-6 (5 standard deviations); seeds are fixed
describe("the generator draws what it says", () => {
  const n = 200_000;
  const sample = (draw: () => number) => {
    let [sum, square] = [0, 0];
    for (let i = 0; i < n; i++) {
      const x = draw();
      sum += x;
      square += x * x;
    }
    return { mean: sum / n, variance: square / n - (sum / n) ** 2 };
  };
  const near = (value: number, expected: number, deviation: number) =>
    expect(Math.abs(value - expected)).toBeLessThan((5 * deviation) / Math.sqrt(n));

  test("xoshiro128++ words: the reference recurrence on the same state", () => {
    const random = new Generator(1, "words");
    const state = Object.entries(random)
      .filter(([name]) => "abcd".includes(name))
      .map(([, word]) => BigInt.asUintN(32, BigInt(word as number)));
    const rotate = (x: bigint, by: bigint) => BigInt.asUintN(32, (x << by) | (x >> (32n - by)));
    for (let i = 0; i < 1000; i++) {
      const [a, b, c, d] = state as [bigint, bigint, bigint, bigint];
      const word = BigInt.asUintN(32, rotate(BigInt.asUintN(32, a + d), 7n) + a);
      const [c1, d1] = [c ^ a, d ^ b];
      state.splice(0, 4, a ^ d1, b ^ c1, c1 ^ BigInt.asUintN(32, b << 9n), rotate(d1, 11n));
      expect(BigInt.asUintN(32, BigInt(random.word()))).toBe(word);
    }
  });
  test("uniform, exponential and normal moments", () => {
    const random = new Generator(2, "moments");
    const uniform = sample(() => random.uniform());
    near(uniform.mean, 0.5, Math.sqrt(1 / 12));
    near(uniform.variance, 1 / 12, Math.sqrt(1 / 180));
    const exponential = sample(() => random.exponential(3));
    near(exponential.mean, 3, 3);
    near(exponential.variance, 9, 9 * Math.sqrt(8));
    const normal = sample(() => random.gaussian());
    near(normal.mean, 0, 1);
    near(normal.variance, 1, Math.sqrt(2));
  });
  test("Poisson, and Poisson given at least one", () => {
    const random = new Generator(3, "poisson");
    for (const mean of [0.02, 0.5, 4]) {
      const plain = sample(() => random.poisson(mean));
      near(plain.mean, mean, Math.sqrt(mean));
      const some = 1 - Math.exp(-mean);
      const atLeastOne = sample(() => random.poisson(mean, 1));
      near(atLeastOne.mean, mean / some, Math.sqrt(atLeastOne.variance) + 1e-3);
    }
  });
  test("streams of one seed, and seeds of one stream, differ", () => {
    const words = [new Generator(1, "a"), new Generator(1, "b"), new Generator(2, "a")].map((g) => g.word());
    expect(new Set(words).size).toBe(3);
  });
});
