/** What `inspect` prints: counts, then what they mean, one line a channel, bars for what changes. */
import type { ChannelFigures, Figures } from "../dumps/figures/figures.js";
import type { Inspection } from "../dumps/inspect.js";
import { percent, short, span, spanWithError, withError } from "../report/format.js";

export function inspectionText(answer: Inspection): string {
  const lines = [
    `${answer.file}${answer.interrupted ? "  (interrupted: what had been read until then)" : ""}`,
    `  format       ${answer.format}${answer.recordType ? ` (${String(answer.recordType)})` : ""}`,
    `  records      ${answer.records}  (${answer.overflowRecords} overflow records, ${answer.overflowPeriods} periods)`,
    `  events       ${answer.events}  (${answer.photons} photons, ${answer.markers} markers)`,
    ...(answer.channelFigures ? timeLines(answer) : []),
    ...lost(answer),
    ...(answer.preparation ? preparationLines(answer.preparation) : []),
    ...(answer.channelFigures ? channelLines(Object.values(answer.channelFigures)) : plainChannels(answer)),
    ...(answer.rates ? rateLines(answer.rates) : []),
    ...(answer.channelFigures ? intervalLines(Object.values(answer.channelFigures)) : []),
    ...(answer.gaps ? gapLines(answer.gaps) : []),
    ...(answer.linkEnd?.detectors ? [`  for a link   ${JSON.stringify(answer.linkEnd)}`] : []),
    ...(answer.notes ?? []).map((note) => `  note         ${note}`),
    ...answer.warnings.map(({ code, message }) => `  ${code}: ${message}`),
  ];
  for (const name of ["digest", "digestPhotons", "digestT3"])
    if (answer[name]) lines.push(`  ${name.padEnd(15)}${String(answer[name])}`);
  // Narrow no-break spaces are for pages.
  return lines.join("\n").replaceAll("\u202f", " ");
}

function timeLines({ durationPs, firstPs, resolutionPs, granularityPs, outOfOrderSteps }: Inspection): string[] {
  const grain = granularityPs ? `, all times multiples of ${granularityPs} ps` : "";
  return [
    `  time         ${(Number(durationPs) / 1e12).toFixed(6)} s, from ${firstPs} ps, tick ${resolutionPs} ps${grain}`,
    `  backward     ${outOfOrderSteps} steps`,
  ];
}

function lost({ badRecords, missedEvents, dummyRecords }: Inspection): string[] {
  const all = { "bad records": badRecords, "missed events": missedEvents, "dummy records": dummyRecords };
  const told = Object.entries(all).flatMap(([name, count]) => (Number(count) > 0 ? [`${String(count)} ${name}`] : []));
  return told.length > 0 ? [`  besides      ${told.join(", ")}`] : [];
}

function preparationLines({ ones, basisX, intensities }: NonNullable<Inspection["preparation"]>): string[] {
  const used = intensities.map((share, index) => `${index}: ${percent(share)}`).filter((_, i) => intensities[i]! > 0);
  return [`  pulses       ones ${percent(ones)}, basis X ${percent(basisX)}, intensity ${used.join(", ")}`];
}

function plainChannels({ channels }: Inspection): string[] {
  return Object.entries(channels).map(([code, count]) => `  channel ${code.padStart(3)}  ${count}`);
}

