/** ECharts on the server side: an option in, one SVG out, no script on the page. */
import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { faint, ink, series, themed } from "./theme.js";

use([
  BarChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  SVGRenderer,
]);

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The text of the SVG, sized by its container; `id` keeps the names inside apart from other drawings'. */
export function draw(id: string, option: EChartsCoreOption, { width, height }: Size): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: "transparent",
      color: [...series],
      textStyle: { fontFamily: "system-ui, sans-serif", color: ink, fontSize: 12 },
      ...option,
    });
    const svg = chart
      .renderToSVGString()
      // hover styles and the marks for a script that the page does not have
      .replace(/<style >[\s\S]*?<\/style>/g, "")
      .replace(/ (class|ecmeta_\w+)="[^"]*"/g, "")
      // names count the drawings of this process; the page must not depend on that
      .replace(/\bzr\d+-/g, `${id}-`)
      // the figure carries the words for screen readers
      .replace(/^<svg width="\d+" height="\d+"/, '<svg aria-hidden="true" focusable="false"');
    return themed(svg);
  } finally {
    chart.dispose();
  }
}

export const half: Size = { width: 560, height: 300 };
export const full: Size = { width: 1120, height: 320 };

export function axis(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    nameLocation: "middle",
    nameTextStyle: { color: ink, fontSize: 12 },
    axisLabel: { color: ink, fontSize: 11, hideOverlap: true },
    axisLine: { show: true, onZero: false, lineStyle: { color: ink } },
    axisTick: { show: true, lineStyle: { color: ink } },
    splitLine: { lineStyle: { color: faint } },
    ...more,
  };
}

export const grid = { left: 70, right: 24, top: 36, bottom: 48 };
export const legend = {
  top: 0,
  right: 8,
  textStyle: { color: ink, fontSize: 12 },
  itemWidth: 22,
  itemHeight: 8,
  itemGap: 16,
};
