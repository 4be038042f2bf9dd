/**
 * The WASM module with private memory, and the arena its kernels work in. Kernels take pointers and lengths; the host
 * owns memory: public tables live for the instance's life at the bottom, everything else is taken from a stack that is
 * zeroised when the call ends (DESIGN.md, decision 1).
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { QkdError } from "../errors.js";
import type { WasmExports } from "./exports.js";

const pageBytes = 65536;
const alignment = 64;
/** Memory cannot shrink: an instance that has grown past this is replaced once its stack is empty. */
const keepBytes = 96 * 2 ** 20;
/** State is asked for piece by piece, and every growth makes the garbage collector count the whole memory anew. */
const mostSpareBytes = 16 * 2 ** 20;

let compiled: WebAssembly.Module | undefined;

function kernelModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(kernelPath()));
  return compiled;
}

/** Path of the built module, for its digest in benchmark reports. */
export function kernelPath(): string {
  return createRequire(import.meta.url).resolve("#kernels.wasm");
}

export class WasmInstance {
  exports!: WasmExports;
  /** Fresh views after every growth: never keep one across an allocation. */
  u8!: Uint8Array<ArrayBuffer>;
  private top = 0;
  private depth = 0;
  private holding = false;
  private bottom = 0;
  private tables = new Map<string, number>();

  constructor() {
    this.instantiate();
  }

  private instantiate(): void {
    const instance = new WebAssembly.Instance(kernelModule(), {});
    this.exports = instance.exports as unknown as WasmExports;
    this.bottom = align(this.exports.heapBase());
    this.top = this.bottom;
    this.tables = new Map();
    this.refresh();
  }

  get memoryBytes(): number {
    return this.exports.memory.buffer.byteLength;
  }

  /**
   * Public, immutable data that a kernel needs again (field tables, code descriptions): built once an instance, found
   * by name. Must be asked for before `scratch` allocations of the same call.
   * @returns address
   */
  table(name: string, bytes: number, fill: (view: Uint8Array, address: number) => void): number {
    const known = this.tables.get(name);
    if (known !== undefined) return known;
    if (this.depth > 0 && this.top !== this.bottom) throw new Error(`table ${name} asked for after scratch memory`);
    const address = this.take(bytes);
    this.bottom = this.top;
    fill(this.u8.subarray(address, address + bytes), address);
    this.tables.set(name, address);
    return address;
  }

  /**
   * Runs `body` with a stack of scratch memory; all of it is zeroised and given back when `body` returns or throws.
   * @throws QkdError KERNEL_OUT_OF_MEMORY
   */
  scratch<T>(body: (alloc: (bytes: number) => number) => T): T {
    const mark = this.top;
    this.depth++;
    try {
      return body((bytes) => this.take(bytes));
    } finally {
      this.depth--;
      this.refresh();
      const start = Math.max(mark, this.bottom);
      this.u8.fill(0, start, this.top);
      this.top = start;
      if (this.depth === 0 && !this.holding && this.memoryBytes > keepBytes) this.instantiate();
    }
  }

  /** Memory that stays, not cleared: state of a kernel over many calls, until `wipe`. */
  hold(bytes: number): number {
    if (this.depth > 0) throw new Error("memory to be held asked for inside scratch");
    this.holding = true;
    const address = this.take(bytes, Math.min(mostSpareBytes, this.memoryBytes));
    this.bottom = this.top;
    return address;
  }

  /**
   * Forgets everything but the module's own constants: tables and what was held.
   * @param secret what to zeroise of it: addresses and bytes; absent: all
   */
  wipe(secret?: readonly (readonly [address: number, bytes: number])[]): void {
    this.refresh();
    const start = align(this.exports.heapBase());
    for (const [address, bytes] of secret ?? [[start, this.top - start]]) this.u8.fill(0, address, address + bytes);
    this.holding = false;
    this.bottom = start;
    this.top = start;
    this.tables = new Map();
  }

  private take(bytes: number, spare = 0): number {
    const address = this.top;
    const end = align(address + bytes);
    if (end > this.memoryBytes) {
      const pages = Math.ceil((end - this.memoryBytes + spare) / pageBytes);
      try {
        this.exports.memory.grow(pages);
      } catch (cause) {
        throw new QkdError(
          "KERNEL_OUT_OF_MEMORY",
          `A kernel needs ${end} bytes of WebAssembly memory.`,
          { bytes: end },
          { cause },
        );
      }
      this.refresh();
    }
    this.top = end;
    return address;
  }

  private refresh(): void {
    if (this.u8?.buffer !== this.exports.memory.buffer) this.u8 = new Uint8Array(this.exports.memory.buffer);
  }
}

function align(address: number): number {
  return Math.ceil(address / alignment) * alignment;
}
