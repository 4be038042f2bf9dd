/**
 * Secret bits by loss, block size and ε from a link description: expected counts (expectation.ts) rounded to whole
 * numbers, through the same `secretKeyLength` as the pipeline. The leakage is modelled here, and nowhere else, as
 * f·n·h(q) with a stated efficiency f; a run counts its own.
 */
import type { Link } from "../link.js";
import { entropy, secretKeyLength } from "../security/index.js";
import { proofInput, proofOf } from "../security/proof.js";
import { expectEntangled, expectPrepared } from "./expectation.js";

export interface PlanOptions {
  /** Channel loss, dB (bbm92: of each arm). */
  readonly lossesDb: readonly number[];
  /** Pulses of a block, or seconds for bbm92. */
  readonly blocks: readonly number[];
  /** Secrecy ε of a block. */
  readonly epsilons: readonly number[];
  /** Reconciliation efficiency f of the modelled leakage f·n·h(q). */
  readonly efficiency: number;
  /** Verification tag bits of a block. */
  readonly tagBits: number;
}

export interface PlanRow {
  readonly lossDb: number;
  readonly block: number;
  readonly epsilon: number;
  readonly secretBits: number;
  readonly secretBitsPerSecond: number;
  /** Sifted bits in the key basis. */
  readonly keyBits: number;
  readonly qber: number;
  readonly testQber: number;
  readonly phaseError: number;
  readonly reason?: string;
}

export interface Plan {
  readonly link: string;
  readonly protocol: string;
  readonly proof: string;
  readonly blockUnit: "pulses" | "seconds";
  readonly efficiency: number;
  readonly rows: readonly PlanRow[];
  /** Highest loss of the sweep that still gives a key, for each block size and ε. */
  readonly reach: readonly { readonly block: number; readonly epsilon: number; readonly lossDb: number | null }[];
}

export const planDefaults: Omit<PlanOptions, "blocks" | "epsilons"> = {
  lossesDb: Array.from({ length: 51 }, (_, i) => i),
  efficiency: 1.15,
  tagBits: 128,
};

export function defaultBlocks(link: Link): number[] {
  if (link.protocol === "bbm92") return sortedWith([1, 10, 100, 1000], link.blocks.seconds);
  return sortedWith([1e8, 1e9, 1e10, 1e11], link.blocks.pulses);
}

export function plan(link: Link, options: PlanOptions): Plan {
  const rows = options.epsilons.flatMap((epsilon) =>
    options.blocks.flatMap((block) => options.lossesDb.map((lossDb) => planRow(link, options, lossDb, block, epsilon))),
  );
  const reach = options.epsilons.flatMap((epsilon) =>
    options.blocks.map((block) => {
      const reached = rows.filter((r) => r.block === block && r.epsilon === epsilon && r.secretBits > 0);
      return { block, epsilon, lossDb: reached.length > 0 ? Math.max(...reached.map((r) => r.lossDb)) : null };
    }),
  );
  return {
    link: link.name,
    protocol: link.protocol,
    proof: proofOf(link),
    blockUnit: link.protocol === "bbm92" ? "seconds" : "pulses",
    efficiency: options.efficiency,
    rows,
    reach,
  };
}

function planRow(link: Link, options: PlanOptions, lossDb: number, block: number, epsilon: number): PlanRow {
  const { seconds, nKey, mKey, nTest, mTest } = expectedCounts(link, lossDb, block);
  const [keyBits, keyErrors, testBits, testErrors] = [nKey, mKey, nTest, mTest].map(sum) as [
    number,
    number,
    number,
    number,
  ];
  const qber = keyBits > 0 ? keyErrors / keyBits : 0;
  const leak = Math.ceil(options.efficiency * keyBits * entropy(qber));
  const at = { ...link, epsilon: { ...link.epsilon, secrecy: epsilon } };
  const length = secretKeyLength(proofInput(at, { nKey, nTest, mTest, mKey }, leak, options.tagBits));
  const tooNoisy = Math.max(qber, testBits > 0 ? testErrors / testBits : 0) > link.qberLimit;
  const secretBits = tooNoisy ? 0 : (length.ell ?? 0);
  const reason = tooNoisy ? "QBER_ABOVE_LIMIT" : length.reason;
  return {
    lossDb,
    block,
    epsilon,
    secretBits,
    secretBitsPerSecond: secretBits / seconds,
    keyBits,
    qber,
    testQber: testBits > 0 ? testErrors / testBits : 0,
    phaseError: length.phi,
    ...(reason ? { reason } : {}),
  };
}

interface ExpectedCounts {
  readonly seconds: number;
  readonly nKey: number[];
  readonly mKey: number[];
  readonly nTest: number[];
  readonly mTest: number[];
}

/** Whole counts, errors never above their detections. */
function expectedCounts(link: Link, lossDb: number, block: number): ExpectedCounts {
  const key = link.keyBasis === "Z" ? 0 : 1;
  if (link.protocol === "bbm92") {
    const { sifted, errors } = expectEntangled(link, lossDb);
    const eligible = 1 / (1 + (sifted[0] + sifted[1]) * 2 * deadSeconds(link));
    const count = (rates: readonly number[], basis: number) => [Math.round(rates[basis]! * block * eligible)];
    return {
      seconds: block,
      nKey: count(sifted, key),
      mKey: count(errors, key),
      nTest: count(sifted, 1 - key),
      mTest: count(errors, 1 - key),
    };
  }
  const source = link.source!;
  const expected = expectPrepared(link, lossDb);
  // after an accepted click no detector counts for the link's dead time (FORMULAS.md 9)
  const eligible = 1 / (1 + ((expected.click * 1e12) / source.pulsePeriodPs) * deadSeconds(link));
  const single = link.protocol === "bb84-single-photon";
  const count = (field: "kept" | "keptErrors", basis: number) =>
    source.intensities.map(({ probability }, k) => {
      const share = (single ? 1 : probability) * (basis ? source.basisProbability.X : source.basisProbability.Z);
      return Math.round(block * share * eligible * expected.byClass[k]![basis]![field]);
    });
  return {
    seconds: (block * source.pulsePeriodPs) / 1e12,
    nKey: count("kept", key),
    mKey: count("keptErrors", key),
    nTest: count("kept", 1 - key),
    mTest: count("keptErrors", 1 - key),
  };
}

function deadSeconds(link: Link): number {
  return (link.bob.deadTimePs ?? 0) / 1e12;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, n) => total + n, 0);
}

function sortedWith(list: number[], own: number | undefined): number[] {
  return [...new Set(own === undefined ? list : [...list, own])].sort((a, b) => a - b);
}
