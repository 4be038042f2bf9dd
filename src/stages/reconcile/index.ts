/** The reconciler that a link description asks for. */
import type { Link } from "../../link.js";
import { cascadeReconciler } from "./cascade.js";
import { ldpcReconciler } from "./ldpc.js";
import type { Reconciler } from "./types.js";

export function reconcilerOf({ reconciliation }: Pick<Link, "reconciliation">): Reconciler {
  if (reconciliation.method === "cascade") return cascadeReconciler;
  // `auto` is LDPC as long as Cascade has no WASM kernel: it is faster at every round trip.
  return ldpcReconciler;
}
