/** Distilled over and over in one process: resident memory and open files stay flat. `QKD_SLOW`; `QKD_SOAK_MINUTES`. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createEngine } from "../../dist/index.js";
import { simulated, smallBbm92 } from "./links.js";

const minutes = Number(process.env.QKD_SOAK_MINUTES ?? 30);
const slow = process.env.QKD_SLOW !== undefined || process.env.QKD_SOAK_MINUTES !== undefined;

test.skipIf(!slow)(`${minutes} minutes: memory and handles are flat`, { timeout: (minutes + 5) * 60_000 }, async () => {
  const link = await simulated(smallBbm92({ blocks: { seconds: 0.25 } }), 1.2, 21);
  const engine = await createEngine({ workers: 2 });
  const rss: number[] = [];
  const files: number[] = [];
  const until = Date.now() + minutes * 60_000;
  while (Date.now() < until) {
    const out = join(link.folder, "soak");
    const report = await engine.distill({ link: link.link, alice: link.alice, bob: link.bob, out });
    expect(report.secretBits).toBeGreaterThan(0);
    rmSync(out, { recursive: true });
    rss.push(process.memoryUsage.rss() / 2 ** 20);
    if (process.platform === "linux") files.push(readdirSync("/proc/self/fd").length);
  }
  await engine.close();
  const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
  const [early, late] = [rss.slice(rss.length >> 2, rss.length >> 1), rss.slice(-(rss.length >> 2))].map(median);
  console.log(
    `${rss.length} runs, resident ${early!.toFixed(0)} → ${late!.toFixed(0)} MiB, handles ${files[1]} → ${files.at(-1)}`,
  );
  expect(late!).toBeLessThan(early! * 1.1 + 16);
  if (files.length > 1) expect(files.at(-1)!).toBeLessThanOrEqual(files[1]! + 2);
});
