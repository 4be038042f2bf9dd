/** `npm run study -- --quick` draws every figure as a well-formed SVG and says how its numbers came about. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = new URL("../../", import.meta.url);

it("draws the figures and their data", async () => {
  const out = mkdtempSync(join(tmpdir(), "qkd-study-"));
  try {
    await promisify(execFile)(process.execPath, ["dist/bench/study/index.js", "--quick", "--out", out], { cwd: root });
    expect(readdirSync(out).sort()).toEqual(["efficiency.svg", "frame-errors.svg", "speed.svg", "study.json"]);
    for (const name of ["efficiency.svg", "frame-errors.svg", "speed.svg"]) {
      const svg = readFileSync(join(out, name), "utf8");
      expect(openElements(svg), name).toEqual([]);
      expect(svg, name).toMatch(/^<svg width="900" height="480" role="img" xmlns="http:\/\/www.w3.org\/2000\/svg"/);
      expect(svg, name).toMatch(/<title>[^<]+<\/title>/);
      expect(svg, name).not.toMatch(/NaN|undefined|#0102/);
    }
    const data = JSON.parse(readFileSync(join(out, "study.json"), "utf8")) as Record<string, unknown>;
    expect(data).toMatchObject({
      made: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      commit: expect.any(String),
      commands: { figures: expect.any(String), curves: expect.any(String) },
      machine: { cpu: expect.any(String), cores: expect.any(Number) },
      versions: { node: process.versions.node },
    });
    const measured = data.measured as { efficiency: number; mbitPerSecond: number }[];
    expect(measured).toHaveLength(6);
    for (const { efficiency, mbitPerSecond } of measured) {
      expect(efficiency).toBeGreaterThan(1);
      expect(efficiency).toBeLessThan(1.5);
      expect(mbitPerSecond).toBeGreaterThan(0);
    }
    for (const { source } of data.published as { source: string }[]) expect(source).toMatch(/arXiv|github/);
  } finally {
    rmSync(out, { recursive: true });
  }
});

/** Names of elements that are not closed, or closed out of turn. */
function openElements(xml: string): string[] {
  const open: string[] = [];
  for (const [, slash, name, rest] of xml.matchAll(/<(\/?)([\w:]+)((?:"[^"]*"|[^">])*)>/g)) {
    if (slash) {
      if (open.pop() !== name) return [`</${name}>`];
    } else if (!rest!.endsWith("/")) open.push(name!);
  }
  return open;
}
