/** A run's report as the model of its page. */
import type { Link } from "../link.js";
import { proofOf } from "../security/proof.js";
import type { GateStatistics } from "../timing/types.js";
import { version } from "../version.js";
import type { DistillReport } from "./distill-report.js";
import { methodOf } from "./method.js";
import type { ReportModel } from "./model.js";
import type { BlockRow } from "./rows.js";

export function reportModel(link: Link, report: DistillReport): ReportModel {
  const { clock, blocks } = report;
  const gate = gateOf(blocks);
  const sum = (of: (row: BlockRow) => number) => blocks.reduce((total, row) => total + of(row), 0);
  const leak = new Map<string, number>();
  for (const row of blocks)
    for (const [reason, bits] of Object.entries(row.leak)) leak.set(reason, (leak.get(reason) ?? 0) + bits);
  return {
    link: report.link,
    protocol: report.protocol,
    createdAt: new Date().toISOString(),
    summary: {
      secretBits: report.secretBits,
      keys: report.keys,
      siftedBits: report.siftedBits,
      ...(report.qber === null ? {} : { qber: report.qber }),
      ...(sum((row) => row.pulses ?? 0) > 0 ? { pulses: sum((row) => row.pulses ?? 0) } : {}),
      ...(report.reason ? { reason: report.reason } : {}),
      ...(report.noLock ? { noLock: report.noLock } : {}),
      ...(report.disclosed ? { disclosedSlots: report.disclosed.slots } : {}),
      authenticationBits: report.authenticationBits,
      elapsedSeconds: report.seconds.total ?? 0,
    },
    epsilon: {
      ...link.epsilon,
      blocks: blocks.filter((row) => row.secretBits > 0).length,
      proof: proofOf(link),
      accounting: link.reconciliation.accounting,
    },
    blocks: blocks.map((row) => ({
      index: row.index,
      keyBits: row.keyBits,
      errors: row.errors ?? 0,
      testBits: row.checkBits,
      testErrors: row.checkErrors,
      leakedBits: row.leakedBits,
      ...(row.efficiency === null ? {} : { efficiency: row.efficiency }),
      frames: row.frames,
      framesFailed: row.framesFailed,
      ...(typeof row.choice?.frameBits === "number" ? { frameBits: row.choice.frameBits } : {}),
      ...methodOf(row.choice),
      ...(row.phaseError === null ? {} : { phaseError: row.phaseError }),
      secretBits: row.secretBits,
      accounting: row.accounting,
      ...(row.reason ? { reason: row.reason } : {}),
    })),
    ...(gate ? { timing: timingOf(link, gate) } : {}),
    ...(clock ? { clock } : {}),
    ...(report.gate ? { gate: report.gate } : {}),
    waterfall: [
      ...(report.detections.bob === undefined ? [] : [{ step: "Bob's detections", left: report.detections.bob }]),
      { step: "sifted", left: report.siftedBits },
      { step: "key basis", left: sum((row) => row.keyBits) },
      { step: "after leakage", left: sum((row) => Math.max(0, row.keyBits - row.leakedBits)) },
      { step: "secret", left: report.secretBits },
    ],
    ledger: [...leak].map(([reason, bits]) => ({ reason, bits })),
    alarms: blocks.flatMap((row) =>
      row.alarms.map((name) => ({ name, block: row.index, value: "raised", raised: true })),
    ),
    warnings: report.warnings,
    stages: report.seconds,
    software: { version, node: process.version, platform: `${process.platform} ${process.arch}` },
  };
}

/** Histograms of all blocks added. */
function gateOf(blocks: readonly BlockRow[]): GateStatistics | undefined {
  const gates = blocks.map((row) => row.gate).filter((gate) => gate !== undefined);
  const last = gates[gates.length - 1];
  if (!last) return undefined;
  const histogram = last.histogram.map((counts, d) =>
    counts.map((_, bin) => gates.reduce((sum, gate) => sum + (gate.histogram[d]?.[bin] ?? 0), 0)),
  );
  return { ...last, histogram, background: gates.reduce((sum, gate) => sum + gate.background, 0) };
}

function timingOf(link: Link, gate: GateStatistics): NonNullable<ReportModel["timing"]> {
  const detectors = link.bob.detectors ?? [];
  const names =
    gate.histogram.length === detectors.length ? detectors.map(({ basis, bit }) => `${basis}${bit}`) : ["pairs"];
  return {
    gateCentrePs: 0,
    gateHalfWidthPs: gate.halfWidthPs,
    histograms: gate.histogram.map((counts, d) => ({
      detector: names[d] ?? String(d),
      startPs: (-gate.binPs * counts.length) / 2,
      binPs: gate.binPs,
      counts,
    })),
  };
}
