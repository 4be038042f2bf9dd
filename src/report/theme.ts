/**
 * Colours and the page's style. Charts are drawn once, in placeholder colours that become CSS variables afterwards, so
 * that one SVG follows light, dark and print. Series colours: Okabe and Ito's palette, told apart without colour vision.
 */

/** Placeholder in the drawing → variable on the page. */
export const ink = "#010203";
export const faint = "#010204";
export const paper = "#010205";
export const series = ["#010211", "#010212", "#010213", "#010214", "#010215", "#010216"] as const;
export const alarm = "#010221";
export const gate = "#010222";

const variables: Record<string, string> = {
  [ink]: "var(--ink)",
  [faint]: "var(--faint)",
  [paper]: "var(--paper)",
  [alarm]: "var(--alarm)",
  [gate]: "var(--gate)",
  ...Object.fromEntries(series.map((colour, i) => [colour, `var(--s${i})`])),
};

export function themed(svg: string): string {
  return svg.replace(/#0102[0-2][0-9]/g, (colour) => variables[colour] ?? colour);
}

const light = `--paper:#fff;--card:#f7f7f5;--ink:#1c1c1a;--soft:#5b5b57;--faint:#d9d9d3;--alarm:#b3261e;--good:#0f6b3e;
--gate:#0072b2;--s0:#0072b2;--s1:#c2410c;--s2:#007a5a;--s3:#a6528a;--s4:#8a6d00;--s5:#3a7ca5`;
const dark = `--paper:#15161a;--card:#1d1f24;--ink:#ecece8;--soft:#a9aaa6;--faint:#3a3c42;--alarm:#ff8a80;--good:#6fd6a1;
--gate:#56b4e9;--s0:#56b4e9;--s1:#f5903d;--s2:#2fc79b;--s3:#e08fc4;--s4:#e6c84a;--s5:#9ccbe8`;

/** Of a drawing by itself as well as of the page. */
export const palette = `:root{color-scheme:light dark;${light}}
@media (prefers-color-scheme:dark){:root{${dark}}}
@media print{:root{color-scheme:light;${light}}}`;

export const style = `
${palette}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header,footer{max-width:72rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.15rem;margin:2.5rem 0 .75rem}
h1,h2{overflow-wrap:anywhere}
.part{font-size:1.4rem;border-top:2px solid var(--faint);padding-top:1.5rem;margin-top:3.5rem}
p{margin:.25rem 0}
.soft,figcaption,footer,dt{color:var(--soft)}
.verdict{font-size:1.1rem;margin:.75rem 0 1.25rem}
.good{color:var(--good)}.bad{color:var(--alarm)}
dl.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:0}
dl.figures div{background:var(--card);border:1px solid var(--faint);border-radius:.5rem;padding:.6rem .8rem}
dt{font-size:.8rem}dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}
dl.plain{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}
dl.plain dd{font-size:1rem;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:1.25rem}
figure{margin:0;background:var(--card);border:1px solid var(--faint);border-radius:.5rem;padding:.8rem;min-width:0}
figure.wide{grid-column:1/-1}
figure h3{font-size:1rem;margin:0 0 .4rem}
figcaption{font-size:.85rem;margin-top:.4rem}
figure svg{display:block;width:100%;height:auto}
.table{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{text-align:right;padding:.35rem .6rem;border-bottom:1px solid var(--faint);white-space:nowrap}
th{color:var(--soft);font-weight:600}
td:first-child,th:first-child,.text{text-align:left}
pre{margin:.5rem 0;padding:.8rem;background:var(--card);border:1px solid var(--faint);border-radius:.5rem;overflow-x:auto}pre code{overflow-wrap:normal}
code{font:.85rem ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
footer{padding:2rem 1.25rem 3rem;font-size:.85rem}
@media print{body{font-size:11pt}figure,table,dl.figures div{break-inside:avoid}h2{break-after:avoid}.charts{grid-template-columns:1fr 1fr}}
`;
