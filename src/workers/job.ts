/** The shape of work that goes to a worker: coarse (≥ 1 ms), buffers by transfer (DESIGN.md, decisions 1–3). */
import type { QkdError } from "../errors.js";
import type { WasmInstance } from "../kernels/wasm.js";

export interface WorkerContext {
  readonly wasm: WasmInstance;
  /** True once the caller has given the job up; jobs ask between frames. */
  cancelled(): boolean;
}

/** `transfer`: the buffers of `output` (and the inputs', so that they are recycled) that move to the caller. */
export interface JobResult<O> {
  readonly output: O;
  readonly transfer: readonly ArrayBuffer[];
  /** Input buffers that go home for reuse; zeroised by the job. */
  readonly recycle?: readonly ArrayBuffer[];
}

export type Job<I, O> = (context: WorkerContext, input: I) => JobResult<O>;

export interface JobCall {
  readonly name: string;
  readonly input: unknown;
  /** Nonzero once the caller has given the job up. */
  readonly cancel?: Int32Array;
}

export type JobAnswer =
  | { readonly ok: true; readonly output: unknown; readonly recycle: readonly ArrayBuffer[] }
  | { readonly ok: false; readonly error: ReturnType<QkdError["toJSON"]> };
