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
