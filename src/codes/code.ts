/**
 * A binary parity-check matrix H (m × n), sparse by rows; quasi-cyclic codes carry their base matrix as well, which the
 * fast decoder path works on.
 */
export interface LdpcCode {
  /** Catalogue id, or a name for messages. */
  readonly id?: string;
  /** Columns = code length in bits. */
  readonly n: number;
  /** Rows = syndrome length in bits. */
  readonly m: number;
  /** Row r holds columns `columns[rowStart[r] … rowStart[r+1])`, ascending. Length m + 1. */
  readonly rowStart: Uint32Array;
  readonly columns: Uint32Array;
  readonly quasiCyclic?: QuasiCyclic;
}

/** Base matrix: check z of base row r has bit ((z + shift) mod lifting) of base column c, per entry (c, shift). */
export interface QuasiCyclic {
  readonly rows: number;
  readonly columns: number;
  /** Circulant size Z in bits. */
  readonly lifting: number;
  /** Row r holds entries `rowStart[r] … rowStart[r+1])`. Length rows + 1. */
  readonly rowStart: Uint32Array;
  readonly entryColumn: Uint32Array;
  readonly entryShift: Uint32Array;
}

/** One entry of a base row. */
export interface BaseEntry {
  readonly column: number;
  readonly shift: number;
}

/** A base matrix from the entries of each row. */
export function baseMatrix(rows: readonly (readonly BaseEntry[])[], columns: number, lifting: number): QuasiCyclic {
  const rowStart = new Uint32Array(rows.length + 1);
  rows.forEach((row, r) => {
    rowStart[r + 1] = rowStart[r]! + row.length;
  });
  const flat = rows.flat();
  return {
    rows: rows.length,
    columns,
    lifting,
    rowStart,
    entryColumn: Uint32Array.from(flat, ({ column }) => column),
    entryShift: Uint32Array.from(flat, ({ shift }) => shift),
  };
}
