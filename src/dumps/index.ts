/** Raw detector dumps as one stream of time tags. */
export { type Conversion, convertDump } from "./convert.js";
export { type Inspection, inspectDump } from "./inspect.js";
export { openMerged } from "./merged.js";
export { detectFormat, openDump } from "./open.js";
export { PreparationRecord } from "./preparation.js";
export type { Dump, DumpFormat, DumpInfo, DumpWarning, NativeBatch, OpenOptions, TagBatch } from "./types.js";
export { dumpFormats } from "./types.js";
export type { EventBatch } from "./write/encoder.js";
export { type WritableFormat, writableFormats } from "./write/encoders.js";
export { createDumpWriter, type DumpWriter } from "./write/writer.js";
