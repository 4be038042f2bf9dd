/** The pictures of a run: each takes its part of the model and answers title, SVG, and the words that say the same. */
import { entropy } from "../security/index.js";
import type { ClockReport } from "../timing/types.js";
import { axis, draw, full, grid, half, legend } from "./chart.js";
import { percent, power, short, tick, whole } from "./format.js";
import { leastEfficiency } from "./limit.js";
import type { ReportBlock, ReportEpsilon, ReportModel, ReportRate, ReportTiming } from "./model.js";
import { alarm, faint, gate, ink, series } from "./theme.js";

export interface Picture {
  readonly id: string;
  readonly title: string;
  readonly svg: string;
  readonly caption: string;
  readonly wide?: boolean;
}

export function waterfallPicture(steps: NonNullable<ReportModel["waterfall"]>): Picture {
  const last = steps.at(-1)!;
  const first = steps[0]!;
  const svg = draw(
    "waterfall",
    {
      grid: { left: 190, right: 150, top: 8, bottom: 28 },
      xAxis: axis("", { type: "value", axisLabel: { color: ink, formatter: tick } }),
      yAxis: axis("", {
        type: "category",
        inverse: true,
        data: steps.map((s) => s.step),
        axisLabel: { color: ink, fontSize: 12, interval: 0, width: 175, overflow: "truncate" },
        splitLine: { show: false },
      }),
      series: [
        {
          type: "bar",
          stack: "a",
          barCategoryGap: "25%",
          data: steps.map((s, i) => ({
            value: s.left,
            itemStyle: { color: i === steps.length - 1 ? series[2] : series[0] },
          })),
        },
        {
          type: "bar",
          stack: "a",
          itemStyle: { color: faint },
          data: steps.map((s, i) => (i === 0 ? 0 : Math.max(0, steps[i - 1]!.left - s.left))),
          label: {
            show: true,
            position: "right",
            color: ink,
            fontSize: 12,
            formatter: ({ dataIndex }: { dataIndex: number }) => {
              const { left } = steps[dataIndex]!;
              if (dataIndex === 0 || !(steps[dataIndex - 1]!.left > 0)) return whole(left);
              return `${whole(left)}  (${percent(left / steps[dataIndex - 1]!.left, 1)})`;
            },
          },
        },
      ],
    },
    { width: full.width, height: 60 + 34 * steps.length },
  );
  const words = steps.map((s) => `${s.step}: ${whole(s.left)}${s.note ? ` (${s.note})` : ""}`).join("; ");
  const kept = first.left > 0 ? ` ${percent(last.left / first.left)} of ${first.step.toLowerCase()} end as key.` : "";
  const caption = `What is left after each step, and in brackets its share of the step before; grey is what the step took.${kept} ${words}.`;
  return { id: "waterfall", title: "Where the bits went", svg, caption, wide: true };
}

export function ratePicture(rates: readonly ReportRate[]): Picture {
  const line = (name: string, pick: (r: ReportRate) => number | undefined) => ({
    name,
    type: "line",
    showSymbol: rates.length < 30,
    symbolSize: 5,
    data: rates.flatMap((r) => ((pick(r) ?? 0) > 0 ? [[r.seconds, pick(r)]] : [])),
  });
  const svg = draw(
    "rate",
    {
      grid,
      legend,
      xAxis: axis("time (s)", { type: "value", nameGap: 28, scale: true }),
      yAxis: axis("events a second", { type: "log", nameGap: 52, axisLabel: { color: ink, formatter: tick } }),
      series: [line("detections", (r) => r.detections), line("sifted bits", (r) => r.sifted)],
    },
    half,
  );
  const mean = rates.reduce((sum, r) => sum + r.detections, 0) / rates.length;
  const [least, most] = [Math.min(...rates.map((r) => r.detections)), Math.max(...rates.map((r) => r.detections))];
  const caption = `Detections a second: mean ${short(mean)}, from ${short(least)} to ${short(most)}. Logarithmic scale.`;
  return { id: "rate", title: "Rate over time", svg, caption };
}

