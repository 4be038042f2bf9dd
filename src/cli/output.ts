/**
 * How every command answers (CONTRACT.md, "Command line"): one JSON document on stdout under --json, text otherwise;
 * progress and logs on stderr; exit 0 done, 1 failed with a code, 2 wrong usage, 130 interrupted.
 */
import type { Command } from "commander";
import { QkdError, toQkdError } from "../errors.js";

export interface Answer {
  /** The JSON document. */
  readonly json: unknown;
  /** What a person reads. */
  readonly text: string;
  /**
   * Exit code, default 0; 1 for an answer that holds a failure (an element with an error, a difference found); 130 where
   * a signal ended what was answered so far.
   */
  readonly exitCode?: 0 | 1 | 130;
}

/** Gives `command` the --json option and an action whose answer or error is printed as the contract says. */
export function answerWith<A extends unknown[]>(command: Command, action: (...args: A) => Promise<Answer>): void {
  command.option("--json", "one JSON document on stdout").action(async (...args: unknown[]) => {
    const json = Boolean(command.opts<{ json?: boolean }>().json);
    try {
      const answer = await action(...(args as A));
      process.exitCode = answer.exitCode ?? 0;
      await print(json ? `${JSON.stringify(answer.json, jsonValue)}\n` : `${answer.text}\n`);
    } catch (error) {
      const failure = toQkdError(error, "INTERNAL_ERROR");
      process.exitCode = failure.code === "INTERRUPTED" ? 130 : failure.code === "USAGE_INVALID" ? 2 : 1;
      if (json) await print(`${JSON.stringify({ error: failure }, jsonValue)}\n`);
      else process.stderr.write(`${failure.code}: ${failure.message}\n`);
    }
  });
}

/** A reader that has gone (`… | head`) wanted no more; a full disk is told where it still can be. */
export function tellBrokenOutput(): void {
  process.stderr.on("error", () => undefined);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    process.stderr.write(`FILE_WRITE_FAILED: The answer could not be written: ${error.message}.\n`);
    process.exitCode = 1;
  });
}

function print(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve()));
}

function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly integer?: boolean;
}

/** Parses an option's value as a number within bounds. @throws QkdError USAGE_INVALID */
export function numberOption(name: string, { min = -Infinity, max = Infinity, integer = false }: Bounds = {}) {
  return (text: string): number => {
    const value = Number(text);
    const fits =
      text.trim() !== "" &&
      value >= min &&
      value <= max &&
      (integer ? Number.isSafeInteger(value) : Number.isFinite(value));
    if (fits) return value;
    const kind = integer ? "whole number" : "number";
    throw new QkdError("USAGE_INVALID", `${name}: ${JSON.stringify(text)} is no ${kind} from ${min} to ${max}.`, {
      option: name,
    });
  };
}
