/** A progress bar on stderr for what takes over a second, only where stderr is a terminal. */
import { SingleBar } from "cli-progress";

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
