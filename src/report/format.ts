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

const timeUnits = [
  [1, "s"],
  [1e-3, "ms"],
  [1e-6, "µs"],
  [1e-9, "ns"],
  [1e-12, "ps"],
] as const;

/** The unit of time in which `seconds` has one to three digits before the point. */
export function timeUnit(seconds: number): readonly [size: number, name: string] {
  return timeUnits.find(([size]) => Math.abs(seconds) >= 0.9995 * size) ?? timeUnits[4];
}

/** 1.234e-7 → "123 ns", three digits. */
export function span(seconds: number): string {
  if (seconds === 0) return "0 s";
  const [size, name] = timeUnit(seconds);
  return `${tick(seconds / size)} ${name}`;
}

/** Value and standard deviation in one unit of time, as many digits as the deviation allows: "82.3 ± 0.7 ns". */
export function spanWithError(seconds: number, deviation: number): string {
  const [size, name] = timeUnit(seconds);
  return `${withError(seconds / size, deviation / size)} ${name}`;
}

export function withError(value: number, deviation: number): string {
  const digits = deviation > 0 ? Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(deviation)))) : 3;
  return `${value.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}
