/** What reconciliation says of its choice (stages/reconcile), as the report shows it. */
import { z } from "zod";
import type { ReportBlock } from "./model.js";

const choiceSchema = z.object({
  method: z.string().optional(),
  code: z.string().optional(),
  blockBits: z.array(z.number()).optional(),
  auto: z
    .object({
      method: z.string(),
      mode: z.string().optional(),
      why: z.string(),
      roundTripSeconds: z.number().optional(),
      secretBitsPerSecond: z.record(z.string(), z.number()).optional(),
    })
    .optional(),
});

export function methodOf(choice: unknown): Pick<ReportBlock, "method" | "auto"> {
  const { data } = choiceSchema.safeParse(choice);
  if (!data) return {};
  const { method, code, blockBits, auto } = data;
  const details = code ?? blockBits?.join(", ");
  const { roundTripSeconds } = auto ?? {};
  return {
    ...(method ? { method: details ? `${method} ${details}` : method } : {}),
    ...(auto
      ? {
          auto: {
            chosen: auto.mode ? `${auto.method} ${auto.mode}` : auto.method,
            why: auto.why,
            ...(roundTripSeconds === undefined ? {} : { roundTripSeconds }),
            expected: auto.secretBitsPerSecond ?? {},
          },
        }
      : {}),
  };
}