export function qberPicture(blocks: readonly ReportBlock[], limit?: number): Picture {
  const rate = (errors?: number, bits?: number) => (bits ? (100 * (errors ?? 0)) / bits : null);
  const points = (name: string, values: (number | null)[], symbol: string) => ({
    name,
    type: "line",
    symbol,
    symbolSize: 9,
    showSymbol: blocks.length < 60,
    data: values.map((value, i) => [blocks[i]!.index, value]),
  });
  const key = blocks.map((b) => rate(b.errors, b.keyBits));
  const test = blocks.map((b) => rate(b.testErrors, b.testBits));
  const phase = blocks.map((b) => (b.phaseError === undefined ? null : 100 * b.phaseError));
  const shown = [
    points("key basis", key, "circle"),
    ...(test.some((v) => v !== null) ? [points("test basis", test, "diamond")] : []),
    ...(phase.some((v) => v !== null) ? [points("phase error bound", phase, "triangle")] : []),
  ];
  const drawnLimit =
    limit === undefined
      ? []
      : [
          {
            type: "line",
            data: [],
            markLine: {
              silent: true,
              symbol: "none",
              lineStyle: { color: alarm, type: "dashed" },
              label: { color: alarm, formatter: `limit ${percent(limit, 0)}`, position: "insideEndTop" },
              data: [{ yAxis: 100 * limit }],
            },
          },
        ];
  const indices = blocks.map((b) => b.index);
  const svg = draw(
    "qber",
    {
      grid,
      legend,
      xAxis: axis("block", {
        type: "value",
        nameGap: 28,
        min: Math.min(...indices) - 0.5,
        max: Math.max(...indices) + 0.5,
        minInterval: 1,
        axisLabel: { color: ink, formatter: (v: number) => (Number.isInteger(v) ? String(v) : "") },
      }),
      yAxis: axis("errors (%)", {
        type: "value",
        nameGap: 44,
        min: 0,
        max: ({ max }: { max: number }) => niceCeiling(Math.max(max, limit === undefined ? 1 : 105 * limit)),
      }),
      series: [...shown, ...drawnLimit],
    },
    half,
  );
  const known = key.filter((v): v is number => v !== null);
  const range = known.length > 0 ? `${Math.min(...known).toFixed(2)} to ${Math.max(...known).toFixed(2)} %` : "none";
  const caption = `Key-basis errors counted after reconciliation: ${range}. The phase error bound is what the key length uses.`;
  return { id: "qber", title: "QBER of each block", svg, caption };
}

function niceCeiling(value: number): number {
  const step = value > 20 ? 10 : value > 5 ? 2 : 0.5;
  return Math.ceil(value / step) * step;
}

export function timingPicture(timing: ReportTiming): Picture {
  const symbols = ["solid", "dashed", "dotted", "solid", "dashed", "dotted"];
  const { gateCentrePs: centre, gateHalfWidthPs: width } = timing;
  const svg = draw(
    "timing",
    {
      grid,
      legend,
      xAxis: axis("time against the expected one, delays taken out (ps)", { type: "value", nameGap: 28, scale: true }),
      yAxis: axis("clicks a bin", {
        type: "log",
        min: 1,
        nameGap: 52,
        axisLabel: { color: ink, formatter: tick },
      }),
      series: timing.histograms.map((h, i) => ({
        name: h.detector,
        type: "line",
        step: "middle",
        symbol: "none",
        lineStyle: { width: 1.5, type: symbols[i % symbols.length] },
        data: h.counts.map((count, bin) => [h.startPs + (bin + 0.5) * h.binPs, Math.max(1, count)]),
        ...(i === 0 ? gateMark(centre - width, centre + width) : {}),
      })),
    },
    { width: full.width, height: 320 },
  );
  const inside = timing.histograms.map((h) => {
    const total = h.counts.reduce((sum, n) => sum + n, 0);
    const gated = h.counts.reduce((sum, n, bin) => {
      const at = h.startPs + (bin + 0.5) * h.binPs;
      return Math.abs(at - centre) <= width ? sum + n : sum;
    }, 0);
    const delay = h.delayPs === undefined ? "" : `, delay ${h.delayPs.toFixed(0)} ps`;
    return `${h.detector} ${total > 0 ? percent(gated / total, 1) : "no clicks"}${delay}`;
  });
  const background =
    timing.backgroundPerBin === undefined ? "" : ` Background ${timing.backgroundPerBin.toFixed(1)} clicks a bin.`;
  const accidentals = timing.accidentals === undefined ? "" : ` Accidentals ${whole(timing.accidentals)}.`;
  const caption = `The shaded gate is ${whole(2 * width)} ps wide. Share of the shown clicks inside it: ${inside.join("; ")}.${background}${accidentals} Logarithmic scale; an empty bin is drawn at 1.`;
  return { id: "timing", title: "Arrival times and the gate", svg, caption, wide: true };
}

