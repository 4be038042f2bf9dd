/** Piscina's worker file: one private WASM instance a thread; errors travel as values, since class and code do not. */
import { move, transferableSymbol, valueSymbol } from "piscina";
import { WasmInstance } from "../kernels/wasm.js";
import type { JobAnswer, JobCall } from "./job.js";
import { runJob } from "./run.js";

const wasm = new WasmInstance();

export default function work(call: JobCall): unknown {
  return move(new Moved(runJob(wasm, call)) as never);
}

class Moved {
  constructor(private readonly done: ReturnType<typeof runJob>) {}
  get [transferableSymbol](): readonly ArrayBuffer[] {
    return this.done.transfer;
  }
  get [valueSymbol](): JobAnswer {
    return this.done.answer;
  }
}
