/**
 * The measuring stick of KERNELS.md B: the prototype's decoder alone, on the code that throughput mode takes for the same
 * block, where ../shared is at hand. It computes no syndrome, moves nothing between threads and verifies nothing.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { planFrames } from "../codes/adapt.js";
import type { QuasiCyclic } from "../codes/code.js";
import { loadCode } from "../codes/index.js";
import type { WasmMemory } from "../kernels/exports.js";
import type { Case } from "./harness.js";

/** What prototypes/ldpc/assembly exports; its description of a code as its README has it. */
interface Prototype {
  readonly memory: WasmMemory;
  decode(
    tight: number,
    code: number,
    rows: number,
    columns: number,
    lifting: number,
    beliefs: number,
    messages: number,
    messageBytes: number,
    syndrome: number,
    pointers: number,
    table: number,
    prior: number,
    alphaFrom: number,
    alphaTo: number,
    ramp: number,
    clip: number,
    iterations: number,
  ): number;
}

const path = join(process.cwd(), "..", "shared", "prototypes", "ldpc", "decoder.wasm");
const frameBits = 2 ** 18;
const vector = 32;
const pad = 64;
const mostIterations = 60;

/** @param bits of the block  @returns undefined where the prototype is not there */
export function prototypeDecoder(bits: number, qber: number, draw: () => number): Case | undefined {
  if (!existsSync(path)) return undefined;
  const { code: id, frames } = planFrames(bits, { qber, profile: "fast", largestFrame: frameBits });
  const base = loadCode(id).quasiCyclic!;
  const syndromes = Array.from({ length: frames }, () => errorSyndrome(base, qber, draw));
  const prototype = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), {
    env: {
      abort() {
        throw new Error("the prototype aborted");
      },
    },
  }).exports as unknown as Prototype;
  const decode = laidOut(prototype, base, qber);
  const parameters: Record<string, unknown> = { qber, code: id, frames };
  return {
    name: `prototype ldpc decoder ${qber * 100} %`,
    unit: "Mbit/s",
    work: bits / 1e6,
    parameters,
    run() {
      const spent = syndromes.map(decode);
      const iterations = spent.reduce((sum, count) => sum + Math.abs(count), 0) / frames;
      Object.assign(parameters, { iterations, framesFailed: spent.filter((count) => count < 0).length });
    },
  };
}

/** Syndrome of a random error pattern, a byte a check, 0x00 or 0x80. */
function errorSyndrome(base: QuasiCyclic, qber: number, draw: () => number): Uint8Array {
  const { rows, columns, lifting, rowStart, entryColumn, entryShift } = base;
  const wrong = Uint8Array.from({ length: columns * lifting }, () => (draw() < qber * 2 ** 32 ? 0x80 : 0));
  const out = new Uint8Array(rows * lifting);
  for (let row = 0; row < rows; row++)
    for (let e = rowStart[row]!; e < rowStart[row + 1]!; e++)
      for (let check = 0; check < lifting; check++)
        out[row * lifting + check]! ^= wrong[entryColumn[e]! * lifting + ((check + entryShift[e]!) % lifting)]!;
  return out;
}

/** Memory of a decoder for one code; iterations it took, negative where it failed. */
function laidOut(prototype: Prototype, base: QuasiCyclic, qber: number): (syndrome: Uint8Array) => number {
  const { rows, columns, lifting } = base;
  const description = describe(base);
  let top = 65_536;
  const take = (bytes: number) => {
    const address = top;
    top = Math.ceil((top + bytes) / pad) * pad;
    return address;
  };
  const messageBytes = base.entryColumn.length * lifting;
  const code = take(description.length * 4);
  const beliefs = take((lifting + pad) * columns + pad);
  const syndrome = take(rows * lifting);
  const messages = take(messageBytes);
  const pointers = take(4096 + lifting + pad);
  const table = take(4 * pad);
  const missing = top - prototype.memory.buffer.byteLength;
  if (missing > 0) prototype.memory.grow(Math.ceil(missing / 65_536));
  new Int32Array(prototype.memory.buffer).set(description, code / 4);
  const bytes = new Uint8Array(prototype.memory.buffer);
  for (let i = 0; i < 16; i++) bytes[table + i] = Math.round(4 * Math.log1p(Math.exp(-i / 4)));
  bytes.fill(255, table + 64, table + 64 + vector);
  const prior = Math.round(4.7 + 1.6 * Math.log(1 / qber));
  const clip = qber < 0.035 ? 31 : 40;
  return (target) => {
    bytes.set(target, syndrome);
    const spent = prototype.decode(
      ...([0, code, rows, columns, lifting, beliefs, messages, messageBytes, syndrome, pointers, table] as const),
      ...([prior, 64, 220, 12, clip, mostIterations] as const),
    );
    return spent < 0 ? -mostIterations : spent;
  };
}

/** A row: its degree, (column address, shift) an entry, wraps, (first check behind the wrap, entry) a wrap. */
function describe(base: QuasiCyclic): number[] {
  const { rows, lifting, rowStart, entryColumn, entryShift } = base;
  return Array.from({ length: rows }, (_, row) => {
    const entries = Array.from({ length: rowStart[row + 1]! - rowStart[row]! }, (_, i) => rowStart[row]! + i);
    const wraps = entries
      .map((e, i) => [Math.ceil((lifting - entryShift[e]!) / vector) * vector, i] as const)
      .filter(([at]) => at < lifting)
      .sort(([a], [b]) => a - b);
    return [
      entries.length,
      ...entries.flatMap((e) => [entryColumn[e]! * (lifting + pad), entryShift[e]!]),
      wraps.length,
      ...wraps.flat(),
    ];
  }).flat();
}
