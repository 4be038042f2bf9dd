/** Wiped instances that wait for their next use: memory that one block has grown serves the next. */
import { WasmInstance } from "./wasm.js";

const idle: WasmInstance[] = [];
const most = 8;
const mostBytes = 96 * 2 ** 20;

export function borrowInstance(): WasmInstance {
  return idle.pop() ?? new WasmInstance();
}

/** Wipes it, or of it what is secret. */
export function returnInstance(wasm: WasmInstance, secret?: Parameters<WasmInstance["wipe"]>[0]): void {
  wasm.wipe(secret);
  if (idle.length < most && wasm.memoryBytes <= mostBytes) idle.push(wasm);
}
