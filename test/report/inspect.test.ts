import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { describe, expect, it } from "vitest";
import { type Inspection, inspectDump } from "../../src/dumps/inspect.js";
import { renderInspections } from "../../src/report/inspect-page.js";
import { ptu } from "../dumps/samples.js";
import { chance, clicks } from "../dumps/streams.js";

async function table(channels: Readonly<Record<number, readonly number[]>>): Promise<Inspection> {
  const rows = Object.entries(channels).flatMap(([code, times]) => times.map((t) => [t, code] as const));
  const text = rows.sort((a, b) => a[0] - b[0]).map(([t, code]) => `${t},${code}\n`);
  return inspectDump(Readable.from([Buffer.from(text.join(""))]), { format: "csv" });
}

const gaps = [[1e11, 5e9]] as const;
const detector = (seed: number) => clicks({ events: 8000, ratePerSecond: 50_000, deadPs: 1e6, gaps }, chance(seed));
const t3 = () =>
  inspectDump(
    Readable.from([
      ptu(
        0x01010304,
        Array.from({ length: 900 }, (_, i) => ((100 + (i % 7) ** 2) << 10) | i),
        { tick: 25e-9, dtime: 1e-10 },
      ),
    ]),
  );

describe("the page of inspected dumps", () => {
  it("one file: its name on top, rate, intervals, gaps, a part of the link file", async () => {
    const clock = Array.from({ length: 160 }, (_, n) => n * 1e9);
    const page = renderInspections([await table({ 0: clock, 1: detector(1), 2: detector(2) })]);
    for (const text of ["Rate over time", "Intervals", "The longest gaps", "&#34;detectors&#34;", "clock", "Dead time"])
      expect(page).toContain(text);
    expect(page).not.toMatch(/NaN|Infinity|undefined|<script|#0102[0-9a-f]{2}/);
  });

  it("names are escaped, and what could not be read is told", async () => {
    const hostile = { ...(await table({ 1: [1] })), file: "<script>a</script>" };
    const page = renderInspections([hostile], [{ file: "<b>", reason: "\"'<img>" }]);
    expect(page).not.toMatch(/<script|<b>|<img/);
    expect(page).toContain("&#60;script&#62;");
  });

  it("nothing to draw leaves no heading: no event, one event, all in a tick", async () => {
    const none = await inspectDump(Readable.from([ptu(0x01010204, [])]));
    const page = renderInspections([none, await table({ 1: [5] }), await table({ 1: [5, 5, 5, 5] })]);
    expect(page).not.toMatch(/<svg|In pictures|NaN|Infinity|undefined/);
  });

  const browser = existsSync("/usr/bin/chromium");
  if (!browser) console.warn("no /usr/bin/chromium: the page is not opened in a browser");
  it.skipIf(!browser)("fits a narrow and a wide window, in light and dark, 64 channels and T3 with it", async () => {
    const many = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [i, detector(i + 1).slice(0, 300)]));
    const folder = await mkdtemp(join(tmpdir(), "inspect-page-"));
    const opened = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    try {
      const path = join(folder, "inspect.html");
      await writeFile(path, renderInspections([await table({ 1: detector(1) }), await table(many), await t3()]));
      for (const [width, colorScheme] of [
        [390, "light"],
        [1280, "dark"],
      ] as const) {
        const page = await opened.newPage({ viewport: { width, height: 800 }, colorScheme });
        const faults: string[] = [];
        page.on("console", (message) => faults.push(message.text()));
        page.on("pageerror", (error) => faults.push(error.message));
        await page.goto(pathToFileURL(path).href);
        expect(faults).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
        expect(await page.locator("figure svg").count()).toBe(7);
        // No label reaches out of its drawing.
        const cut = await page.evaluate(`[...document.querySelectorAll("figure svg text")].filter((text) => {
          const [own, all] = [text.getBoundingClientRect(), text.closest("svg").getBoundingClientRect()];
          return own.left < all.left - 1 || own.right > all.right + 1 || own.top < all.top - 1 || own.bottom > all.bottom + 1;
        }).map((text) => text.textContent)`);
        expect(cut).toEqual([]);
        await page.close();
      }
    } finally {
      await opened.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
