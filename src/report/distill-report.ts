/** The report of a run: both ends' rows joined, every figure counted in it (CONTRACT.md, `distill`). */
import type { Link } from "../link.js";
import type { PartyReport } from "../session/party-run.js";
import type { ClockReport, DisclosedClicks, NoLock } from "../timing/types.js";
import { type GateReport, gateReport } from "./gates.js";
import type { BlockRow } from "./rows.js";

export interface DistillReport {
  readonly link: string;
  readonly protocol: string;
  readonly detections: { readonly alice?: number; readonly bob?: number };
  readonly coincidences?: number;
  readonly accidentals?: number;
  readonly clock?: ClockReport;
  readonly siftedBits: number;
  readonly qber: number | null;
  readonly clicks: {
    readonly single: {
      readonly siftedBits: number;
      /** Of them, bits that were compared; `errors` and `qber` are theirs. */
      readonly compared: number | null;
      readonly errors: number | null;
      readonly qber: number | null;
    };
    readonly sameBasis: number;
    readonly crossBasis: number;
    readonly deadTimeVetoed: number;
  };
  /** Opened to join the clocks: in `clicks`, not in `siftedBits` nor in a key. */
  readonly disclosed?: DisclosedClicks;
  readonly gate?: GateReport;
  readonly blocks: readonly BlockRow[];
  readonly secretBits: number;
  readonly keys: number;
  readonly reason?: string;
  /** The dumps were followed and a signal ended the run; started again it goes on. */
  readonly interrupted?: true;
  /** No lock: what both ends tried and saw (the step, rates, from which rate of pairs one would have been found). */
  readonly noLock?: NoLock["details"];
  /** Bits of authentication pads used at both ends together, and what is left of the key after them. */
  readonly authenticationBits: number;
  /** Bits of key that went back into the authentication pool. */
  readonly replenishedBits?: number;
  readonly netSecretBits: number;
  readonly warnings: readonly string[];
  readonly seconds: Readonly<Record<string, number>>;
}

