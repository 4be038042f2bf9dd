/** Which channel is what, and the part of a link description that says so (src/link/end.ts). */
import type { DumpFormat } from "../types.js";
import type { ChannelFigures } from "./figures.js";

/** Of the busiest detector's rate; below it an input is open or dark. */
const idleShare = 1e-3;
const fewestClicks = 10;

export type ChannelKind = "detector" | "clock" | "marker" | "several detectors at once" | "no detector" | "idle";

/** @param several codes are sets of detectors (S-Fifteen, qcrypto): a bit for each */
export function kindOf(
  code: number,
  events: number,
  busiest: number,
  { clock, marker, several }: { clock: boolean; marker: boolean; several: boolean },
): ChannelKind {
  if (marker) return "marker";
  if (clock) return "clock";
  if (several && code === 0) return "no detector";
  if (several && (code & (code - 1)) !== 0) return "several detectors at once";
  return events < fewestClicks || events < idleShare * busiest ? "idle" : "detector";
}

export interface LinkEnd {
  readonly format: DumpFormat;
  readonly detectors?: readonly { readonly channel: number; readonly basis: "Z" | "X"; readonly bit: 0 | 1 }[];
  readonly clockChannel?: { readonly channel: number; readonly everyPulses: number };
  readonly deadTimePs?: string;
  readonly [more: string]: unknown;
}

/** An end of the link description as far as the events tell it. Bases and bits are a guess by the channels' order. */
export function linkEnd(
  format: DumpFormat,
  channels: Readonly<Record<string, ChannelFigures>>,
): { end: LinkEnd; notes: string[] } {
  const all = Object.values(channels);
  const detectors = all.filter(({ kind }) => kind === "detector");
  const clocks = all.filter(({ kind }) => kind === "clock");
  const notes: string[] = [];
  const order = [
    ["Z", 0],
    ["Z", 1],
    ["X", 0],
    ["X", 1],
  ] as const;
  if (detectors.length > 0)
    notes.push("which basis and bit a channel means is a guess by order: set it as your receiver is wired");
  if (detectors.length > 0 && detectors.length !== 2 && detectors.length !== 4)
    notes.push(`a receiver has 2 or 4 detectors, ${detectors.length} of the channels look like one`);
  const dead = detectors.flatMap(({ deadTimePs, deadTimeUncertaintyPs }) =>
    deadTimePs === undefined ? [] : [Math.ceil(Number(deadTimePs) + 2 * Number(deadTimeUncertaintyPs))],
  );
  const clock = clocks[0];
  const pulse = detectors
    .filter(({ pulsePeriodPs }) => pulsePeriodPs !== undefined)
    .sort((a, b) => Number(a.pulsePeriodUncertaintyPs) - Number(b.pulsePeriodUncertaintyPs))[0]?.pulsePeriodPs;
  const everyPulses = clock?.clockPeriodPs && pulse ? Math.round(Number(clock.clockPeriodPs) / Number(pulse)) : 1;
  if (clock && !pulse) notes.push("everyPulses is the clock's period over source.pulsePeriodPs");
  if (pulse) notes.push(`clicks fall on pulses: source.pulsePeriodPs is near ${pulse}`);
  if (clocks.length > 1) notes.push(`channels ${clocks.map(({ code }) => code).join(", ")} all look like clocks`);
  return {
    end: {
      format,
      ...(detectors.length > 0
        ? {
            detectors: detectors.map(({ code }, i) => {
              const [basis, bit] = order[i % order.length]!;
              return { channel: code, basis, bit };
            }),
          }
        : {}),
      ...(clock ? { clockChannel: { channel: clock.code, everyPulses: Math.max(1, everyPulses) } } : {}),
      ...(dead.length > 0 ? { deadTimePs: String(Math.max(...dead)) } : {}),
    },
    notes,
  };
}
