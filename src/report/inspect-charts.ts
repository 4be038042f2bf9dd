/** The pictures of a dump: rate over time, intervals, T3 delays. The busiest channels are drawn, all are in the table. */
import type { ChannelFigures, Figures } from "../dumps/figures/figures.js";
import { axis, draw, grid, half, legend } from "./chart.js";
import type { Picture } from "./charts.js";
import { power, short, span, tick, timeUnit } from "./format.js";
import { gate, ink } from "./theme.js";

const mostChannels = 6;
const strokes = ["solid", "dashed", "dotted"];
const mostPoints = 120;
/** Rates that differ by more are drawn on a logarithmic scale. */
const linearUpTo = 20;

function busiest(channels: readonly ChannelFigures[]): { drawn: ChannelFigures[]; note: string } {
  const drawn = [...channels]
    .sort((a, b) => b.events - a.events)
    .slice(0, mostChannels)
    .sort((a, b) => a.code - b.code);
  const left = channels.length - drawn.length;
  return { drawn, note: left > 0 ? ` The ${mostChannels} busiest of ${channels.length} channels are drawn.` : "" };
}

const line = (code: number, i: number, data: readonly (readonly (number | null)[])[], more = {}) => ({
  name: `ch ${code}`,
  type: "line",
  symbol: "none",
  lineStyle: { width: 1.5, type: strokes[Math.floor(i / 3) % strokes.length] },
  data,
  ...more,
});

export function ratesPicture(
  id: string,
  { rates, gaps }: Figures,
  channels: readonly ChannelFigures[],
): Picture | undefined {
  const { fromSeconds, counts } = rates;
  const { drawn, note } = busiest(channels);
  const fine = counts[drawn[0]?.code ?? -1]?.length ?? 0;
  if (fine < 3) return undefined;
  const joined = Math.ceil(fine / mostPoints);
  const binSeconds = joined * rates.binSeconds;
  const bins = Math.ceil(fine / joined);
  const sum = (all: readonly number[]) => all.reduce((total, n) => total + n, 0);
  // The last point may stand for fewer bins.
  const perSecond = (code: number) =>
    Array.from({ length: bins }, (_, i) => counts[code]!.slice(i * joined, (i + 1) * joined)).map(
      (part) => sum(part) / (part.length * rates.binSeconds),
    );
  const mean = (code: number) => sum(counts[code]!) / (fine * rates.binSeconds);
  const means = drawn.map(({ code }) => mean(code));
  const logarithmic = Math.max(...means) > linearUpTo * Math.min(...means);
  const [size, unit] = timeUnit(bins * binSeconds);
  const at = (bin: number) => (fromSeconds + (bin + 0.5) * binSeconds) / size;
  const series = drawn.map(({ code }, i) =>
    line(
      code,
      i,
      perSecond(code).map((rate, bin) => [at(bin), logarithmic && rate === 0 ? null : rate]),
      { step: "middle", ...(i === 0 ? gapMarks(gaps, size) : {}) },
    ),
  );
  const svg = draw(
    id,
    {
      grid,
      legend,
      xAxis: axis(`time after the first event (${unit})`, {
        type: "value",
        nameGap: 28,
        min: 0,
        max: Number(at(bins - 0.5).toPrecision(4)),
        axisLabel: { color: ink, fontSize: 11, hideOverlap: true, formatter: tick, showMaxLabel: false },
      }),
      yAxis: axis("events a second", {
        type: logarithmic ? "log" : "value",
        nameGap: 52,
        axisLabel: { color: ink, formatter: (v: number) => (v < 1 && v > 0 ? v.toPrecision(1) : tick(v)) },
      }),
      series,
    },
    half,
  );
  const words = drawn.map(
    ({ code }, i) => `channel ${code} ${means[i]! < 10 ? means[i]!.toPrecision(3) : short(means[i]!)}`,
  );
  const marked = gaps.count > 0 ? ` Shaded: the longest of ${gaps.more ? "more than " : ""}${gaps.count} gaps.` : "";
  const caption = `Mean, events a second: ${words.join(", ")}. A point is ${span(binSeconds)}.${logarithmic ? " Logarithmic scale; nothing in a bin breaks the line." : ""}${marked}${note}`;
  return { id, title: "Rate over time", svg, caption };
}

