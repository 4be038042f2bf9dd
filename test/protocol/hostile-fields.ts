/** What a hostile peer makes of a field. */

/** What becomes of one field's value; none for a field that it does not fit. */
export const fieldChanges: Record<string, (value: unknown) => unknown> = {
  missing: () => undefined,
  null: () => null,
  NaN: () => Number.NaN,
  "2^53": () => 2 ** 53,
  "a bigint": () => 2n ** 70n,
  negative: () => -1,
  "a half": () => 0.25 + 7,
  "a long number": (value) => (typeof value === "string" ? `-${"9".repeat(20)}` : undefined),
  text: () => "x".repeat(100_000),
  "a nested list": () => [[[[]]]],
  "a map": () => ({ __proto__: null, length: 2 ** 31 }),
  truncated: (value) => (isLong(value) ? value.slice(0, -1) : undefined),
  oversized: (value) => (value instanceof Uint8Array ? new Uint8Array(value.length + 100_000) : Array(100_000).fill(0)),
};

function isLong(value: unknown): value is Uint8Array | unknown[] {
  return (value instanceof Uint8Array || Array.isArray(value)) && value.length > 0;
}
