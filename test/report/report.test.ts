import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { percent, power, short, tick, whole } from "../../src/report/format.js";
import { renderReport } from "../../src/report/index.js";
import { leastEfficiency, normalQuantile } from "../../src/report/limit.js";
import { methodOf } from "../../src/report/method.js";
import type { ReportModel } from "../../src/report/model.js";
import { sample } from "./sample.js";

const pictures = ["waterfall", "timing", "rate", "qber", "offset", "efficiency", "epsilon"];
const empty: ReportModel = {
  link: "dark",
  protocol: "bbm92",
  createdAt: "2026-01-01T12:00:00.000Z",
  summary: { secretBits: 0, keys: 0, siftedBits: 0, reason: "NO_LOCK" },
};

describe("the page by its text", () => {
  test("names are escaped", () => {
    const hostile = { ...sample, link: "<script>alert(1)</script>", warnings: ['"><img src=x>'] };
    const page = renderReport(hostile);
    expect(page).not.toMatch(/<script|<img/);
    expect(page).toContain("&#60;script&#62;");
  });
  test("a detector's or step's name inside a drawing is escaped too", () => {
    const histograms = [{ ...sample.timing!.histograms[0]!, detector: "<script>a</script>" }];
    const page = renderReport({
      ...sample,
      timing: { ...sample.timing!, histograms },
      waterfall: [{ step: "<b onclick=x>", left: 1 }],
    });
    expect(page).not.toMatch(/<script|<b onclick/);
  });
  test("what auto chose stands beside what it expected of the others", () => {
    const auto = {
      method: "ldpc",
      mode: "throughput",
      why: "ldpc is expected to leave most secret bits a second",
      roundTripSeconds: 0.02,
      secretBitsPerSecond: { cascade: 1e6, "ldpc throughput": 2e6 },
    };
    const block = { ...sample.blocks![0]!, ...methodOf({ method: "ldpc", code: "qc-512x512-m50", auto }) };
    const page = renderReport({ ...sample, blocks: [block] });
    for (const text of ["qc-512x512-m50", "ldpc throughput", "20.0 ms", "most secret bits", short(2e6)])
      expect(page).toContain(text);
    expect(renderReport(sample)).not.toContain("Choice of reconciliation");
    expect(methodOf({ method: "cascade", blockBits: [128, 256], auto: { method: "cascade", why: "w" } })).toEqual({
      method: "cascade 128, 256",
      auto: { chosen: "cascade", why: "w", expected: {} },
    });
    expect(methodOf(undefined)).toEqual({});
  });
  test("nothing is fetched: no address but the SVG's own names, no script, no style sheet", () => {
    const page = renderReport(sample);
    const addresses = [...page.matchAll(/https?:\/\/[^"' <)]+/g)].map(([address]) => address);
    expect(addresses.filter((a) => !/^http:\/\/www\.w3\.org\//.test(a))).toEqual([]);
    expect(page).not.toMatch(/<script|<link[^>]+stylesheet|@import|url\((?!#)/);
  });
  test("every placeholder colour became a variable of the page", () => {
    expect(renderReport(sample)).not.toMatch(/#0102[0-9a-f]{2}|rgb\(1,\s*2,/i);
  });
  test("the same model gives the same page", () => {
    const page = renderReport(sample);
    renderReport(empty);
    expect(renderReport(sample)).toBe(page);
  });
  test("no key: the reason stands at the top, and absent sections leave no heading", () => {
    const page = renderReport(empty);
    expect(page).toContain("NO_LOCK");
    expect(page).not.toMatch(/<h2|<svg/);
    const noLock = { step: "coarse offset", aliceHz: 116_320 };
    expect(renderReport({ ...empty, summary: { ...empty.summary, noLock } })).toContain(
      "step coarse offset, aliceHz 116320",
    );
  });
  test("one block without errors, one point of track, zero counts: drawn, no NaN", () => {
    const block = { index: 0, keyBits: 0, errors: 0, leakedBits: 0, secretBits: 0, reason: "NO_STATISTICS" };
    const page = renderReport({
      ...sample,
      blocks: [block],
      rates: [{ seconds: 0, detections: 0 }],
      clock: { offsetPs: "0", referencePs: "0", driftPpb: 0, track: [{ seconds: 0, residualPs: 0 }] },
      waterfall: [
        { step: "Detections", left: 0 },
        { step: "Secret bits", left: 0 },
      ],
      timing: {
        gateCentrePs: 0,
        gateHalfWidthPs: 500,
        histograms: [{ detector: "Z0", startPs: -500, binPs: 100, counts: new Array<number>(10).fill(0) }],
      },
    });
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe("numbers for people", () => {
  test("thousands, prefixes, percentages, powers", () => {
    expect([whole(1234567), whole(12), short(1234567), short(999), short(0.5), short(0)]).toEqual([
      "1\u202f234\u202f567",
      "12",
      "1.23\u202fM",
      "999",
      "0.50",
      "0",
    ]);
    expect([tick(1000), tick(1500), tick(100), tick(0.5), tick(0)]).toEqual([
      "1\u202fk",
      "1.5\u202fk",
      "100",
      "0.5",
      "0",
    ]);
    expect([percent(0.01234), power(1e-9), power(2.1e-15)]).toEqual(["1.23\u202f%", "10⁻⁹", "2.1·10⁻¹⁵"]);
  });
});

describe("the finite-length limit", () => {
  // KERNELS.md, "Finite-length limit": [QBER, bits, f at 10⁻², f at 10⁻³]
  test.each([
    [0.01, 16_384, 1.144, 1.194],
    [0.02, 262_144, 1.025, 1.033],
    [0.05, 65_536, 1.029, 1.039],
    [0.11, 1_048_576, 1.004, 1.006],
  ])("QBER %f, %i bits", (q, n, hundredth, thousandth) => {
    expect(Math.abs(leastEfficiency(q, n, 1e-2) - hundredth)).toBeLessThan(0.003);
    expect(Math.abs(leastEfficiency(q, n, 1e-3) - thousandth)).toBeLessThan(0.003);
  });
  test("normal quantile at known points", () => {
    expect(normalQuantile(0.99)).toBeCloseTo(2.326347874, 7);
    expect(normalQuantile(0.5)).toBeCloseTo(0, 9);
    expect(normalQuantile(0.001)).toBeCloseTo(-3.090232306, 7);
  });
});

/** Runs in the page: smallest contrast ratio (WCAG 2) of any text against the ground of its figure. */
const leastContrast = `(() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => {
      const c = Number(v) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance(getComputedStyle(document.querySelector("figure")).backgroundColor);
  const words = [...document.querySelectorAll("p,dd,dt,td,th,figcaption,h1,h2,h3")];
  const colours = [...document.querySelectorAll("svg text")].map((e) => getComputedStyle(e).fill)
    .concat(words.map((e) => getComputedStyle(e).color));
  return Math.min(...colours.map((colour) => {
    const ink = luminance(colour);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  }));
})()`;

const browserPath = "/usr/bin/chromium";
const installed = existsSync(browserPath);
if (!installed) console.warn(`${browserPath} is absent: the report is not opened in a browser`);

describe.skipIf(!installed)("the page in a real browser", () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "qkd-report-"));
    browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  async function open(model: ReportModel, options: { colorScheme?: "dark" | "light"; width?: number } = {}) {
    const path = join(folder, "report.html");
    await writeFile(path, renderReport(model));
    const context = await browser.newContext({
      colorScheme: options.colorScheme ?? "light",
      viewport: { width: options.width ?? 1200, height: 900 },
    });
    const page = await context.newPage();
    const trouble: string[] = [];
    const requests: string[] = [];
    page.on("console", (message) => trouble.push(message.text()));
    page.on("pageerror", (error) => trouble.push(String(error)));
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(path).href, { waitUntil: "networkidle" });
    return { page, trouble, requests: requests.filter((url) => !url.startsWith("data:")), context };
  }

  test("draws every picture, with no error and no request but itself", async () => {
    const { page, trouble, requests, context } = await open(sample);
    expect(await page.title()).toBe(`${sample.link} · qkd-distill`);
    for (const id of pictures) {
      const svg = page.locator(`figure#${id} svg`);
      expect(await svg.count(), id).toBe(1);
      const box = (await svg.boundingBox())!;
      expect(box.width, id).toBeGreaterThan(300);
      expect(box.height, id).toBeGreaterThan(80);
      expect(await svg.locator("path").count(), id).toBeGreaterThan(5);
      expect(await svg.locator("path:visible").count(), id).toBeGreaterThan(0);
      expect((await page.locator(`figure#${id} figcaption`).textContent())!.length, id).toBeGreaterThan(30);
    }
    expect(await page.locator("table").count()).toBe(5);
    expect(trouble).toEqual([]);
    expect(requests).toHaveLength(1);
    await context.close();
  }, 60_000);

  test("text contrasts with its ground in light and dark, in pictures too", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const { page, context } = await open(sample, { colorScheme });
      const worst = await page.evaluate<number>(leastContrast);
      expect(worst, colorScheme).toBeGreaterThan(4.5); // WCAG AA
      await context.close();
    }
  }, 60_000);

  test("fits a phone without sideways scrolling", async () => {
    const { page, context } = await open(sample, { width: 380 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(380);
    await context.close();
  }, 60_000);

  test("a run without key opens as cleanly", async () => {
    const { page, trouble, context } = await open(empty);
    expect(await page.locator(".verdict").textContent()).toContain("NO_LOCK");
    expect(trouble).toEqual([]);
    await context.close();
  }, 60_000);
});