function gateMark(from: number, to: number): Record<string, unknown> {
  return {
    markArea: {
      silent: true,
      itemStyle: { color: gate, opacity: 0.14 },
      label: { show: true, color: ink, fontSize: 11, position: "insideTopLeft", formatter: "gate" },
      data: [[{ xAxis: from }, { xAxis: to }]],
    },
    markLine: {
      silent: true,
      symbol: "none",
      label: { show: false },
      lineStyle: { color: gate, type: "solid", width: 1.5 },
      data: [{ xAxis: from }, { xAxis: to }],
    },
  };
}

export function offsetPicture(track: NonNullable<ClockReport["track"]>, clock: ClockReport): Picture {
  const { gaps = [] } = clock;
  const starts = new Set(gaps.map(({ toSeconds }) => toSeconds));
  const [least, most] = [Math.min(...track.map((p) => p.residualPs)), Math.max(...track.map((p) => p.residualPs))];
  const scale = offsetScale(Math.max(Math.abs(least), Math.abs(most)));
  const svg = draw(
    "offset",
    {
      grid,
      xAxis: axis("time after the reference (s)", { type: "value", nameGap: 28, scale: true }),
      yAxis: axis(`residual offset (${scale.unit})`, { type: "value", nameGap: 52, scale: true }),
      series: [
        {
          type: "line",
          showSymbol: track.length < 40,
          data: track.flatMap((p) => [
            ...(starts.has(p.seconds) ? [[p.seconds, null]] : []),
            [p.seconds, p.residualPs / scale.ps],
          ]),
          markArea: {
            silent: true,
            itemStyle: { color: faint, opacity: 0.5 },
            data: gaps.map(({ fromSeconds, toSeconds }) => [{ xAxis: fromSeconds }, { xAxis: toSeconds }]),
          },
        },
      ],
    },
    half,
  );
  const shown = gaps
    .slice(0, 8)
    .map(({ fromSeconds, toSeconds }) => `${fromSeconds.toFixed(2)} to ${toSeconds.toFixed(2)} s`);
  const more = gaps.length > shown.length ? ` and ${gaps.length - shown.length} more` : "";
  const told = gaps.length > 0 ? ` Grey, nothing seen for long: ${shown.join(", ")}${more}.` : " No gap.";
  const caption = `What the tracking follows beyond the mean offset of ${clock.offsetPs} ps and drift of ${clock.driftPpb.toFixed(3)} ppb: ${(least / scale.ps).toFixed(scale.digits)} to ${(most / scale.ps).toFixed(scale.digits)} ${scale.unit}.${told}`;
  return { id: "offset", title: "Offset track", svg, caption };
}

/** A wander is picoseconds, a pass overhead microseconds. */
function offsetScale(largestPs: number): { unit: string; ps: number; digits: number } {
  if (largestPs < 20_000) return { unit: "ps", ps: 1, digits: 0 };
  return largestPs < 20_000_000 ? { unit: "ns", ps: 1000, digits: 1 } : { unit: "µs", ps: 1e6, digits: 1 };
}

