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
import {
  alarmsTable,
  blocksTable,
  epsilonList,
  filesTable,
  ledgerTable,
  methodsTable,
  softwareList,
  stagesTable,
} from "./tables.js";
import { style } from "./theme.js";

export function renderReport(model: ReportModel): string {
  const sections = [
    picturesSection(pictures(model)),
    section("Blocks", model.blocks?.length ? blocksTable(model.blocks) : ""),
    section("Choice of reconciliation", methodsTable(model.blocks ?? [])),
    section("Leak ledger", model.ledger?.length ? ledgerTable(model.ledger) : ""),
    section("Security", model.epsilon ? epsilonList(model.epsilon) : ""),
    section("Alarms", model.alarms?.length ? alarmsTable(model.alarms) : ""),
    section("Warnings", list(model.warnings ?? [])),
    section("Time of each stage", model.stages ? stagesTable(model.stages) : ""),
    section("Files", model.files?.length ? filesTable(model.files) : ""),
    section("Software", model.software ? softwareList(model.software) : ""),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<title>${html(model.link)} · qkd-distill</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header>
<h1>${html(model.link)}</h1>
<p class="soft">${html(model.protocol)} · ${html(model.createdAt)}</p>
${verdict(model)}
${figures(model)}
</header>
<main>
${sections.filter(Boolean).join("\n")}
</main>
<footer>Every figure on this page was counted in this run. No key, seed or sifted bit is in it.</footer>
</body>
</html>
`;
}

function pictures(model: ReportModel): Picture[] {
  const { blocks = [], rates = [], clock, timing, waterfall = [], epsilon } = model;
  const track = clock?.track ?? [];
  const drawn = [
    waterfall.length > 0 ? waterfallPicture(waterfall) : undefined,
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
  const figure = ({ id, title, svg, caption, wide }: Picture) =>
    `<figure id="${id}"${wide ? ' class="wide"' : ""} aria-labelledby="${id}-title">
<h3 id="${id}-title">${html(title)}</h3>
${svg}
<figcaption>${html(caption)}</figcaption>
</figure>`;
  return `<section aria-labelledby="pictures"><h2 id="pictures">The run in pictures</h2>
<div class="charts">
${drawn.map(figure).join("\n")}
</div></section>`;
}

function verdict({ summary }: ReportModel): string {
  const { secretBits, keys, reason } = summary;
  if (secretBits > 0) {
    const noun = keys === 1 ? "key" : "keys";
    return `<p class="verdict good"><strong>${whole(secretBits)} secret bits</strong> in ${whole(keys)} ${noun}, equal at both ends.</p>`;
  }
  return `<p class="verdict bad"><strong>No key.</strong>${reason ? ` Reason: <code>${html(reason)}</code>` : ""}</p>`;
}

function figures({ summary, clock }: ReportModel): string {
  const { secretBits, siftedBits, qber, durationSeconds, pulses, authenticationBits, elapsedSeconds } = summary;
  const rows: [string, string | undefined][] = [
    ["Secret bits", whole(secretBits)],
    ["Secret bits a second", durationSeconds ? short(secretBits / durationSeconds) : undefined],
    ["Sifted bits", whole(siftedBits)],
    ["QBER", qber === undefined ? undefined : percent(qber)],
    ["Acquisition", durationSeconds === undefined ? undefined : `${Number(durationSeconds.toPrecision(4))} s`],
    ["Pulses", pulses === undefined ? undefined : short(pulses)],
    ["Drift of Bob's clock", clock ? `${clock.driftPpb.toFixed(2)} ppb` : undefined],
    ["Authentication key used", authenticationBits === undefined ? undefined : `${whole(authenticationBits)} bit`],
    ["Distilled in", elapsedSeconds === undefined ? undefined : `${elapsedSeconds.toFixed(1)} s`],
  ];
  const shown = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return `<dl class="figures">${shown.map(([name, value]) => `<div><dt>${name}</dt><dd>${html(value)}</dd></div>`).join("")}</dl>`;
}

function section(title: string, body: string): string {
  return body ? `<section><h2>${title}</h2>\n${body}</section>` : "";
}

function list(lines: readonly string[]): string {
  return lines.length > 0 ? `<ul>${lines.map((line) => `<li>${html(line)}</li>`).join("")}</ul>` : "";
}
