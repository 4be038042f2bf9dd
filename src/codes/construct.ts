/**
 * Quasi-cyclic codes from a degree distribution (KERNELS.md B, "Codes"): columns of degree 2 form a chain over the rows,
 * the others go in ascending degree to the rows with most room (progressive edge growth on the base graph); each shift is
 * drawn so that no 4-cycle closes, nor one with the degree-2 chain (potentials along the chain). Deterministic by seed.
 */
import { type BaseEntry, baseMatrix, type QuasiCyclic } from "./code.js";
import { distributionFor } from "./degrees.js";

export interface BaseCode {
  /** Base rows, base columns and circulant size. */
  readonly rows: number;
  readonly columns: number;
  readonly lifting: number;
  readonly seed: number;
}

export function construct({ rows, columns, lifting, seed }: BaseCode): QuasiCyclic {
  const random = generator(seed + 7919 * rows + 104_729 * columns + 31 * lifting);
  const degrees = columnDegrees(rows, columns);
  const total = degrees.reduce((sum, degree) => sum + degree, 0);
  const room = new Float64Array(rows).fill(total / rows);
  const entries: BaseEntry[][] = Array.from({ length: rows }, () => []);
  const differences = new Differences(rows, lifting);
  const potential = new Int32Array(rows);
  degrees.forEach((degree, column) => {
    const chosen = degree === 2 && column < rows - 1 ? [column, column + 1] : pickRows(room, degree, random);
    const placed: Entry[] = [];
    for (const row of chosen) {
      const shift = pickShift(row, placed, degree, { lifting, differences, potential, random });
      placed.push({ row, shift });
      entries[row]!.push({ column, shift });
      room[row]!--;
    }
    for (const [i, a] of placed.entries()) for (const b of placed.slice(i + 1)) differences.add(a, b);
    if (degree === 2 && column < rows - 1)
      potential[column + 1] = modulo(potential[column]! + placed[0]!.shift - placed[1]!.shift, lifting);
  });
  for (const row of entries) row.sort((a, b) => a.column - b.column);
  return baseMatrix(entries, columns, lifting);
}

/** Mean number of bits in a check; rows differ by one. */
export function meanCheckDegree(rows: number, columns: number): number {
  return columnDegrees(rows, columns).reduce((sum, degree) => sum + degree, 0) / rows;
}

/** Ascending degrees of all base columns: edge fractions λ_d give d-columns in proportion λ_d / d. */
function columnDegrees(rows: number, columns: number): number[] {
  const lambda = distributionFor(1 - rows / columns);
  const weight = lambda.reduce((sum, { degree, share }) => sum + share / degree, 0);
  const degrees: number[] = [];
  let owed = 0;
  for (const { degree, share } of lambda) {
    owed += (columns * share) / degree / weight;
    while (degrees.length < Math.round(owed)) degrees.push(Math.min(degree, rows));
  }
  while (degrees.length < columns) degrees.push(Math.min(3, rows));
  const twos = degrees.filter((degree) => degree === 2).length;
  // A chain holds at most rows − 1 columns of degree 2; more would close low-weight words.
  for (let i = rows - 1; i < twos; i++) degrees[i] = Math.min(3, rows);
  return degrees.sort((a, b) => a - b);
}

/** The rows with most room, ties broken at random. */
function pickRows(room: Float64Array, degree: number, random: () => number): number[] {
  const keys = Float64Array.from(room, (left) => left + random() * 0.9);
  return Array.from({ length: Math.min(degree, keys.length) }, () => {
    let most = 0;
    for (let row = 1; row < keys.length; row++) if (keys[row]! > keys[most]!) most = row;
    keys[most] = Number.NEGATIVE_INFINITY;
    return most;
  });
}

interface Entry {
  readonly row: number;
  readonly shift: number;
}

/** Differences of two shifts of a column, by their rows: another column with the same one would close a 4-cycle. */
class Differences {
  private readonly seen: Uint8Array;

  constructor(
    private readonly rows: number,
    private readonly lifting: number,
  ) {
    this.seen = new Uint8Array(Math.ceil((rows * rows * lifting) / 8));
  }

  add({ row, shift }: Entry, other: Entry): void {
    const at = this.place(row, shift, other);
    this.seen[Math.floor(at / 8)]! |= 1 << (at % 8);
  }

  has(row: number, shift: number, other: Entry): boolean {
    const at = this.place(row, shift, other);
    return ((this.seen[Math.floor(at / 8)]! >>> (at % 8)) & 1) === 1;
  }

  private place(row: number, shift: number, other: Entry): number {
    const pair = row < other.row ? row * this.rows + other.row : other.row * this.rows + row;
    return pair * this.lifting + modulo(row < other.row ? shift - other.shift : other.shift - shift, this.lifting);
  }
}

interface ShiftRules {
  readonly lifting: number;
  readonly differences: Differences;
  readonly potential: Int32Array;
  readonly random: () => number;
}

const tries = 200;

function pickShift(row: number, placed: readonly Entry[], degree: number, rules: ShiftRules): number {
  const { lifting, differences, potential, random } = rules;
  let best = { shift: 0, faults: Number.POSITIVE_INFINITY };
  for (let t = 0; t < tries; t++) {
    const shift = Math.floor(random() * lifting);
    let faults = 0;
    for (const other of placed) {
      if (faults >= best.faults) break;
      if (differences.has(row, shift, other)) faults += 10;
      if (degree > 2 && modulo(shift + potential[row]! - other.shift - potential[other.row]!, lifting) === 0)
        faults += 1;
    }
    if (faults < best.faults) best = { shift, faults };
    if (faults === 0) break;
  }
  return best.shift;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** mulberry32: public randomness of a code, no secret. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
