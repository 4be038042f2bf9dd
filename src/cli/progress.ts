/** A progress bar on stderr for what takes over a second, only where stderr is a terminal; lines for what has no end. */
import { SingleBar } from "cli-progress";
import { blockSeconds } from "../block-source.js";
import type { Link } from "../link.js";
import type { BlockRow } from "../report/rows.js";
import { blockText } from "./distill-text.js";

export interface Progress {
  /** `done` of `total`, in any unit. */
  update(done: number, total: number): void;
  stop(): void;
}

export function progress(label: string): Progress {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const startedAt = Date.now();
  let bar: SingleBar | undefined;
  return {
    update(done, total) {
      if (!bar && Date.now() - startedAt > 1000) {
        bar = new SingleBar({
          format: `${label} [{bar}] {percentage} % | {eta} s left`,
          stream: process.stderr,
          clearOnComplete: true,
          hideCursor: true,
        });
        bar.start(total, done);
      }
      bar?.setTotal(total);
      bar?.update(done);
    },
    stop() {
      bar?.stop();
      bar = undefined;
    },
  };
}

/** Of a run that follows its dumps: a line a block. */
export function blockLines(link: Link): (row: BlockRow) => void {
  const seconds = Number(blockSeconds(link).toPrecision(3));
  process.stderr.write(`following: a block every ${seconds} s of data, Ctrl-C ends\n`);
  return (row) => process.stderr.write(`${blockText(row)}\n`);
}
