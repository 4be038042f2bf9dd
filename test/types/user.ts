/** What is published compiles for a user who has no DOM library and checks declarations (npm run typecheck, after build). */
import { BitString, createEngine, type Engine, type PairOptions, type ReconcileResult } from "qkd-distill";
import * as codes from "qkd-distill/codes";
import * as dumps from "qkd-distill/dumps";
import { type Kernels, loadKernels } from "qkd-distill/kernels";
import * as security from "qkd-distill/security";
import * as simulate from "qkd-distill/simulate";

export const parts = { codes, dumps, security, simulate };

export async function both(options: PairOptions): Promise<ReconcileResult> {
  const engine: Engine = await createEngine({ workers: 1 });
  try {
    return await engine.reconcile(options);
  } finally {
    await engine.close();
  }
}

export async function hash(bytes: Uint8Array, seed: BitString): Promise<BitString> {
  const kernels: Kernels = await loadKernels();
  return kernels.toeplitz(BitString.from(bytes, 8 * bytes.length), seed, 8);
}
