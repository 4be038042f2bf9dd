/** What the WASM module exports, by hand: addresses and lengths are numbers, 64-bit values bigint. */
export interface WasmExports {
  readonly memory: WebAssembly.Memory & { readonly buffer: ArrayBuffer };
  heapBase(): number;
  xorInto(target: number, source: number, bytes: number): void;
}
