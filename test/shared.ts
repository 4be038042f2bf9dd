/** Where the shared vectors and dumps lie, if they do: tests on them skip with a message where they are absent. */
import { appendFileSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const candidates = [`${root}../shared/`, `${root}../../shared/`];

export const sharedFolder = candidates.find((folder) => existsSync(`${folder}vectors`));
if (!sharedFolder) console.warn("../shared is absent: tests on shared vectors and dumps are skipped");

export function sharedFile(path: string): string {
  return `${sharedFolder}${path}`;
}

/** Where a slow suite stands, a line every so often in the file that QKD_PROGRESS names. */
export function progress(suite: string, done: number, total: number, every: number): void {
  const file = process.env.QKD_PROGRESS;
  if (file && done % every === 0) appendFileSync(file, `${new Date().toISOString()} ${suite} ${done} of ${total}\n`);
}
