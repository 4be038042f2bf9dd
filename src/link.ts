/** The link description, checked: its schema in link/schema.ts, what holds between fields in link/checks.ts. */
import { QkdError } from "./errors.js";
import { contradiction } from "./link/checks.js";
import { type Link, linkSchema } from "./link/schema.js";

export type { Detector } from "./link/end.js";
export type { Link, LinkInput, Protocol } from "./link/schema.js";
export type { Simulation } from "./link/simulation.js";

/** @throws QkdError LINK_CONFIG_INVALID naming the field and what to do */
export function parseLink(input: unknown, file?: string): Link {
  const parsed = linkSchema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const unknown = issue.code === "unrecognized_keys" ? issue.keys : [];
    throw invalid([...issue.path, ...unknown].join(".") || "(root)", issue.message, file);
  }
  const link = parsed.data;
  if (link.protocol !== "bbm92" && link.alice.format === "auto") link.alice.format = "preparation";
  const fault = contradiction(link);
  if (fault) throw invalid(fault[0], fault[1], file);
  return link;
}

function invalid(field: string, why: string, file?: string): QkdError {
  return new QkdError("LINK_CONFIG_INVALID", `${file ?? "link description"}: field ${field}: ${why}`, {
    field,
    ...(file ? { file } : {}),
  });
}
