/** Decimal text to whole picoseconds, exactly: digits and a scale, never by way of a float (FORMATS.md 7). */

/** Decimal places of a picosecond in the unit. */
export const placesOf = { ps: 0, ns: 3, s: 12 } as const;

/**
 * @param text optional sign, digits with an optional point or comma, optional exponent
 * @returns text · 10^places, rounded half away from zero; undefined if it is no such number or absurdly large
 */
export function parseDecimal(text: string, places: number): bigint | undefined {
  const found = /^([+-]?)(\d*)(?:[.,](\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (!found || text.length > 100) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = found;
  if (whole === "" && fraction === "") return undefined;
  const shift = places - fraction.length + Number(exponent);
  const digits = BigInt(whole + fraction);
  if (shift > 40) return digits === 0n ? 0n : undefined;
  const size = shift >= 0 ? digits * 10n ** BigInt(shift) : rounded(digits, -shift);
  return sign === "-" ? -size : size;
}

function rounded(digits: bigint, drop: number): bigint {
  if (drop > 200) return 0n;
  const divisor = 10n ** BigInt(drop);
  return (digits + divisor / 2n) / divisor;
}
