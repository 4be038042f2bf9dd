/** Inputs of the key-length bounds as real links give them, from tiny blocks to 10^12 detections. */
import fc from "fast-check";

const epsilon = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 2, max: 30 })).map(([m, e]) => `${m}e-${e}`);
const detections = fc.double({ min: 2, max: 12, noNaN: true }).map((log) => Math.round(10 ** log));

/** Counts per intensity as a Poissonian source over a lossy channel gives them on average. */
function counts(n: number, mu: readonly number[], p: readonly number[], dark: number): number[] {
  const rate = mu.map((mean, k) => p[k]! * (1 - Math.exp(-mean * 0.01) + dark));
  const sum = rate.reduce((a, b) => a + b, 0);
  return rate.map((share) => Math.round((n * share) / sum));
}

export const twoDecoyInput = fc
  .record({
    n: detections,
    testShare: fc.double({ min: 0.01, max: 1, noNaN: true }),
    qber: fc.double({ min: 0, max: 0.12, noNaN: true }),
    dark: fc.constantFrom(0, 1e-7, 1e-5, 1e-4),
    mu3: fc.constantFrom("0", "0.0002", "0.01"),
    p: fc.constantFrom(["0.7", "0.2", "0.1"], ["0.5", "0.25", "0.25"], ["0.35", "0.35", "0.3"]),
    leakShare: fc.double({ min: 0, max: 0.3, noNaN: true }),
    eps_sec: epsilon,
    tag_bits: fc.constantFrom(0, 128),
  })
  .map(({ n, testShare, qber, dark, mu3, p, leakShare, eps_sec, tag_bits }) => {
    const mu = ["0.5", "0.1", mu3];
    const n_key = counts(n, mu.map(Number), p.map(Number), dark);
    const n_test = n_key.map((count) => Math.round(count * testShare));
    const m_test = n_test.map((count) => Math.floor(count * qber));
    return { mu, p, n_key, n_test, m_test, leak: Math.round(n * leakShare), eps_sec, eps_cor: "1e-15", tag_bits };
  });

export const oneDecoyInput = twoDecoyInput.map(({ n_key, n_test, m_test, ...rest }) => ({
  ...rest,
  mu: ["0.51", "0.15"],
  p: ["0.7", "0.3"],
  n_key: n_key.slice(0, 2),
  n_test: n_test.slice(0, 2),
  m_test: m_test.slice(0, 2),
  m_key: n_key.slice(0, 2).map((count) => Math.floor(count * 0.02)),
}));

export const entangledInput = fc
  .record({
    n: detections,
    testShare: fc.double({ min: 0.01, max: 1, noNaN: true }),
    qber: fc.double({ min: 0, max: 0.12, noNaN: true }),
    leakShare: fc.double({ min: 0, max: 0.3, noNaN: true }),
    eps_sec: epsilon,
  })
  .map(({ n, testShare, qber, leakShare, eps_sec }) => {
    const k = Math.max(1, Math.round(n * testShare));
    return { n, k, m: Math.floor(k * qber), leak: Math.round(n * leakShare), eps_sec, eps_cor: "1e-15", tag_bits: 128 };
  });