function gapMarks({ longest, count }: Figures["gaps"], size: number): Record<string, unknown> {
  if (count === 0) return {};
  const data = longest.map(({ atSeconds, seconds }) => [
    { xAxis: atSeconds / size },
    { xAxis: (atSeconds + seconds) / size },
  ]);
  return {
    markArea: { silent: true, itemStyle: { color: gate, opacity: 0.25, borderColor: gate, borderWidth: 1 }, data },
  };
}

/** @param unitPs what intervals are multiples of */
export function intervalsPicture(id: string, channels: readonly ChannelFigures[], unitPs: number): Picture | undefined {
  const { drawn, note } = busiest(channels.filter(({ intervals }) => intervals.counts.length > 1));
  if (drawn.length === 0) return undefined;
  const series = drawn.map((c, i) =>
    line(c.code, i, density(c, unitPs), c.intervals.counts.length < 8 ? { symbol: "circle", symbolSize: 6 } : {}),
  );
  const svg = draw(
    id,
    {
      grid,
      legend,
      xAxis: axis("interval to the channel's next event", {
        type: "log",
        nameGap: 28,
        axisLabel: { color: ink, fontSize: 11, hideOverlap: true, formatter: (ns: number) => span(ns / 1e9) },
      }),
      yAxis: axis("probability density (1/s)", {
        type: "log",
        nameGap: 52,
        axisLabel: { color: ink, formatter: (v: number) => (v >= 1 ? tick(v) : power(v)) },
      }),
      series,
    },
    half,
  );
  const words = drawn.flatMap(({ code, deadTimePs, clockPeriodPs }) =>
    clockPeriodPs
      ? [`channel ${code} every ${span(Number(clockPeriodPs) / 1e12)}`]
      : deadTimePs
        ? [`channel ${code} from ${span(Number(deadTimePs) / 1e12)} on`]
        : [],
  );
  const found = words.length > 0 ? ` Found: ${words.join(", ")}.` : "";
  const caption = `Share of the intervals in a bin over the bin's width: flat at the rate for events at random, nothing within the dead time, above the level after it for afterpulses, a peak for a clock, teeth for pulses.${found} Logarithmic both ways.${note}`;
  return { id, title: "Intervals", svg, caption };
}

/** Points (interval in ns, share of the intervals a second). Below 32 units a bin holds single values, or none. */
function density({ intervals, events }: ChannelFigures, unitPs: number): (number | null)[][] {
  const { fromNs, toNs, counts } = intervals;
  const points: (number | null)[][] = [];
  const unitNs = unitPs / 1000;
  const values = (ns: number) => Math.ceil(ns / unitNs - 1e-6);
  fromNs.forEach((from, i) => {
    const [first, end] = [values(from), values(toNs[i]!)];
    const seconds = (Math.max(1, end - first) * unitNs) / 1e9;
    // What is between two bins with intervals has none.
    const last = toNs[i - 1];
    if (last !== undefined && from > last * 1.2) points.push([Math.sqrt(from * last), null]);
    points.push([((first + end - 1) / 2) * unitNs, counts[i]! / Math.max(1, events - 1) / seconds]);
  });
  return points;
}

export function decayPicture(id: string, channels: readonly ChannelFigures[]): Picture | undefined {
  const { drawn, note } = busiest(channels.filter(({ decay }) => decay !== undefined));
  if (drawn.length === 0) return undefined;
  const series = drawn.map(({ code, decay }, i) =>
    line(
      code,
      i,
      decay!.counts.map((n, bin) => [decay!.fromNs + (bin + 0.5) * decay!.binNs, n > 0 ? n : null]),
      { step: "middle" },
    ),
  );
  const svg = draw(
    id,
    {
      grid,
      legend,
      xAxis: axis("delay after the sync (ns)", { type: "value", nameGap: 28, scale: true }),
      yAxis: axis("events a bin", { type: "log", nameGap: 52, axisLabel: { color: ink, formatter: tick } }),
      series,
    },
    half,
  );
  const words = drawn.map(({ code, decay }) => {
    const fall = decay!.fallNs === undefined ? "" : `, down to 1/e after ${span(decay!.fallNs / 1e9)}`;
    return `channel ${code} peak at ${span(decay!.peakNs / 1e9)}${fall}`;
  });
  const caption = `${words.join("; ")}. Logarithmic scale.${note}`;
  return { id, title: "Delay after the sync (T3)", svg, caption };
}
