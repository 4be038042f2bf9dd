/** What the events of a dump say of the instrument and the light: the figures that `inspect` tells and draws. */
import type { DumpInfo } from "../types.js";
import { afterpulseOf } from "./afterpulse.js";
import { type ChannelKind, kindOf, type LinkEnd, linkEnd } from "./channel-map.js";
import type { Collector } from "./collector.js";
import { deadTimeOf } from "./dead-time.js";
import { type Decay, decayOf, usedDelays } from "./decay.js";
import { type Gaps, gapsOf } from "./gaps.js";
import { Intervals, stretchesOf } from "./intervals.js";
import { binCount, binStart } from "./log-bins.js";
import { clockOf, combOf } from "./regular.js";
import type { Silence } from "./silences.js";

export interface ChannelFigures {
  readonly code: number;
  readonly events: number;
  readonly kind: ChannelKind;
  /** From its first event to its last. */
  readonly ratePerSecond: number;
  readonly shortestIntervalPs?: string;
  readonly longestIntervalPs?: string;
  /** Events that do not come after the channel's one before: at the same time or earlier. */
  readonly notAfter: number;
  readonly clockPeriodPs?: string;
  readonly clockJitterPs?: string;
  readonly clockMissing?: number;
  /** Clicks fall on the pulses of a source. */
  readonly pulsePeriodPs?: string;
  readonly pulsePeriodUncertaintyPs?: string;
  readonly deadTimePs?: string;
  /** A standard deviation. */
  readonly deadTimeUncertaintyPs?: string;
  /** None was seen, and a longer one would have been. */
  readonly deadTimeBelowPs?: string;
  readonly afterpulse?: {
    readonly share: number;
    /** A standard deviation. */
    readonly uncertainty: number;
    /** Counted within this time after the dead time. */
    readonly windowPs: string;
    /** The share is more than chance gives. */
    readonly seen: boolean;
    /** Clicks bunch as flickering light makes them: the tail shows it, or the window is too long for afterpulses. */
    readonly unsteady: boolean;
  };
  /** Intervals between its events in bins [fromNs[i], toNs[i]), 8 to an octave; empty ones left out. */
  readonly intervals: { readonly fromNs: number[]; readonly toNs: number[]; readonly counts: number[] };
  readonly decay?: Decay;
}

export interface Figures {
  /** What times are multiples of, where it is more than a tick. */
  readonly granularityPs?: string;
  readonly channelFigures: Readonly<Record<string, ChannelFigures>>;
  readonly rates: {
    /** Of the first bin, after the first event. */
    readonly fromSeconds: number;
    readonly binSeconds: number;
    /** Events in each bin, by channel. */
    readonly counts: Readonly<Record<string, number[]>>;
  };
  readonly gaps: {
    readonly count: number;
    /** Only the longest 256 silences are kept: there may be more. */
    readonly more: boolean;
    readonly totalSeconds: number;
    /** The longest ones, at most 16; `atSeconds` after the first event. */
    readonly longest: readonly { readonly atSeconds: number; readonly seconds: number }[];
    /** Longest silence of all, gap or not. */
    readonly longestSilenceSeconds: number;
    /** Longer silences than this are gaps at the mean rate. */
    readonly expectedBelowSeconds?: number;
    /** Places where the instrument itself reports lost data. */
    readonly reported: number;
  };
  /** An end of a link description as far as the events tell it. */
  readonly linkEnd?: LinkEnd;
  readonly notes: readonly string[];
}

/** Few steps have a common divisor by chance. */
const fewestForGrain = 30;
/** Traps of a detector empty within it. */
const slowPs = 5e7;

