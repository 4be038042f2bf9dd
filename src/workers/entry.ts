/** Piscina's worker file: one private WASM instance a thread; errors travel as values, since class and code do not. */
import { move, transferableSymbol, valueSymbol } from "piscina";
import { WasmInstance } from "../kernels/wasm.js";
import type { JobAnswer, JobCall } from "./job.js";
import { runJob } from "./run.js";

const wasm = new WasmInstance();

export default function work(calls: readonly JobCall[]): unknown {
  const done = calls.map((call) => runJob(wasm, call));
  const answers = done.map(({ answer }) => answer);
  return move(
    new Moved(
      answers,
      done.flatMap(({ transfer }) => transfer),
    ) as never,
  );
}

class Moved {
  constructor(
    private readonly answers: readonly JobAnswer[],
    private readonly transfer: readonly ArrayBuffer[],
  ) {}
  get [transferableSymbol](): readonly ArrayBuffer[] {
    return this.transfer;
  }
  get [valueSymbol](): readonly JobAnswer[] {
    return this.answers;
  }
}
