/** What dumps hold, as one self-contained page: a part a file (`inspect --report`). */
import type { ChannelFigures } from "../dumps/figures/figures.js";
import type { Inspection } from "../dumps/inspect.js";
import { html, percent, short, span, spanWithError, whole, withError } from "./format.js";
import { decayPicture, intervalsPicture, ratesPicture } from "./inspect-charts.js";
import { cards, charts, section, shell } from "./shell.js";
import { type Cell, table } from "./tables.js";

/** @param failed files that could not be read, with the reason */
export function renderInspections(
  found: readonly Inspection[],
  failed: readonly { readonly file: string; readonly reason: string }[] = [],
): string {
  const title = found.length + failed.length === 1 ? (found[0]?.file ?? failed[0]!.file) : "Detector dumps";
  return shell(
    title,
    `<header>
<h1>${html(title)}</h1>
<p class="soft">qkd-distill inspect</p>
${failed.map(({ file, reason }) => `<p class="verdict bad"><strong>${html(file)}</strong> ${html(reason)}</p>`).join("\n")}
</header>
<main>
${found.map((answer, i) => part(answer, i, title)).join("\n")}
</main>
<footer>Dead time and afterpulses are estimates from intervals, with a standard deviation each; gaps are silences that chance gives once in a million recordings.</footer>`,
  );
}

function part(answer: Inspection, index: number, title: string): string {
  const channels = Object.values(answer.channelFigures ?? {});
  const unitPs = Number(answer.granularityPs ?? answer.dtimeResolutionPs ?? answer.resolutionPs);
  const figures = answer.rates && answer.gaps ? { ...answer, rates: answer.rates, gaps: answer.gaps } : undefined;
  const drawn = [
    figures && ratesPicture(`rate-${index}`, { channelFigures: {}, notes: [], ...figures }, channels),
    intervalsPicture(`intervals-${index}`, channels, unitPs),
    decayPicture(`decay-${index}`, channels),
  ].filter((picture) => picture !== undefined);
  const notes = [...(answer.notes ?? []), ...answer.warnings.map(({ code, message }) => `${code}: ${message}`)];
  return `<section aria-label="${html(answer.file)}">
${answer.file === title ? "" : `<h2 class="part">${html(answer.file)}</h2>`}
${answer.interrupted ? '<p class="verdict bad">Interrupted: the figures are of what had been read until then.</p>' : ""}
${overview(answer, channels.length)}
${section("Channels", channels.length > 0 ? channelTable(channels) : plainTable(answer))}
${drawn.length > 0 ? section("In pictures", charts(drawn)) : ""}
${section("Gaps", gapTable(answer))}
${section("An end of a link description", linkEnd(answer))}
${section("Notes", notes.length > 0 ? `<ul>${notes.map((note) => `<li>${html(note)}</li>`).join("")}</ul>` : "")}
</section>`;
}

function overview(answer: Inspection, channels: number): string {
  const { events, durationPs, gaps, overflowRecords, records, preparation } = answer;
  const seconds = Number(durationPs) / 1e12;
  const timed = answer.rates !== undefined;
  return cards([
    ["Format", answer.format],
    ["Records of", answer.recordType ? String(answer.recordType) : undefined],
    [preparation ? "Pulses" : "Events", whole(events)],
    ["Duration", timed ? span(seconds) : undefined],
    ["Events a second", timed && seconds > 0 ? short(events / seconds) : undefined],
    ["Channels", channels > 0 ? String(channels) : undefined],
    [answer.dtimeResolutionPs ? "Sync period" : "Tick", timed ? span(answer.resolutionPs / 1e12) : undefined],
    ["Times are multiples of", answer.granularityPs ? `${answer.granularityPs} ps` : undefined],
    ["Overflow records", overflowRecords > 0 ? percent(overflowRecords / Math.max(1, records), 1) : undefined],
    ["Steps back in time", timed ? whole(answer.outOfOrderSteps) : undefined],
    ["Gaps", gaps ? `${gaps.more ? "≥ " : ""}${whole(gaps.count)}` : undefined],
    ["Lost data reported", gaps && gaps.reported > 0 ? whole(gaps.reported) : undefined],
    ["Ones", preparation ? percent(preparation.ones) : undefined],
    ["Basis X", preparation ? percent(preparation.basisX) : undefined],
    [
      "Intensities",
      preparation?.intensities
        .filter((share) => share > 0)
        .map((share) => percent(share))
        .join(", "),
    ],
  ]);
}

