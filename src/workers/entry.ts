/** Piscina's worker file: one private WASM instance a thread; errors travel as values, since class and code do not. */
import { move, transferableSymbol, valueSymbol } from "piscina";
import { WasmInstance } from "../kernels/wasm.js";
import type { JobAnswer, JobCall } from "./job.js";
import { runJob } from "./run.js";

const wasm = new WasmInstance();

export default function work(call: JobCall): unknown {
  const { answer, transfer } = runJob(wasm, call);
  return move(new Moved(answer, transfer) as never);
}

class Moved {
  constructor(
    private readonly answer: JobAnswer,
    private readonly transfer: readonly ArrayBuffer[],
  ) {}
  get [transferableSymbol](): readonly ArrayBuffer[] {
    return this.transfer;
  }
  get [valueSymbol](): JobAnswer {
    return this.answer;
  }
}