/** @param bob or alice may be missing where one end reports alone */
export function mergeReports(
  link: Link,
  alice: PartyReport | undefined,
  bob: PartyReport | undefined,
  elapsed: number,
): DistillReport {
  const main = (bob ?? alice)!;
  const other = new Map((bob ? (alice?.blocks ?? []) : []).map((row) => [row.index, row]));
  const blocks = main.blocks.map((row) => joined(row, other.get(row.index)));
  const sum = (of: (row: BlockRow) => number) => blocks.reduce((total, row) => total + of(row), 0);
  const openings = [alice?.facts.calibration, ...blocks.map((row) => row.disclosed)].filter((one) => one !== undefined);
  const opened = (of: (clicks: DisclosedClicks) => number) => openings.reduce((total, one) => total + of(one), 0);
  const disclosed = {
    slots: opened(({ slots }) => slots),
    siftedBits: opened((clicks) => clicks.siftedBits),
    errors: opened(({ errors }) => errors),
  };
  const known = blocks.every(({ errors }) => errors !== null);
  const siftedBits = sum((row) => row.siftedBits);
  const singleKnown = blocks.every(({ clicks }) => clicks.singleErrors !== null);
  const singleSifted = sum(({ clicks }) => clicks.singleSifted ?? 0) + disclosed.siftedBits;
  const singleErrors = singleKnown ? sum(({ clicks }) => clicks.singleErrors ?? 0) + disclosed.errors : null;
  const compared = singleKnown
    ? sum(({ clicks }) => clicks.singleCompared ?? clicks.singleSifted ?? 0) + disclosed.siftedBits
    : null;
  const singleQber = singleErrors === null || !compared ? null : singleErrors / compared;
  const gate = gateReport(link, blocks, { siftedBits: singleSifted, qber: singleQber });
  const secretBits = sum((row) => row.secretBits);
  const poolBits = sum((row) => row.poolBits ?? 0);
  const pairs = blocks.filter(({ pairs }) => pairs !== undefined);
  const clock = alice?.facts.clock ?? bob?.facts.clock;
  const interrupted = alice?.interrupted ?? bob?.interrupted;
  const none = interrupted ? "INTERRUPTED" : "NO_DETECTIONS";
  const reason = secretBits > 0 ? undefined : (main.facts.reason ?? blocks.find((row) => row.reason)?.reason ?? none);
  const authenticationBits = alice?.authenticationBits ?? bob?.authenticationBits ?? 0;
  const seconds: Record<string, number> = {};
  for (const row of main.blocks)
    for (const [stage, time] of Object.entries(row.seconds)) seconds[stage] = (seconds[stage] ?? 0) + time;
  return {
    link: link.name,
    protocol: link.protocol,
    detections: {
      ...(alice?.facts.detections === undefined ? {} : { alice: alice.facts.detections }),
      ...(bob?.facts.detections === undefined ? {} : { bob: bob.facts.detections }),
    },
    ...(pairs.length > 0
      ? {
          coincidences: sum(({ pairs }) => pairs?.exclusive ?? 0) + disclosed.slots,
          accidentals: sum(({ pairs }) => pairs?.accidentals ?? 0),
        }
      : {}),
    ...(clock ? { clock } : {}),
    siftedBits,
    qber: siftedBits > 0 && known ? (sum((row) => row.errors ?? 0) + sum((row) => row.checkErrors)) / siftedBits : null,
    clicks: {
      single: {
        siftedBits: singleSifted,
        compared,
        errors: singleErrors,
        qber: singleQber,
      },
      sameBasis: sum(({ clicks }) => clicks.sameBasis),
      crossBasis: sum(({ clicks }) => clicks.crossBasis),
      deadTimeVetoed: sum(({ clicks }) => clicks.deadTimeVetoed ?? 0),
    },
    ...(disclosed.slots > 0 ? { disclosed } : {}),
    ...(gate ? { gate } : {}),
    blocks,
    secretBits,
    keys: sum((row) => row.keys),
    ...(reason ? { reason } : {}),
    ...(interrupted ? { interrupted } : {}),
    ...(main.facts.noLock ? { noLock: { ...bob?.facts.noLock, ...alice?.facts.noLock } } : {}),
    authenticationBits,
    ...(poolBits > 0 ? { replenishedBits: poolBits } : {}),
    netSecretBits: secretBits + poolBits - authenticationBits,
    warnings: warningsOf(link, alice, bob),
    seconds: { ...seconds, total: elapsed },
  };
}

function joined(row: BlockRow, other: BlockRow | undefined): BlockRow {
  if (!other) return row;
  return {
    ...row,
    clicks: {
      ...row.clicks,
      sameBasis: row.clicks.sameBasis + other.clicks.sameBasis,
      crossBasis: row.clicks.crossBasis + other.clicks.crossBasis,
    },
    ...(other.pairs ? { pairs: other.pairs } : {}),
    ...(row.gate ? {} : other.gate ? { gate: other.gate } : {}),
    ...(other.disclosed ? { disclosed: other.disclosed } : {}),
    alarms: [...new Set([...row.alarms, ...other.alarms])],
  };
}

function warningsOf(link: Link, alice: PartyReport | undefined, bob: PartyReport | undefined): string[] {
  const warnings: string[] = [];
  for (const [name, report] of [
    ["alice", alice],
    ["bob", bob],
  ] as const) {
    if (!report) continue;
    if (link[name].detectors && link[name].deadTimePs === undefined)
      warnings.push(`${name}.deadTimePs is not given: no dead time is enforced (FORMULAS.md 9)`);
    for (const { code, message } of report.facts.dumpWarnings ?? []) warnings.push(`${name}: ${code}: ${message}`);
    const { endedFirst } = report.facts;
    if (endedFirst)
      warnings.push(`${endedFirst}: the dump was quiet first: what the other end detected after it makes no key`);
    const unnamed = report.facts.unnamedChannels ?? [];
    if (unnamed.length > 0)
      warnings.push(`${name}: events on channels ${unnamed.join(", ")}, which the link does not name, are left out`);
  }
  return warnings;
}
