/**
 * The run as one self-contained page (DESIGN.md, decision 12): no script, no request, readable on paper, in light and
 * dark, and by a screen reader (each picture has its words beneath, the blocks a table).
 */
import {
  efficiencyPicture,
  epsilonPicture,
  offsetPicture,
  type Picture,
  qberPicture,
  ratePicture,
  timingPicture,
  waterfallPicture,
} from "./charts.js";
import { html, percent, short, whole } from "./format.js";
import type { ReportModel } from "./model.js";
import { cards, charts, section, shell } from "./shell.js";
import {
  alarmsTable,
  blocksTable,
  epsilonList,
  filesTable,
  gateTable,
  ledgerTable,
  methodsTable,
  softwareList,
  stagesTable,
} from "./tables.js";

export function renderReport(model: ReportModel): string {
  const sections = [
    picturesSection(pictures(model)),
    section("Blocks", model.blocks?.length ? blocksTable(model.blocks) : ""),
    section("Gate", model.gate ? gateTable(model.gate) : ""),
    section("Choice of reconciliation", methodsTable(model.blocks ?? [])),
    section("Leak ledger", model.ledger?.length ? ledgerTable(model.ledger) : ""),
    section("Security", model.epsilon ? epsilonList(model.epsilon) : ""),
    section("Alarms", model.alarms?.length ? alarmsTable(model.alarms) : ""),
    section("Warnings", list(model.warnings ?? [])),
    section("Time of each stage", model.stages ? stagesTable(model.stages) : ""),
    section("Files", model.files?.length ? filesTable(model.files) : ""),
    section("Software", model.software ? softwareList(model.software) : ""),
  ];
  return shell(
    model.link,
    `<header>
<h1>${html(model.link)}</h1>
<p class="soft">${html(model.protocol)} · ${html(model.createdAt)}</p>
${verdict(model)}
${figures(model)}
</header>
<main>
${sections.filter(Boolean).join("\n")}
</main>
<footer>Every figure on this page was counted in this run. No key, seed or sifted bit is in it.</footer>`,
  );
}

function pictures(model: ReportModel): Picture[] {
  const { blocks = [], rates = [], clock, timing, waterfall = [], epsilon } = model;
  const track = clock?.track ?? [];
  const drawn = [
    (waterfall[0]?.left ?? 0) > 0 ? waterfallPicture(waterfall) : undefined,
    timing && timing.histograms.length > 0 ? timingPicture(timing) : undefined,
    rates.length > 0 ? ratePicture(rates) : undefined,
    blocks.length > 0 ? qberPicture(blocks, model.qberLimit) : undefined,
    clock && track.length > 0 ? offsetPicture(track, clock) : undefined,
    efficiencyPicture(blocks),
    epsilon ? epsilonPicture(epsilon) : undefined,
  ];
  return drawn.filter((picture) => picture !== undefined);
}

function picturesSection(drawn: readonly Picture[]): string {
  if (drawn.length === 0) return "";
  return `<section aria-labelledby="pictures"><h2 id="pictures">The run in pictures</h2>
${charts(drawn)}</section>`;
}

function verdict({ summary }: ReportModel): string {
  const { secretBits, keys, reason } = summary;
  if (secretBits > 0) {
    const noun = keys === 1 ? "key" : "keys";
    return `<p class="verdict good"><strong>${whole(secretBits)} secret bits</strong> in ${whole(keys)} ${noun}, equal at both ends.</p>`;
  }
  const seen = Object.entries(summary.noLock ?? {}).map(([name, value]) => `${name} ${String(value)}`);
  const tried = seen.length > 0 ? `<p class="soft">Clock recovery ended with: ${html(seen.join(", "))}.</p>` : "";
  return `<p class="verdict bad"><strong>No key.</strong>${reason ? ` Reason: <code>${html(reason)}</code>` : ""}</p>${tried}`;
}

function figures({ summary, clock }: ReportModel): string {
  const { secretBits, siftedBits, qber, durationSeconds, pulses, authenticationBits, elapsedSeconds, disclosedSlots } =
    summary;
  return cards([
    ["Secret bits", whole(secretBits)],
    ["Secret bits a second", durationSeconds ? short(secretBits / durationSeconds) : undefined],
    ["Sifted bits", whole(siftedBits)],
    ["QBER", qber === undefined ? undefined : percent(qber)],
    ["Acquisition", durationSeconds === undefined ? undefined : `${Number(durationSeconds.toPrecision(4))} s`],
    ["Pulses", pulses === undefined ? undefined : short(pulses)],
    ["Drift of Bob's clock", clock ? `${clock.driftPpb.toFixed(2)} ppb` : undefined],
    ["Slots disclosed for clocks", disclosedSlots === undefined ? undefined : whole(disclosedSlots)],
    ["Authentication key used", authenticationBits === undefined ? undefined : `${whole(authenticationBits)} bit`],
    ["Distilled in", elapsedSeconds === undefined ? undefined : `${elapsedSeconds.toFixed(1)} s`],
  ]);
}

function list(lines: readonly string[]): string {
  return lines.length > 0 ? `<ul>${lines.map((line) => `<li>${html(line)}</li>`).join("")}</ul>` : "";
}
