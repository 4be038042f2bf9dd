/** What every page has: no script, no request, the one style; figures with their words beneath. */
import type { Picture } from "./charts.js";
import { html } from "./format.js";
import { style } from "./theme.js";

/** @param body header, main and footer, escaped */
export function shell(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<title>${html(title)} · qkd-distill</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

export function charts(drawn: readonly Picture[]): string {
  const figure = ({ id, title, svg, caption, wide }: Picture) =>
    `<figure id="${id}"${wide ? ' class="wide"' : ""} aria-labelledby="${id}-title">
<h3 id="${id}-title">${html(title)}</h3>
${svg}
<figcaption>${html(caption)}</figcaption>
</figure>`;
  return `<div class="charts">
${drawn.map(figure).join("\n")}
</div>`;
}

export function section(title: string, body: string): string {
  return body ? `<section><h2>${title}</h2>\n${body}</section>` : "";
}

/** Name and value, as cards; what is undefined is left out. */
export function cards(rows: readonly (readonly [name: string, value: string | undefined])[]): string {
  const shown = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`<div><dt>${html(name)}</dt><dd>${html(value)}</dd></div>`],
  );
  return `<dl class="figures">${shown.join("")}</dl>`;
}
