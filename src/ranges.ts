/** Sets of block or slot numbers as text on the wire: `0-41,43-43`, ascending. */
import { QkdError } from "./errors.js";

export type Range = readonly [first: number, last: number];

const mostRanges = 512;
/** Longest text of as many ranges. */
export const longestRanges = mostRanges * 34;

/** @param numbers  ascending */
export function rangesOf(numbers: Iterable<number>): Range[] {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}

/** @param join  whether the lowest ranges become one with the gaps between them, or are left out, where there are many */
export function rangesText(ranges: readonly Range[], join: boolean): string {
  const kept = ranges.slice(-mostRanges);
  if (join && ranges.length > kept.length) kept[0] = [ranges[0]![0], kept[0]![1]];
  return kept.map((range) => range.join("-")).join(",");
}

/** @throws QkdError CHANNEL_MESSAGE_INVALID */
export function parseRanges(text: string): Range[] {
  if (text === "") return [];
  const ranges = text.split(",").map((range) => /^(\d{1,16})-(\d{1,16})$/.exec(range)?.slice(1).map(Number));
  let before = -1;
  for (const range of ranges) {
    if (!range || ranges.length > mostRanges || range[0]! <= before || range[1]! < range[0]!)
      throw new QkdError("CHANNEL_MESSAGE_INVALID", "The peer's list of block or slot numbers is malformed.");
    before = range[1]!;
  }
  return ranges as unknown as Range[];
}

export function inRanges(ranges: readonly Range[], number: number): boolean {
  return ranges.some(([first, last]) => first <= number && number <= last);
}
