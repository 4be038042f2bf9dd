/** The reconciler that a link description asks for. */
import type { Link } from "../../link.js";
import { autoReconciler } from "./auto-reconciler.js";
import { cascadeReconciler } from "./cascade.js";
import { ldpcReconciler } from "./ldpc.js";
import type { Reconciler } from "./types.js";

const reconcilers = { ldpc: ldpcReconciler, cascade: cascadeReconciler, auto: autoReconciler } as const;

export function reconcilerOf({ reconciliation }: Pick<Link, "reconciliation">): Reconciler {
  return reconcilers[reconciliation.method];
}
