/** The study's figures from its data; each an SVG by itself that follows light and dark. */
import type { CatalogueCode } from "../../codes/catalogue.js";
import { axis, draw, legend } from "../../report/chart.js";
import { tick } from "../../report/format.js";
import { leastEfficiency } from "../../report/limit.js";
import { alarm, faint, ink, palette, series } from "../../report/theme.js";
import type { Measured } from "./measure.js";
import type { Published } from "./published.js";

const size = { width: 900, height: 480 };
const grid = { left: 80, right: 30, top: 70, bottom: 56 };
const wideLegend = { ...legend, top: 10, left: 60, right: 8, padding: 0 };
const percents = [0.6, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14];
const frame = 2 ** 18;
const frameErrorRate = 0.01;

/** Frame error rate by QBER: one line a code, the lengths apart by colour; thresholds of the degrees as marks. */
export function frameErrorFigure(codes: readonly CatalogueCode[], lengths: readonly number[]): string {
  const lines = lengths.flatMap((length, i) =>
    codes
      .filter(({ n }) => n === length)
      .map(({ curve }) => ({
        name: `${length.toLocaleString("en")} bits`,
        type: "line",
        symbolSize: 4,
        color: series[i],
        lineStyle: { width: 1.5 },
        // a point without failures is no rate
        data: curve.filter(({ failures }) => failures > 0).map((p) => [100 * p.qber, p.failures / p.frames]),
      })),
  );
  const thresholds = {
    name: "threshold by density evolution",
    type: "scatter",
    symbol: "triangle",
    symbolSize: 9,
    color: alarm,
    data: codes.filter(({ n }) => n === lengths[0]).map(({ threshold }) => [100 * threshold, 1]),
  };
  return standalone(
    "Frame error rate by QBER for the codes of the catalogue",
    draw(
      "frame-errors",
      {
        grid,
        legend: wideLegend,
        xAxis: axis("QBER (%)", {
          type: "log",
          nameGap: 30,
          min: 0.6,
          max: 14,
          axisLabel: { color: ink, fontSize: 11, customValues: percents },
          axisTick: { show: true, customValues: percents, lineStyle: { color: ink } },
        }),
        yAxis: axis("frame error rate, one attempt", { type: "log", nameGap: 56, min: 1e-4, max: 1 }),
        series: [...lines, thresholds],
      },
      size,
    ),
  );
}

/** f by QBER: what was measured, what no code can be below, and what others have published. */
export function efficiencyFigure(measured: readonly Measured[], published: readonly Published[]): string {
  const rates = [...new Set(measured.map(({ qber }) => qber))].sort((a, b) => a - b);
  const [first, last] = [rates[0]!, rates.at(-1)!];
  const at = Array.from({ length: 80 }, (_, i) => first * (last / first) ** (i / 79));
  const others = published.flatMap(({ name, efficiency }) =>
    efficiency ? [...new Set(efficiency)].map((f) => ({ name, f })) : [],
  );
  return standalone(
    "Reconciliation efficiency by QBER",
    draw(
      "efficiency",
      {
        grid,
        legend: wideLegend,
        xAxis: axis("QBER (%)", { type: "value", nameGap: 30, min: 0, max: 100 * last }),
        yAxis: axis("f = leak / (n·h(QBER))", { type: "value", nameGap: 52, min: 0.98 }),
        series: [
          ...waysOf(measured).map(({ name, rows }, i) => ({
            name,
            type: "line",
            symbolSize: 7,
            color: series[i],
            data: rows.map((row) => [100 * row.qber, row.efficiency]),
          })),
          line("no code below: 256 k bits, frame error 10⁻²", "dashed", series[3], at, (q) =>
            leastEfficiency(q, frame, frameErrorRate),
          ),
          line("Shannon", "solid", ink, at, () => 1),
          ...others.map(({ name, f }) =>
            line(`${name} (published)`, "dotted", series[name === others[0]!.name ? 4 : 5], at, () => f),
          ),
        ],
      },
      size,
    ),
  );
}

/** Speed by f: each point one error rate on this machine, rectangles of corners where others give ranges. */
export function speedFigure(measured: readonly Measured[], published: readonly Published[]): string {
  const both = published.filter(({ efficiency, mbitPerSecond }) => efficiency && mbitPerSecond);
  const speedOnly = published.filter(({ efficiency, mbitPerSecond }) => !efficiency && mbitPerSecond);
  return standalone(
    "Reconciled Mbit/s by efficiency",
    draw(
      "speed",
      {
        grid,
        legend: wideLegend,
        xAxis: axis("f = leak / (n·h(QBER))", { type: "value", nameGap: 30, min: 1, max: 1.3 }),
        yAxis: axis("Mbit/s, one worker, both ends' work", {
          type: "log",
          nameGap: 52,
          min: 0.1,
          max: 1000,
          axisLabel: { color: ink, formatter: tick },
        }),
        series: [
          ...waysOf(measured).map(({ name, rows }, i) => ({
            name,
            type: "line",
            symbolSize: 8,
            color: series[i],
            lineStyle: { width: 1, color: faint },
            label: {
              show: true,
              position: "top",
              color: ink,
              fontSize: 10,
              formatter: ({ dataIndex }: { dataIndex: number }) =>
                `${Number((100 * rows[dataIndex]!.qber).toPrecision(3))} %`,
            },
            data: rows.map((row) => [row.efficiency, row.mbitPerSecond]),
          })),
          ...both.map(({ name, efficiency, mbitPerSecond }, i) => ({
            name: `${name} (published)`,
            type: "line",
            symbol: "diamond",
            symbolSize: 10,
            color: series[4 + i],
            data: [
              [efficiency![0], mbitPerSecond![0]],
              [efficiency![1], mbitPerSecond![1]],
            ],
          })),
          ...speedOnly.map(({ name, mbitPerSecond }) => ({
            name: `${name} (published, f not given)`,
            type: "line",
            symbol: "none",
            color: series[3],
            lineStyle: { type: "dotted" },
            data: [1, 1.3].map((f) => [f, mbitPerSecond![1]]),
          })),
        ],
      },
      size,
    ),
  );
}

function waysOf(measured: readonly Measured[]): { name: string; rows: Measured[] }[] {
  const names = [...new Set(measured.map(nameOf))];
  return names.map((name) => ({ name, rows: measured.filter((row) => nameOf(row) === name) }));
}

function nameOf({ method, mode }: Measured): string {
  return method === "ldpc" ? `LDPC, ${mode}` : "Cascade";
}

function line(name: string, type: string, color: string | undefined, at: readonly number[], f: (q: number) => number) {
  return {
    name,
    type: "line",
    symbol: "none",
    color,
    lineStyle: { type, width: 1.5 },
    data: at.map((q) => [100 * q, f(q)]),
  };
}

/** A drawing for a page of its own: colours, background, and words for screen readers. */
function standalone(title: string, svg: string): string {
  const { width, height } = size;
  const opening = `<svg width="${width}" height="${height}" role="img"`;
  return svg
    .replace(/^<svg aria-hidden="true" focusable="false"/, opening)
    .replace(
      />/,
      `>\n<title>${title}</title>\n<style>${palette}</style>\n<rect width="100%" height="100%" fill="var(--paper)"/>`,
    );
}
