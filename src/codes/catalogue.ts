/**
 * Codes by id: `qc-<base columns>x<circulant>-m<base rows>`, constructed when asked for and kept; with `+<splits>` behind,
 * that many of its base rows are split (split.ts).
 */
import { QkdError } from "../errors.js";
import type { LdpcCode, QuasiCyclic } from "./code.js";
import { construct } from "./construct.js";
import { recorded } from "./curves.generated.js";
import type { CurvePoint } from "./frame-errors.js";
import { splitRows } from "./split.js";

export interface CodeInfo {
  readonly id: string;
  /** Bits of a word and of a syndrome. */
  readonly n: number;
  readonly m: number;
  readonly rate: number;
  readonly lifting: number;
}

export interface CatalogueCode extends CodeInfo {
  /** Error rate up to which the code's degrees decode at infinite length, by density evolution. */
  readonly threshold: number;
  /** Measured frame error rates, by falling error rate. */
  readonly curve: readonly CurvePoint[];
}

export const liftings = [32, 64, 128, 256, 512, 1024] as const;
/** The decoder keeps that many edges of a row. */
export const mostColumns = 2048;
const seed = 1;

const records = new Map(recorded.map((record) => [record[0], record]));

/** A choice of rates at every circulant size; any other number of base rows works as well. */
export const catalogue: readonly CatalogueCode[] = liftings.flatMap((lifting) =>
  [142, 115, 96, 82, 68, 56, 48, 41, 32, 23].map((rows) => {
    const info = codeInfo(256, lifting, rows);
    const [, threshold, points] = records.get(info.id) ?? [info.id, Number.NaN, []];
    const curve = points.map(([qber, frames, failures, iterations, spread]) => ({
      qber,
      frames,
      failures,
      iterations,
      spread,
    }));
    return { ...info, threshold, curve };
  }),
);

export function codeInfo(columns: number, lifting: number, rows: number): CodeInfo {
  return {
    id: `qc-${columns}x${lifting}-m${rows}`,
    n: columns * lifting,
    m: rows * lifting,
    rate: 1 - rows / columns,
    lifting,
  };
}

/** Id of the code with that many rows of `id` split. */
export function splitId(id: string, splits: number): string {
  return splits > 0 ? `${id}+${splits}` : id;
}

const kept = new Map<string, LdpcCode>();

/** @throws QkdError CODE_UNKNOWN */
export function loadCode(id: string): LdpcCode {
  const known = kept.get(id);
  if (known) return known;
  const match = /^qc-(\d{1,4})x(\d{1,4})-m(\d{1,4})(?:\+(\d{1,4}))?$/.exec(id);
  const [columns, lifting, rows, splits] = (match?.slice(1) ?? []).map((text) => Number(text ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  if (
    !match ||
    columns < 8 ||
    columns > mostColumns ||
    lifting % 32 !== 0 ||
    lifting < 32 ||
    lifting > 4096 ||
    rows < 3 ||
    rows + splits >= columns
  )
    throw new QkdError("CODE_UNKNOWN", `There is no code ${JSON.stringify(id)}.`, { id });
  const code = expand(
    id,
    splits > 0
      ? splitRows(loadCode(codeInfo(columns, lifting, rows).id).quasiCyclic!, splits)
      : construct({ rows, columns, lifting, seed }),
  );
  if (kept.size >= 64) kept.clear();
  kept.set(id, code);
  return code;
}

/** The full matrix is built on demand: the fast path needs the base matrix alone. */
function expand(id: string, base: QuasiCyclic): LdpcCode {
  let full: { rowStart: Uint32Array; columns: Uint32Array } | undefined;
  const matrix = () => {
    full ??= fullMatrix(base);
    return full;
  };
  return {
    id,
    n: base.columns * base.lifting,
    m: base.rows * base.lifting,
    quasiCyclic: base,
    get rowStart() {
      return matrix().rowStart;
    },
    get columns() {
      return matrix().columns;
    },
  };
}

function fullMatrix(base: QuasiCyclic): { rowStart: Uint32Array; columns: Uint32Array } {
  const { rows, lifting } = base;
  const rowStart = new Uint32Array(rows * lifting + 1);
  const columns: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let check = 0; check < lifting; check++) {
      const entries: number[] = [];
      for (let e = base.rowStart[row]!; e < base.rowStart[row + 1]!; e++)
        entries.push(base.entryColumn[e]! * lifting + ((check + base.entryShift[e]!) % lifting));
      columns.push(...entries.sort((a, b) => a - b));
      rowStart[row * lifting + check + 1] = columns.length;
    }
  }
  return { rowStart, columns: Uint32Array.from(columns) };
}
