/**
 * The catalogue's measured curves, replayed: a decoder that is right but worse fails. Two points of each code here, whole
 * curves with QKD_SLOW. Judged by chance, not by equality, so that a better decoder passes.
 *
 * False alarms: each of at most 400 + 400 comparisons has a probability below 10⁻⁹ if frames were drawn anew, 10⁻⁶ in all.
 */
import { describe, expect, it } from "vitest";
import { catalogue, liftings, loadCode } from "../../src/codes/catalogue.js";
import { decodes, ensembleOf, threshold } from "../../src/codes/density.js";
import { type CurvePoint, frameErrors } from "../../src/codes/frame-errors.js";
import { decode } from "../../src/kernels/ldpc.js";
import { WasmInstance } from "../../src/kernels/wasm.js";
import { entropy } from "../../src/security/index.js";
import { atLeastAsMany } from "./chance.js";

const slow = Boolean(process.env.QKD_SLOW);
const alarm = 1e-9;
/** Normal quantile of `alarm`. */
const sigmas = 6;
const replayedBits = 2 ** 21;
const fewest = 8;
const wasm = new WasmInstance();

describe.each(liftings.map((lifting) => ({ lifting })))("codes with circulants of $lifting", ({ lifting }) => {
  it("fail as rarely and close as soon as their curves say", () => {
    for (const { id, curve, n } of catalogue.filter((code) => code.lifting === lifting)) {
      const code = loadCode(id);
      for (const point of slow ? curve : [curve[1]!, curve[4]!]) {
        const frames = slow ? point.frames : Math.min(point.frames, Math.max(fewest, Math.floor(replayedBits / n)));
        const now = frameErrors(code, (...args) => decode(wasm, ...args), { qber: point.qber, frames });
        const where = `${id} at ${point.qber}: ${JSON.stringify(now)} instead of ${JSON.stringify(point)}`;
        expect(atLeastAsMany(now, point), where).toBeGreaterThan(alarm);
        expect(now.iterations - point.iterations, where).toBeLessThan(slower(now, point));
      }
    }
  });
});

/** Iterations more than recorded that chance explains; half an iteration for what rounding makes of a short sample. */
function slower(now: CurvePoint, { spread }: CurvePoint): number {
  return 0.5 + (sigmas * spread) / Math.sqrt(Math.max(1, now.frames - now.failures));
}

describe("the catalogue", () => {
  it("has a curve and a threshold for every code: measured rates below the threshold, f above 1", () => {
    for (const { id, n, m, threshold, curve } of catalogue) {
      expect(curve.length, id).toBeGreaterThanOrEqual(6);
      expect(m / n / entropy(threshold), id).toBeGreaterThan(1);
      expect(m / n / entropy(threshold), id).toBeLessThan(1.13);
      for (const { qber, frames, failures } of curve) {
        if (failures * 2 < frames) expect(qber, id).toBeLessThan(threshold);
        expect(failures, id).toBeLessThanOrEqual(frames);
      }
      expect(curve.map(({ qber }) => qber)).toEqual(curve.map(({ qber }) => qber).sort((a, b) => b - a));
      const last = curve.at(-1)!;
      expect(last.failures / last.frames, id).toBeLessThan(0.1);
    }
  });
});

describe("density evolution", () => {
  const regular = (bits: number, checks: number) => ({ bits: new Map([[bits, 1]]), checks: new Map([[checks, 1]]) });

  it("has the thresholds of regular codes that Richardson and Urbanke give (Table II: 0.084, 0.113)", () => {
    for (const [bits, checks, known] of [
      [3, 6, 0.0841],
      [3, 5, 0.1135],
    ] as const) {
      expect(decodes(regular(bits, checks), known * 0.99)).toBe(true);
      expect(decodes(regular(bits, checks), known * 1.01)).toBe(false);
    }
  });

  it.runIf(slow)("has the catalogue's thresholds", () => {
    for (const info of catalogue.filter(({ lifting }) => lifting === 64))
      expect(threshold(ensembleOf(loadCode(info.id).quasiCyclic!)), info.id).toBeCloseTo(info.threshold, 4);
  });
});
