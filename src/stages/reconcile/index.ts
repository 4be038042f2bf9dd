/** The reconciler that a link description asks for. */
import { QkdError } from "../../errors.js";
import type { Link } from "../../link.js";
import { ldpcReconciler } from "./ldpc.js";
import type { Reconciler } from "./types.js";

/** @throws QkdError RECONCILE_METHOD_UNSUPPORTED */
export function reconcilerOf({ reconciliation }: Pick<Link, "reconciliation">): Reconciler {
  if (reconciliation.method === "ldpc" || reconciliation.method === "auto") return ldpcReconciler;
  throw new QkdError(
    "RECONCILE_METHOD_UNSUPPORTED",
    `Method ${reconciliation.method} is not in this version; use ldpc.`,
    {
      method: reconciliation.method,
    },
  );
}
