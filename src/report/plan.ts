/** The plot of `plan`: secret bits a second against loss, a line for each block size and ε. */
import type { Plan } from "../simulate/plan.js";
import { axis, draw, legend } from "./chart.js";
import { html, power, short, tick, whole } from "./format.js";
import { shell } from "./shell.js";
import { ink, series, style } from "./theme.js";

const size = { width: 1120, height: 520 };
const strokes = ["solid", "dashed", "dotted"];

function drawPlan(plan: Plan): string {
  const blocks = [...new Set(plan.rows.map((r) => r.block))];
  const epsilons = [...new Set(plan.rows.map((r) => r.epsilon))];
  const lines = epsilons.flatMap((epsilon, e) =>
    blocks.map((block, b) => ({
      name: `${blockName(plan, block)}, ε ${power(epsilon)}`,
      type: "line",
      symbol: "none",
      itemStyle: { color: series[b % series.length] },
      lineStyle: { color: series[b % series.length], type: strokes[e % strokes.length], width: 2 },
      data: plan.rows
        .filter((r) => r.block === block && r.epsilon === epsilon && r.secretBits > 0)
        .map((r) => [r.lossDb, r.secretBitsPerSecond]),
    })),
  );
  const losses = plan.rows.map((r) => r.lossDb);
  return draw(
    "plan",
    {
      legend: { ...legend, left: 70, right: 20, itemWidth: 28 },
      grid: { left: 80, right: 24, top: 30 + 22 * Math.ceil(lines.length / 5), bottom: 52 },
      xAxis: axis(plan.protocol === "bbm92" ? "loss of each arm (dB)" : "loss (dB)", {
        type: "value",
        nameGap: 30,
        min: Math.min(...losses),
        max: Math.max(...losses),
      }),
      yAxis: axis("secret bits a second", {
        type: "log",
        nameGap: 56,
        axisLabel: { color: ink, formatter: (v: number) => (v < 1 ? power(v) : tick(v)) },
      }),
      series: lines,
    },
    size,
  );
}

/** A standalone drawing in dark ink on white. */
export function planSvg(plan: Plan): string {
  const colours = /:root\{color-scheme:light dark;([\s\S]*?)\}/.exec(style)![1]!;
  const svg = drawPlan(plan).replace("<svg ", `<svg width="${size.width}" height="${size.height}" `);
  return `${svg.replace(/>/, `><style>svg{${colours};background:#fff}</style>`)}\n`;
}

export function planPage(plan: Plan): string {
  const cells = plan.rows
    .filter((r) => r.secretBits > 0)
    .map((r) => {
      const numbers = [
        blockName(plan, r.block),
        power(r.epsilon),
        String(r.lossDb),
        whole(r.secretBits),
        short(r.secretBitsPerSecond),
        `${(100 * r.qber).toFixed(2)} %`,
        `${(100 * r.phaseError).toFixed(2)} %`,
      ];
      return `<tr>${numbers.map((n) => `<td>${html(n)}</td>`).join("")}</tr>`;
    });
  const head = ["Block", "ε", "Loss (dB)", "Secret bits of a block", "Bits a second", "QBER", "Phase error ≤"];
  return shell(
    `Plan of ${plan.link}`,
    `<header><h1>Plan of ${html(plan.link)}</h1>
<p class="soft">${html(plan.protocol)} · proof ${html(plan.proof)} · leakage modelled as ${plan.efficiency}·n·h(q), expected counts</p></header>
<main><figure class="wide"><h2>Secret bits a second by loss</h2>
${drawPlan(plan)}
<figcaption>A line ends where the finite-key bound leaves no key. Colour: block size; stroke: ε. Logarithmic scale.</figcaption></figure>
<h2>Table</h2><div class="table" tabindex="0" role="region" aria-label="Secret bits by block, epsilon and loss"><table><thead><tr>${head.map((h) => `<th scope="col">${h}</th>`).join("")}</tr></thead><tbody>
${cells.join("\n")}
</tbody></table></div></main>`,
  );
}

function blockName(plan: Plan, block: number): string {
  return plan.blockUnit === "pulses" ? `${short(block)} pulses` : `${whole(block)} s`;
}