export function figuresOf(collector: Collector, info: DumpInfo, isMarker: (code: number) => boolean): Figures {
  const unitPs = info.dtimeResolutionPs ?? info.resolutionPs;
  const totals = collector.rates.totals();
  const codes = [...totals.keys()].filter((code) => totals[code]! > 0);
  const several = /^a[012]|^qcrypto/.test(info.format);
  const found = gapsOf(collector);
  const measured = codes.map((code) => measure(collector, code, totals[code]!, unitPs, info, found.gaps));
  const clicks = measured.filter(({ code, clockPeriodPs }) => clockPeriodPs === undefined && !isMarker(code));
  const busiest = Math.max(0, ...clicks.map(({ events }) => events));
  const channelFigures: Record<string, ChannelFigures> = {};
  for (const each of measured) {
    const { code, events, clockPeriodPs } = each;
    const traits = { clock: clockPeriodPs !== undefined, marker: isMarker(code), several };
    channelFigures[code] = { ...each, kind: kindOf(code, events, busiest, traits) };
  }
  const { end, notes } = info.dtimeResolutionPs
    ? { end: undefined, notes: ["distilling needs absolute times: a T2 recording"] }
    : linkEnd(info.format, channelFigures);
  const { granularity, events } = collector;
  const mean = (Math.max(...collector.lastOf) - Math.min(...collector.firstOf)) / events;
  return {
    // Of a clock alone it would be the period.
    ...(granularity > 1 && events >= fewestForGrain && granularity < mean / 8
      ? { granularityPs: decimal(granularity * unitPs) }
      : {}),
    channelFigures,
    rates: ratesOf(collector, codes, unitPs),
    gaps: gapFigures(collector, found, unitPs),
    ...(end ? { linkEnd: end } : {}),
    notes: [...lostSyncs(collector, info), ...notes],
  };
}

function measure(
  collector: Collector,
  code: number,
  events: number,
  unitPs: number,
  info: DumpInfo,
  gaps: readonly Silence[],
) {
  const [first, last] = [collector.firstOf[code]!, collector.lastOf[code]!];
  const grain = Math.max(1, collector.granularity);
  const counts = collector.bins.of(code);
  const intervals = new Intervals(
    counts,
    stretchesOf(collector.rates, code, [first, last], gaps),
    collector.bins.noise,
    grain,
  );
  const samples = collector.samples.get(code) ?? [];
  const seconds = ((last - first) * unitPs) / 1e12;
  const clock = clockOf(intervals, events, last - first, samples);
  let [shortest, longest] = [1, binCount - 1];
  while (shortest < binCount && counts[shortest] === 0) shortest++;
  while (longest > shortest && counts[longest] === 0) longest--;
  const ps = (units: number) => decimal(units * unitPs);
  const decay = collector.decay.get(code);
  return {
    code,
    events,
    ratePerSecond: seconds > 0 ? (events - 1) / seconds : 0,
    ...(intervals.total > 0
      ? { shortestIntervalPs: ps(binStart[shortest]!), longestIntervalPs: ps(binStart[longest + 1]!) }
      : {}),
    notAfter: Math.max(0, counts[0]!),
    ...(clock
      ? {
          clockPeriodPs: thousandths(clock.period * unitPs),
          clockMissing: clock.missing,
          ...(clock.jitter === undefined ? {} : { clockJitterPs: ps(clock.jitter) }),
        }
      : clickFigures(intervals, samples, ps)),
    intervals: coarse(counts, unitPs),
    ...(decay && info.dtimeResolutionPs && usedDelays(decay)[1] > 0
      ? { decay: decayOf(decay, info.dtimeResolutionPs) }
      : {}),
  };
}