function channelLines(all: readonly ChannelFigures[]): string[] {
  if (all.length === 0) return [];
  const rows = all.map((c) => [String(c.code), String(c.events), rate(c.ratePerSecond), c.kind, traits(c)]);
  const head = ["channel", "events", "rate", "looks like", "by its intervals"];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, i) => (i < 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join("  ")}`.trimEnd();
  return ["", line(head), ...rows.map(line), ""];
}

function rate(perSecond: number): string {
  if (!(perSecond > 0)) return "";
  const number = perSecond < 1 ? perSecond.toPrecision(3) : short(perSecond);
  return /\d$/.test(number) ? `${number} /s` : `${number}/s`;
}

/** In words what a channel's intervals say. */
export function traits(c: ChannelFigures): string {
  const seconds = (ps: string | undefined) => Number(ps) / 1e12;
  const told: string[] = [];
  if (c.clockPeriodPs) {
    told.push(`period ${c.clockPeriodPs} ps`);
    if (c.clockJitterPs) told.push(`jitter ${span(seconds(c.clockJitterPs))}`);
    if (c.clockMissing) told.push(`${c.clockMissing} missing`);
  }
  if (c.pulsePeriodPs) told.push(`on pulses every ${c.pulsePeriodPs} ps`);
  if (c.deadTimePs) told.push(`dead time ${spanWithError(seconds(c.deadTimePs), seconds(c.deadTimeUncertaintyPs))}`);
  else if (c.deadTimeBelowPs) told.push(`dead time below ${span(seconds(c.deadTimeBelowPs))}`);
  if (c.afterpulse) {
    const { share, uncertainty, windowPs, seen, unsteady } = c.afterpulse;
    const within = `within ${span(seconds(windowPs))}`;
    const value = `${withError(100 * share, 100 * uncertainty)} % ${within}`;
    if (!seen) told.push(`afterpulses below ${percent(Math.max(0, share) + 3 * uncertainty, 1)} ${within}`);
    else told.push(unsteady ? `clicks bunch, as of flickering light: ${value}` : `afterpulses ${value}`);
  }
  if (c.decay)
    told.push(
      `delay peak ${span(c.decay.peakNs / 1e9)}${c.decay.fallNs ? `, 1/e after ${span(c.decay.fallNs / 1e9)}` : ""}`,
    );
  if (c.notAfter > 0) told.push(`${c.notAfter} not after the one before`);
  return told.join("; ");
}

const columns = 48;
const bars = "▁▂▃▄▅▆▇█";

/** A bar for each value, the highest full; nothing is a dot. */
function drawn(values: readonly number[]): string {
  const top = Math.max(...values, 0);
  return values
    .map((v) => (v > 0 ? bars[Math.min(bars.length - 1, Math.floor((v / top) * bars.length))] : "·"))
    .join("");
}

function rateLines({ binSeconds, counts }: Figures["rates"]): string[] {
  const bins = Object.values(counts)[0]?.length ?? 0;
  if (bins < 2) return [];
  const joined = Math.ceil(bins / columns);
  const sums = (all: readonly number[]) =>
    Array.from({ length: Math.ceil(bins / joined) }, (_, i) =>
      all.slice(i * joined, (i + 1) * joined).reduce((sum, n) => sum + n, 0),
    );
  const lines = Object.entries(counts).map(([code, all]) => {
    const found = sums(all);
    // The first and the last bar are filled in part.
    const whole = found.length > 2 ? found.slice(1, -1) : found;
    const perSecond = (n: number) => rate(n / (joined * binSeconds)) || "0 /s";
    const range = `${perSecond(Math.min(...whole))} to ${perSecond(Math.max(...whole))}`;
    return `  ${code.padStart(7)}  ${drawn(found)}  ${range}`;
  });
  return [`  rate over time, ${span(joined * binSeconds)} a bar`, ...lines, ""];
}

/** Counts a factor of interval, both scales logarithmic, all channels on one scale of time. */
function intervalLines(all: readonly ChannelFigures[]): string[] {
  const told = all.filter(({ intervals }) => intervals.counts.length > 0);
  if (told.length === 0) return [];
  const from = Math.min(...told.map(({ intervals }) => intervals.fromNs[0]!));
  const to = Math.max(...told.map(({ intervals }) => intervals.toNs.at(-1)!));
  const step = Math.log(to / from) / columns;
  const lines = told.map(({ code, intervals }) => {
    const sums = new Array<number>(columns).fill(0);
    intervals.counts.forEach((count, i) => {
      const at = Math.min(columns - 1, Math.floor(Math.log(intervals.fromNs[i]! / from + 1e-9) / step));
      sums[at]! += count;
    });
    return `  ${String(code).padStart(7)}  ${drawn(sums.map((n) => Math.log1p(n)))}`;
  });
  return [`  intervals, ${span(from / 1e9)} to ${span(to / 1e9)}, logarithmic both ways`, ...lines, ""];
}

function gapLines(gaps: Figures["gaps"]): string[] {
  const lines: string[] = [];
  if (gaps.reported > 0) lines.push(`  lost data    reported by the instrument at ${gaps.reported} places`);
  const { expectedBelowSeconds, longestSilenceSeconds } = gaps;
  if (gaps.count > 0) {
    const [first] = gaps.longest;
    lines.push(
      `  gaps         ${gaps.more ? "at least " : ""}${gaps.count}, ${span(gaps.totalSeconds)} in all; the longest ${span(first!.seconds)}, ${first!.atSeconds.toPrecision(6)} s after the first event`,
    );
  } else if (expectedBelowSeconds !== undefined)
    lines.push(
      `  gaps         none: the longest silence is ${span(longestSilenceSeconds)}, chance gives up to ${span(expectedBelowSeconds)}`,
    );
  return lines;
}
