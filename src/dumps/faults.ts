/** Errors and warnings of readers: each names the file, the byte and what to do (FORMATS.md 8). */
import { type ErrorCode, QkdError } from "../errors.js";
import type { DumpInfo } from "./types.js";

export type DumpErrorCode = Extract<ErrorCode, `DUMP_${string}`>;

export interface Place {
  readonly offset?: number;
  readonly record?: number;
  readonly line?: number;
}

export function dumpError(code: DumpErrorCode, file: string, message: string, place: Place = {}): QkdError {
  const where =
    place.line !== undefined ? `, line ${place.line}` : place.offset !== undefined ? `, byte ${place.offset}` : "";
  return new QkdError(code, `${file}${where}: ${message}`, { file, ...place });
}

/** A warning in lenient mode; strict mode makes an error of what FORMATS.md classes so. @throws QkdError */
export function warn(info: DumpInfo, strict: boolean, code: DumpErrorCode, message: string, place: Place = {}): void {
  if (strict) throw dumpError(code, info.file, message, place);
  info.warnings.push({ code, message, ...place });
}
