/** `qkd-distill bench`: the report has what a reader needs to judge and repeat it; wrong names are usage errors. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const root = new URL("../../", import.meta.url);

function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ["dist/cli.js", "bench", ...args], { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

it("reports machine, versions, the module's digest, seed and ordered quantiles", async () => {
  const { code, stdout, stderr } = await bench("sift", "--seconds", "0.1", "--seed", "7", "--json");
  expect([code, stderr]).toEqual([0, ""]);
  const report = JSON.parse(stdout) as Record<string, unknown> & { rows: Record<string, number | string>[] };
  const wasm = readFileSync(new URL("dist/kernels.wasm", root));
  expect(report).toMatchObject({
    seed: 7,
    wasmSha256: createHash("sha256").update(wasm).digest("hex"),
    machine: { cpu: expect.any(String), cores: expect.any(Number) },
    versions: { node: process.versions.node, "qkd-distill": expect.any(String) },
  });
  expect(report.rows.map((row) => row.name)).toContain("sift alice p=0.1 wasm");
  for (const row of report.rows) {
    expect(Object.keys(row)).toEqual(["name", "unit", "median", "p10", "p90", "rounds", "workers", "parameters"]);
    expect(row.p10).toBeGreaterThan(0);
    expect(row.median).toBeGreaterThanOrEqual(row.p10 as number);
    expect(row.p90).toBeGreaterThanOrEqual(row.median as number);
  }
}, 60_000);

it("a name that is none exits 2", async () => {
  const { code, stdout } = await bench("speed");
  expect([code, stdout]).toEqual([2, ""]);
});