function clickFigures(intervals: Intervals, samples: readonly number[], ps: (units: number) => string) {
  if (intervals.total === 0) return {};
  const edge = deadTimeOf(intervals);
  const comb = "units" in edge ? combOf(intervals, edge.units, samples) : undefined;
  // On a comb the dead time ends somewhere between two teeth; the fit begins in their middle.
  const dead = comb
    ? { units: (comb.firstTooth - 0.5) * comb.period, uncertainty: 0 }
    : "units" in edge
      ? edge
      : { units: 0, uncertainty: 0 };
  const afterpulse = afterpulseOf(intervals, dead, comb?.period);
  const isDead = "units" in edge && !(comb && comb.firstTooth === 1);
  return {
    ...(comb ? { pulsePeriodPs: ps(comb.period), pulsePeriodUncertaintyPs: ps(comb.uncertainty) } : {}),
    ...(isDead
      ? {
          deadTimePs: ps(dead.units),
          deadTimeUncertaintyPs: ps(comb ? comb.period / Math.sqrt(12) : dead.uncertainty),
        }
      : { deadTimeBelowPs: ps("limit" in edge ? edge.limit : comb!.period) }),
    ...(afterpulse
      ? {
          afterpulse: {
            share: afterpulse.share,
            uncertainty: afterpulse.uncertainty,
            windowPs: ps(afterpulse.window),
            seen: afterpulse.seen,
            unsteady: afterpulse.unsteady || (afterpulse.seen && Number(ps(afterpulse.window)) > slowPs),
          },
        }
      : {}),
  };
}

/** Four of the fine bins in one; below 32 units they hold single values. */
function coarse(counts: Float64Array, unitPs: number): ChannelFigures["intervals"] {
  const [fromNs, toNs, sums]: [number[], number[], number[]] = [[], [], []];
  for (let b = 1; b < binCount; b += 4) {
    const sum = counts[b]! + counts[b + 1]! + counts[b + 2]! + counts[b + 3]!;
    if (sum <= 0) continue;
    fromNs.push((binStart[b]! * unitPs) / 1000);
    toNs.push((binStart[b + 4]! * unitPs) / 1000);
    sums.push(sum);
  }
  return { fromNs, toNs, counts: sums };
}

function ratesOf({ rates, firstOf }: Collector, codes: readonly number[], unitPs: number): Figures["rates"] {
  const range = rates.range();
  if (!range) return { fromSeconds: 0, binSeconds: 0, counts: {} };
  const first = Math.min(...firstOf);
  return {
    fromSeconds: ((rates.origin + range[0] * rates.width - first) * unitPs) / 1e12,
    binSeconds: (rates.width * unitPs) / 1e12,
    counts: Object.fromEntries(codes.map((code) => [code, rates.of(code, ...range)])),
  };
}

function gapFigures(collector: Collector, found: Gaps, unitPs: number): Figures["gaps"] {
  const { gaps, more, longest, threshold } = found;
  const first = Math.min(...collector.firstOf);
  const seconds = (units: number) => (units * unitPs) / 1e12;
  return {
    count: gaps.length,
    more,
    totalSeconds: seconds(gaps.reduce((sum, { length }) => sum + length, 0)),
    longest: gaps
      .slice(0, 16)
      .map(({ from, length }) => ({ atSeconds: seconds(from - first), seconds: seconds(length) })),
    longestSilenceSeconds: seconds(longest?.length ?? 0),
    ...(threshold === undefined ? {} : { expectedBelowSeconds: seconds(threshold) }),
    reported: collector.reportedGaps,
  };
}

/** A delay cannot be longer than a sync period unless syncs were lost; then times are wrong (FORMATS.md 1.1). */
function lostSyncs({ decay }: Collector, { dtimeResolutionPs, resolutionPs }: DumpInfo): string[] {
  if (!dtimeResolutionPs) return [];
  const longest = Math.max(0, ...[...decay.values()].map((counts) => usedDelays(counts)[1]));
  if (longest * dtimeResolutionPs <= 1.05 * resolutionPs) return [];
  return [
    `delays reach ${decimal(longest * dtimeResolutionPs)} ps, the header's sync period is ${decimal(resolutionPs)} ps: syncs were lost or the period is wrong, so times and rates are not to be trusted`,
  ];
}

/** Up to six significant digits, never an exponent. */
function decimal(x: number): string {
  const digits = Math.max(0, 5 - Math.floor(Math.log10(Math.max(Math.abs(x), 1e-3))));
  return x
    .toFixed(Math.min(20, digits))
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
}

function thousandths(x: number): string {
  return x.toFixed(3).replace(/\.?0+$/, "");
}
