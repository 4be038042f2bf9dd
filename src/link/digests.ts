/** That both ends hold the same link description. */
import { createHash } from "node:crypto";
import { withoutReading } from "./end.js";
import type { Link } from "./schema.js";

/** SHA-256 of every top-level field that both ends must agree on, so that a mismatch can be named. */
export function linkDigests(link: Link): Record<string, string> {
  const { simulation: _simulation, alice, bob, ...rest } = link;
  const shared = { ...rest, alice: withoutReading(alice), bob: withoutReading(bob) };
  return Object.fromEntries(
    Object.entries(shared)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => [
        field,
        createHash("sha256")
          .update(JSON.stringify(sorted(value)))
          .digest("hex"),
      ]),
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