export function efficiencyPicture(blocks: readonly ReportBlock[]): Picture | undefined {
  const points = blocks.flatMap((b) => {
    if (b.efficiency === undefined || !(b.errors > 0) || !(b.keyBits > 0)) return [];
    return [{ q: b.errors / b.keyBits, f: b.efficiency, n: b.frameBits ?? b.keyBits }];
  });
  if (points.length === 0) return undefined;
  const n = Math.max(...points.map((p) => p.n));
  const last = Math.min(0.12, Math.max(0.03, 1.5 * Math.max(...points.map((p) => p.q))));
  const at = Array.from({ length: 60 }, (_, i) => 0.003 + ((last - 0.003) * i) / 59);
  const top = Math.max(1.3, Math.ceil(10 * Math.max(...points.map((p) => p.f)) + 0.5) / 10);
  const curve = (name: string, type: string, f: (q: number) => number) => ({
    name,
    type: "line",
    symbol: "none",
    lineStyle: { type, width: 1.5 },
    data: at.map((q) => [100 * q, f(q)]),
  });
  const svg = draw(
    "efficiency",
    {
      grid,
      legend,
      xAxis: axis("QBER (%)", { type: "value", nameGap: 28, min: 0, max: Math.ceil(100 * last) }),
      yAxis: axis("f = leak / (n·h(q))", { type: "value", nameGap: 44, min: 0.95, max: top }),
      series: [
        { name: "blocks", type: "scatter", symbolSize: 11, data: points.map((p) => [100 * p.q, p.f]) },
        curve("no code below, frame error 10⁻²", "dashed", (q) => leastEfficiency(q, n, 0.01)),
        curve("Shannon", "dotted", () => 1),
      ],
    },
    half,
  );
  const mean = points.reduce((sum, p) => sum + p.f, 0) / points.length;
  const limits = points.reduce((sum, p) => sum + leastEfficiency(p.q, p.n, 0.01), 0) / points.length;
  const caption = `Mean f ${mean.toFixed(3)}; a frame of ${whole(n)} bits cannot be below ${limits.toFixed(3)} at frame error 10⁻² (normal approximation). Everything disclosed is in f, tags and start-up samples included.`;
  return { id: "efficiency", title: "Reconciliation efficiency", svg, caption };
}

export function epsilonPicture(epsilon: ReportEpsilon): Picture | undefined {
  const split = epsilon.split ?? [];
  if (split.length === 0) return undefined;
  const svg = draw(
    "epsilon",
    {
      grid: { left: 190, right: 80, top: 8, bottom: 28 },
      xAxis: axis("", { type: "value", splitNumber: 4, axisLabel: { color: ink, formatter: (v: number) => power(v) } }),
      yAxis: axis("", {
        type: "category",
        inverse: true,
        data: split.map((s) => s.name),
        axisLabel: { color: ink, fontSize: 12, interval: 0, width: 175, overflow: "truncate" },
        splitLine: { show: false },
      }),
      series: [
        {
          type: "bar",
          itemStyle: { color: series[3] },
          data: split.map((s) => s.value),
          label: {
            show: true,
            position: "right",
            color: ink,
            formatter: ({ value }: { value: number }) => power(value),
          },
        },
      ],
    },
    { width: full.width, height: 50 + 30 * split.length },
  );
  const caption = `How the secrecy ε of a block, ${power(epsilon.secrecy)}, is spent by the proof (${epsilon.proof}).`;
  return { id: "epsilon", title: "ε budget of a block", svg, caption, wide: true };
}

/** Bits that Shannon asks for; for the caption of the blocks table. */
export function shannonBits(block: ReportBlock): number {
  return block.keyBits > 0 ? block.keyBits * entropy(block.errors / block.keyBits) : 0;
}
