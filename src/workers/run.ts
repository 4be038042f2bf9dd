/** Runs one job on an instance and turns its end, good or bad, into a value; the same for worker and inline. */
import { toQkdError } from "../errors.js";
import type { WasmInstance } from "../kernels/wasm.js";
import type { Job, JobAnswer, JobCall } from "./job.js";
import { jobs } from "./jobs.js";

export function runJob(wasm: WasmInstance, call: JobCall): { answer: JobAnswer; transfer: readonly ArrayBuffer[] } {
  try {
    const job = (jobs as Record<string, Job<never, unknown>>)[call.name];
    if (!job) throw new Error(`no job named ${call.name}`);
    const cancelled = () => call.cancel !== undefined && Atomics.load(call.cancel, 0) !== 0;
    const { output, transfer, recycle = [] } = job({ wasm, cancelled }, call.input as never);
    return { answer: { ok: true, output, recycle }, transfer: [...transfer, ...recycle] };
  } catch (error) {
    return { answer: { ok: false, error: toQkdError(error, "ENGINE_WORKER_FAILED").toJSON() }, transfer: [] };
  }
}
