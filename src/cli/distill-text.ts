/** A run's report as a person reads it. */
import type { DistillReport } from "../report/distill-report.js";
import type { BlockRow } from "../report/rows.js";
import type { Answer } from "./output.js";

export function distillAnswer(report: DistillReport): Answer {
  return { json: report, text: distillText(report), exitCode: report.interrupted ? 130 : 0 };
}

function gateText({ gate }: DistillReport): string[] {
  if (!gate) return [];
  const others = gate.widths.filter(({ halfWidthPs }) => halfWidthPs !== gate.halfWidthPs);
  const expected = others.map(
    ({ halfWidthPs, siftedBits, qber }) => `± ${halfWidthPs} ps ${siftedBits} bits (QBER ${percent(qber)})`,
  );
  return [`gate        ± ${gate.halfWidthPs} ps, by ${gate.chosenBy}; expected of ${expected.join(", ")}`];
}

export function distillText(report: DistillReport): string {
  const { clicks, clock } = report;
  const lines = [
    `link        ${report.link} (${report.protocol})`,
    `detections  ${[report.detections.alice, report.detections.bob].filter((n) => n !== undefined).join(" / ") || "none"}`,
    ...(report.coincidences === undefined
      ? []
      : [`pairs       ${report.coincidences} exclusive, ${report.accidentals?.toFixed(1)} expected by chance`]),
    ...(clock
      ? [`clock       offset ${clock.offsetPs} ps at ${clock.referencePs} ps, drift ${clock.driftPpb.toFixed(3)} ppb`]
      : []),
    ...gateText(report),
    `sifted      ${report.siftedBits} bits, QBER ${percent(report.qber)}`,
    `clicks      single ${clicks.single.siftedBits} sifted (QBER ${percent(clicks.single.qber)}), ` +
      `${clicks.sameBasis} double in a basis, ${clicks.crossBasis} across, ${clicks.deadTimeVetoed} vetoed by dead time`,
    ...(report.disclosed
      ? [`disclosed   ${report.disclosed.slots} slots to join the clocks: among the clicks, in no key`]
      : []),
    ...report.blocks.map(blockText),
    `authentic.  ${report.authenticationBits} bits of pads used, ${report.replenishedBits ?? 0} put back, net ${report.netSecretBits} bits`,
    ...(report.noLock
      ? [
          `no lock     ${Object.entries(report.noLock)
            .map(([name, value]) => `${name} ${String(value)}`)
            .join(", ")}`,
        ]
      : []),
    ...report.warnings.map((warning) => `warning     ${warning}`),
    ...(report.interrupted ? ["STOPPED     by a signal; started again the run goes on"] : []),
    report.secretBits > 0
      ? `SECRET      ${report.secretBits} bits in ${report.keys} keys, ${report.seconds.total?.toFixed(2)} s`
      : `NO KEY      ${report.reason}, ${report.seconds.total?.toFixed(2)} s`,
  ];
  return lines.join("\n");
}

export function blockText(row: BlockRow): string {
  const result = row.secretBits > 0 ? `${row.secretBits} secret bits` : `no key: ${row.reason ?? "unknown"}`;
  const f = row.efficiency === null ? "" : `, f ${row.efficiency.toFixed(3)}`;
  const phase = row.phaseError === null ? "" : `, phase error ≤ ${percent(row.phaseError)}`;
  return `block ${String(row.index).padStart(4)}  ${row.keyBits} key bits, ${row.errors ?? "?"} errors, ${row.leakedBits} leaked${f}${phase} → ${result}`;
}

function percent(share: number | null): string {
  return share === null ? "unknown" : `${(share * 100).toFixed(3)} %`;
}
