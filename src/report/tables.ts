/** The tables of the page. */
import { shannonBits } from "./charts.js";
import { html, percent, power, short, whole } from "./format.js";
import type { GateReport } from "./gates.js";
import type { ReportAlarm, ReportBlock, ReportEpsilon, ReportModel, ReportSoftware } from "./model.js";

export type Cell = string | number | undefined;

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => Cell;
  readonly text?: boolean;
}

export function table<T>(rows: readonly T[], columns: readonly Column<T>[], caption: string): string {
  const used = columns.filter(({ cell }) => rows.some((row) => cell(row) !== undefined));
  const className = (column: Column<T>) => (column.text ? ' class="text"' : "");
  const head = used.map((c) => `<th scope="col"${className(c)}>${html(c.title)}</th>`).join("");
  const body = rows
    .map((row) => `<tr>${used.map((c) => `<td${className(c)}>${html(String(c.cell(row) ?? "–"))}</td>`).join("")}</tr>`)
    .join("\n");
  return `<div class="table" tabindex="0" role="region" aria-label="${html(caption)}"><table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

const count = (n: number | undefined): Cell => (n === undefined ? undefined : whole(n));

export function blocksTable(blocks: readonly ReportBlock[]): string {
  const note =
    '<p class="soft">f is everything disclosed over Shannon\'s limit n·h(errors/n). A block without key names its reason.</p>';
  return (
    table(
      blocks,
      [
        { title: "Block", cell: (b) => b.index },
        { title: "Key-basis bits", cell: (b) => whole(b.keyBits) },
        { title: "Errors", cell: (b) => whole(b.errors) },
        { title: "QBER", cell: (b) => (b.keyBits > 0 ? percent(b.errors / b.keyBits) : undefined) },
        { title: "Test bits", cell: (b) => count(b.testBits) },
        { title: "Test errors", cell: (b) => count(b.testErrors) },
        { title: "Phase error ≤", cell: (b) => (b.phaseError === undefined ? undefined : percent(b.phaseError)) },
        { title: "Leaked bits", cell: (b) => whole(b.leakedBits) },
        { title: "Shannon", cell: (b) => whole(shannonBits(b)) },
        { title: "f", cell: (b) => b.efficiency?.toFixed(3) },
        {
          title: "Frames failed",
          cell: (b) => (b.frames === undefined ? undefined : `${b.framesFailed ?? 0} of ${whole(b.frames)}`),
        },
        { title: "Secret bits", cell: (b) => whole(b.secretBits) },
        { title: "Accounting", cell: (b) => b.accounting, text: true },
        { title: "Method", cell: (b) => b.method, text: true },
        { title: "Reason", cell: (b) => b.reason, text: true },
      ],
      "Blocks of the run",
    ) + note
  );
}

/** What `auto` chose, and what it expected of everything it considered. */
export function methodsTable(blocks: readonly ReportBlock[]): string {
  const chosen = blocks.flatMap(({ index, auto }) => (auto ? [{ index, ...auto }] : []));
  if (chosen.length === 0) return "";
  const names = [...new Set(chosen.flatMap(({ expected }) => Object.keys(expected)))].sort();
  return table(
    chosen,
    [
      { title: "Block", cell: (c) => c.index },
      { title: "Chosen", cell: (c) => c.chosen, text: true },
      {
        title: "Round trip",
        cell: (c) => (c.roundTripSeconds === undefined ? undefined : `${(c.roundTripSeconds * 1000).toFixed(1)} ms`),
      },
      ...names.map((name) => ({
        title: `${name}, secret bits a second`,
        cell: (c: (typeof chosen)[number]) => (c.expected[name] === undefined ? undefined : short(c.expected[name])),
      })),
      { title: "Why", cell: (c) => c.why, text: true },
    ],
    "Method of reconciliation that auto chose, and what it expected of each",
  );
}

export function ledgerTable(entries: NonNullable<ReportModel["ledger"]>): string {
  const total = entries.reduce((sum, e) => sum + e.bits, 0);
  return table(
    [...entries, { reason: "total", bits: total }],
    [
      { title: "Disclosed for", cell: (e) => e.reason, text: true },
      { title: "Bits", cell: (e) => whole(e.bits) },
      { title: "Share", cell: (e) => (total > 0 ? percent(e.bits / total, 1) : undefined) },
    ],
    "Bits disclosed, by reason",
  );
}

export function alarmsTable(alarms: readonly ReportAlarm[]): string {
  const number = (value: number | string | undefined): Cell =>
    typeof value === "number" ? String(Number(value.toPrecision(4))) : value;
  return table(
    alarms,
    [
      { title: "Alarm", cell: (a) => a.name, text: true },
      { title: "Block", cell: (a) => a.block },
      { title: "Value", cell: (a) => number(a.value) },
      { title: "Limit", cell: (a) => number(a.limit) },
      { title: "State", cell: (a) => (a.raised ? "RAISED: the block gives no key" : "ok"), text: true },
    ],
    "Alarms",
  );
}

export function gateTable({ halfWidthPs, chosenBy, widths }: GateReport): string {
  const note = `<p class="soft">Chosen by the ${chosenBy}. Of other widths clicks are counted; sifted bits and QBER are what is expected of them.</p>`;
  return (
    table(
      widths,
      [
        { title: "Gate", cell: (w) => `± ${whole(w.halfWidthPs)} ps`, text: true },
        { title: "", cell: (w) => (w.halfWidthPs === halfWidthPs ? "chosen" : ""), text: true },
        { title: "Clicks inside", cell: (w) => whole(w.clicks) },
        { title: "Of them background", cell: (w) => whole(w.background) },
        { title: "Sifted bits", cell: (w) => whole(w.siftedBits) },
        { title: "QBER", cell: (w) => (w.qber === null ? undefined : percent(w.qber)) },
      ],
      "The gate and others",
    ) + note
  );
}

export function stagesTable(stages: Readonly<Record<string, number>>): string {
  const rows = Object.entries(stages);
  const total = rows.reduce((sum, [, seconds]) => sum + seconds, 0);
  return table(
    rows,
    [
      { title: "Stage", cell: ([name]) => name, text: true },
      { title: "Seconds", cell: ([, seconds]) => seconds.toFixed(3) },
      { title: "Share", cell: ([, seconds]) => (total > 0 ? percent(seconds / total, 1) : undefined) },
    ],
    "Time of each stage",
  );
}

export function filesTable(files: NonNullable<ReportModel["files"]>): string {
  return table(
    files,
    [
      { title: "End", cell: (f) => f.end, text: true },
      { title: "Format", cell: (f) => f.format, text: true },
      { title: "File", cell: (f) => f.path, text: true },
    ],
    "Dumps read",
  );
}

function definitions(rows: readonly [string, string | undefined][]): string {
  const shown = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return `<dl class="plain">${shown.map(([name, value]) => `<dt>${html(name)}</dt><dd>${html(value)}</dd>`).join("")}</dl>`;
}

export function epsilonList(epsilon: ReportEpsilon): string {
  const { secrecy, correctness, authentication = 0, blocks } = epsilon;
  const assumptions = epsilon.assumptions ?? [];
  return (
    definitions([
      ["Proof", epsilon.proof],
      ["Accounting of leakage", epsilon.accounting],
      ["Secrecy ε of a block", power(secrecy)],
      ["Correctness ε of a block", power(correctness)],
      ["Authentication ε of a block", authentication > 0 ? power(authentication) : undefined],
      ["Blocks that made key", whole(blocks)],
      ["ε of all of them together", power(blocks * (secrecy + correctness + authentication))],
    ]) +
    (assumptions.length > 0
      ? `<p class="soft">The proof assumes:</p><ul>${assumptions.map((a) => `<li>${html(a)}</li>`).join("")}</ul>`
      : "")
  );
}

export function softwareList(software: ReportSoftware): string {
  return definitions([
    ["qkd-distill", software.version],
    ["WASM SHA-256", software.wasmSha256],
    ["Link description SHA-256", software.linkSha256],
    ["Node", software.node],
    ["Platform", software.platform],
    ["Workers", software.workers === undefined ? undefined : String(software.workers)],
  ]);
}
