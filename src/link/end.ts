/** One end in the link description: its dump, detectors and clock channel. */
import { z } from "zod";
import { dumpFormats, type OpenOptions } from "../dumps/types.js";
import { basis, fractionalPicoseconds, picoseconds } from "./scalars.js";

const detector = z.strictObject({
  channel: z.int().min(0).max(255).describe("channel code as `inspect` prints it"),
  basis: basis.describe("basis that a click of this detector means"),
  bit: z.union([z.literal(0), z.literal(1)]).describe("bit that a click of this detector means"),
});

/** How an end's file is read: its own affair, so that the other end need not have the same. */
const reading = {
  columns: z
    .array(z.string().min(1))
    .min(1)
    .max(256)
    .optional()
    .describe("csv: columns in order, as time, channel (others skipped); parquet, hdf5: names of those two"),
  unit: z.enum(["ps", "ns", "s"]).optional().describe("unit of times that the format does not say (csv, tables, u64)"),
  tickPs: fractionalPicoseconds
    .optional()
    .describe("qutag, qutag_raw, u64: length of a tick, ps, where it is not 1 (quTAU: 80.955)"),
  referencePeriodPs: picoseconds
    .pipe(z.int().min(1))
    .optional()
    .describe("idq_pairs: period of the reference channel, ps"),
};

export const end = z.strictObject({
  format: z
    .enum(["auto", ...dumpFormats])
    .default("auto")
    .describe("dump format, `auto` by content, or `preparation` for a source's record"),
  ...reading,
  detectors: z.array(detector).min(2).optional().describe("the detectors; the first one is the reference for delays"),
  clockChannel: z
    .strictObject({
      channel: z.int().min(0).max(255).describe("channel of the source's clock"),
      everyPulses: z.int().min(1).describe("a clock event every this many pulses"),
    })
    .optional()
    .describe("channel that carries the source's clock; without it the clock comes from the data"),
  deadTimePs: picoseconds
    .pipe(z.number().min(0))
    .optional()
    .describe(
      "after an accepted click no click of the same party counts for this long (ps); absent: 0, with a warning",
    ),
});

export type End = z.output<typeof end>;
export type Detector = z.output<typeof detector>;

/** What an end's description says of how its own file is read. */
export function ownReading(party: End): OpenOptions {
  return Object.fromEntries(Object.entries(party).filter(([field, value]) => field in reading && value !== undefined));
}

/** The rest: formats as the simulator writes them need no telling, the other end need not know. */
export function withoutReading(party: End): Record<string, unknown> {
  return Object.fromEntries(Object.entries(party).filter(([field]) => !(field in reading)));
}
