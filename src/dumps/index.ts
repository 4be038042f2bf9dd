/** Raw detector dumps as one stream of time tags. */
export { detectFormat, openDump } from "./open.js";
export { PreparationRecord } from "./preparation.js";
export type { Dump, DumpFormat, DumpInfo, DumpWarning, NativeBatch, OpenOptions, TagBatch } from "./types.js";
export { dumpFormats } from "./types.js";
