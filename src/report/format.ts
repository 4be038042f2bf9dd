/** Text for people: escaping, numbers with SI steps, percentages. */

export function html(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** 1234567 → "1 234 567" with narrow no-break spaces. */
export function whole(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** Three digits with an SI prefix: 1234567 → "1.23 M". */
export function short(n: number): string {
  if (n === 0) return "0";
  const steps = ["", "k", "M", "G", "T"];
  const step = Math.min(steps.length - 1, Math.max(0, Math.floor(Math.log10(Math.abs(n)) / 3)));
  const scaled = n / 1000 ** step;
  const digits = Math.abs(scaled) >= 100 || (step === 0 && Number.isInteger(n)) ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)}${steps[step] ? `\u202f${steps[step]}` : ""}`;
}

/** For axes: no zeros that say nothing, 1.00 k → 1 k. */
export function tick(n: number): string {
  return short(n).replace(/\.0+(?=\D|$)|(\.\d*?[1-9])0+(?=\D|$)/, "$1");
}

export function percent(share: number, digits = 2): string {
  return `${(100 * share).toFixed(digits)}\u202f%`;
}

/** 1e-9 → "10⁻⁹", 2.1e-9 → "2.1·10⁻⁹". */
export function power(x: number): string {
  if (x === 0) return "0";
  const [mantissa, exponent] = x.toExponential(1).split("e") as [string, string];
  const raised = String(Number(exponent)).replace(/./g, (c) => superscripts[c] ?? c);
  return mantissa === "1.0" ? `10${raised}` : `${mantissa}·10${raised}`;
}

const superscripts: Record<string, string> = {
  "-": "⁻",
  "0": "⁰",
  "1": "¹",
  "2": "²",
  "3": "³",
  "4": "⁴",
  "5": "⁵",
  "6": "⁶",
  "7": "⁷",
  "8": "⁸",
  "9": "⁹",
};
