// Where the module's static data ends and the host's arena begins (src/kernels/wasm.ts).

export function heapBase(): usize {
  return __heap_base;
}
