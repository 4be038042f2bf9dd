/**
 * Codes of lower rate that begin with the checks of another: base row after base row is split in two, every other entry
 * going to a row of its own behind the others (after Varodayan, Aaron, Girod, "Rate-adaptive codes for distributed source
 * coding", 2006, where accumulated syndromes are undone). Further syndrome bits are the checks of the new rows: with them
 * the other halves follow from what Bob has. No entry is added, so no cycle is, and columns keep their degrees.
 */
import { baseMatrix, type QuasiCyclic } from "./code.js";

/** The row that row `row` ≥ `rows` was split off: all rows are split once, in order, before any is again. */
export function splitFrom(row: number, rows: number): number {
  return row - rows * 2 ** Math.floor(Math.log2(row / rows));
}

/** @param splits at least one, and only while every row has two entries */
export function splitRows(base: QuasiCyclic, splits: number): QuasiCyclic {
  const { columns, lifting, rowStart, entryColumn, entryShift } = base;
  const entries = Array.from({ length: base.rows }, (_, row) =>
    Array.from({ length: rowStart[row + 1]! - rowStart[row]! }, (_, i) => {
      const e = rowStart[row]! + i;
      return { column: entryColumn[e]!, shift: entryShift[e]! };
    }),
  );
  for (let row = base.rows; row < base.rows + splits; row++) {
    const from = splitFrom(row, base.rows);
    const whole = entries[from]!;
    // Of two neighbours one each, by chance: a rule would part the columns into two codes of their own.
    const goes = whole.map((_, i) => (coin(row, i >>> 1) ^ i) & 1);
    entries[from] = whole.filter((_, i) => goes[i] === 0);
    entries.push(whole.filter((_, i) => goes[i] === 1));
  }
  return baseMatrix(entries, columns, lifting);
}

/** A bit that both ends draw alike. */
function coin(row: number, pair: number): number {
  const mixed = Math.imul(row * 4096 + pair + 1, 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) & 1;
}
