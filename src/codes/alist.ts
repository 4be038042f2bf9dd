/**
 * MacKay's alist text: n m | largest degrees | column degrees | row degrees | a line per column | a line per row, entries
 * from 1, zeros as padding (Davey and MacKay, "alist format").
 */
import { QkdError } from "../errors.js";
import type { LdpcCode } from "./code.js";

/** @throws QkdError CODE_ALIST_INVALID naming the line */
export function parseAlist(text: string): LdpcCode {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const fail = (line: number, why: string) =>
    new QkdError("CODE_ALIST_INVALID", `alist, line ${line + 1}: ${why}.`, { line: line + 1 });
  const numbers = (line: number): number[] => {
    const values = (lines[line] ?? "").split(/\s+/).filter(Boolean).map(Number);
    if (values.some((value) => !Number.isSafeInteger(value) || value < 0))
      throw fail(line, "a whole number ≥ 0 is expected");
    return values;
  };
  const sized = (line: number, size: number): number[] => {
    const values = numbers(line);
    if (values.length !== size) throw fail(line, `${size} numbers are expected, ${values.length} found`);
    return values;
  };
  const [n, m] = sized(0, 2) as [number, number];
  if (n < 1 || m < 1 || m > n * 64) throw fail(0, "the size is impossible");
  sized(1, 2);
  if (lines.length < 4 + n) throw fail(lines.length - 1, "the text ends too early");
  const columnDegrees = sized(2, n);
  const rowDegrees = sized(3, m);
  const rows: number[][] = Array.from({ length: m }, () => []);
  for (let column = 0; column < n; column++) {
    const line = 4 + column;
    const entries = numbers(line).filter((entry) => entry !== 0);
    if (entries.length !== columnDegrees[column])
      throw fail(line, `${columnDegrees[column]} entries are announced, ${entries.length} found`);
    if (new Set(entries).size !== entries.length) throw fail(line, "an entry is repeated");
    for (const entry of entries) {
      if (entry > m) throw fail(line, `row ${entry} is beyond ${m}`);
      rows[entry - 1]!.push(column);
    }
  }
  rows.forEach((row, r) => {
    if (row.length !== rowDegrees[r])
      throw fail(3, `row ${r + 1} has ${row.length} entries, ${rowDegrees[r]} are announced`);
  });
  for (let r = 0; r < m && 4 + n + r < lines.length; r++) {
    if (lines[4 + n + r] === "") continue;
    const given = numbers(4 + n + r)
      .filter((entry) => entry !== 0)
      .sort((a, b) => a - b);
    if (given.length !== rows[r]!.length || given.some((entry, i) => entry !== rows[r]![i]! + 1))
      throw fail(4 + n + r, "the row's list contradicts the columns' lists");
  }
  return codeFromRows(n, rows);
}

export function formatAlist(code: LdpcCode): string {
  const rows = Array.from({ length: code.m }, (_, r) => [
    ...code.columns.subarray(code.rowStart[r]!, code.rowStart[r + 1]!),
  ]);
  const columns: number[][] = Array.from({ length: code.n }, () => []);
  rows.forEach((row, r) => {
    for (const column of row) columns[column]!.push(r);
  });
  const most = (lists: number[][]) => lists.reduce((max, list) => Math.max(max, list.length), 0);
  const padded = (list: number[], size: number) =>
    [...list.map((entry) => entry + 1), ...new Array<number>(size - list.length).fill(0)].join(" ");
  const [widest, longest] = [most(columns), most(rows)];
  return [
    `${code.n} ${code.m}`,
    `${widest} ${longest}`,
    columns.map((list) => list.length).join(" "),
    rows.map((list) => list.length).join(" "),
    ...columns.map((list) => padded(list, widest)),
    ...rows.map((list) => padded(list, longest)),
    "",
  ].join("\n");
}

/** @param rows per row its columns, ascending */
export function codeFromRows(n: number, rows: readonly (readonly number[])[]): LdpcCode {
  const rowStart = new Uint32Array(rows.length + 1);
  rows.forEach((row, r) => {
    rowStart[r + 1] = rowStart[r]! + row.length;
  });
  return { n, m: rows.length, rowStart, columns: Uint32Array.from(rows.flat()) };
}