function channelTable(channels: readonly ChannelFigures[]): string {
  const seconds = (ps: string) => Number(ps) / 1e12;
  const rate = (perSecond: number): Cell =>
    perSecond > 0 ? (perSecond < 10 ? perSecond.toPrecision(3) : short(perSecond)) : undefined;
  return table(
    channels,
    [
      { title: "Channel", cell: (c) => c.code },
      { title: "Looks like", cell: (c) => c.kind, text: true },
      { title: "Events", cell: (c) => whole(c.events) },
      { title: "A second", cell: (c) => rate(c.ratePerSecond) },
      { title: "Dead time", cell: deadTime },
      { title: "Afterpulses", cell: afterpulses },
      { title: "Within", cell: (c) => (c.afterpulse?.seen ? span(seconds(c.afterpulse.windowPs)) : undefined) },
      { title: "Period", cell: (c) => (c.clockPeriodPs ? `${c.clockPeriodPs} ps` : undefined) },
      { title: "Jitter", cell: (c) => (c.clockJitterPs ? span(seconds(c.clockJitterPs)) : undefined) },
      { title: "Missing", cell: (c) => (c.clockMissing === undefined ? undefined : whole(c.clockMissing)) },
      { title: "Pulses every", cell: (c) => (c.pulsePeriodPs ? `${c.pulsePeriodPs} ps` : undefined) },
      { title: "Not after the one before", cell: (c) => (c.notAfter > 0 ? whole(c.notAfter) : undefined) },
    ],
    "Channels of the dump",
  );
}

function deadTime({ deadTimePs, deadTimeUncertaintyPs, deadTimeBelowPs }: ChannelFigures): Cell {
  if (deadTimePs) return spanWithError(Number(deadTimePs) / 1e12, Number(deadTimeUncertaintyPs) / 1e12);
  return deadTimeBelowPs ? `< ${span(Number(deadTimeBelowPs) / 1e12)}` : undefined;
}

function afterpulses({ afterpulse }: ChannelFigures): Cell {
  if (!afterpulse) return undefined;
  const { share, uncertainty, seen, unsteady } = afterpulse;
  if (!seen) return `< ${percent(Math.max(0, share) + 3 * uncertainty, 1)}`;
  return `${withError(100 * share, 100 * uncertainty)} %${unsteady ? " (flickering light?)" : ""}`;
}

function plainTable({ channels }: Inspection): string {
  return table(
    Object.entries(channels),
    [
      { title: "Code", cell: ([code]) => code },
      { title: "Count", cell: ([, count]) => whole(count) },
    ],
    "Records by code",
  );
}

function gapTable({ gaps }: Inspection): string {
  if (!gaps || gaps.count === 0) return "";
  const list = table(
    gaps.longest,
    [
      { title: "After the first event", cell: ({ atSeconds }) => `${atSeconds.toPrecision(7)} s` },
      { title: "Length", cell: ({ seconds }) => span(seconds) },
    ],
    "The longest gaps",
  );
  return `<p>${gaps.more ? "At least " : ""}${whole(gaps.count)} silences that chance does not explain, ${span(gaps.totalSeconds)} in all.</p>\n${list}`;
}

function linkEnd({ linkEnd }: Inspection): string {
  if (!linkEnd?.detectors) return "";
  const fields = Object.entries(linkEnd).map(([name, value]) => {
    const items = Array.isArray(value) ? value.map((item) => `\n    ${JSON.stringify(item)}`).join(",") : undefined;
    return `  ${JSON.stringify(name)}: ${items === undefined ? JSON.stringify(value) : `[${items}\n  ]`}`;
  });
  return `<pre><code>${html(`{\n${fields.join(",\n")}\n}`)}</code></pre>`;
}
