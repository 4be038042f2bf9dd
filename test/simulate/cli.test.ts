/** The two commands as a user runs them (needs the build). */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { demoDecoy } from "../../src/simulate/index.js";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
let folder: string;
let link: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qkd-cli-simulate-"));
  link = join(folder, "in.json");
  await writeFile(link, JSON.stringify(demoDecoy.link));
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: "utf8" });
  return { status, stdout, stderr, json: args.includes("--json") ? JSON.parse(stdout) : undefined };
};

test("simulate --json: one document, the files it names, the truth", async () => {
  const out = join(folder, "a");
  const { status, json } = run("simulate", "--link", link, "--seconds", "0.02", "--seed", "7", "--out", out, "--json");
  expect(status).toBe(0);
  for (const file of ["alice", "bob", "link", "truth"]) expect(existsSync(json.files[file])).toBe(true);
  expect(JSON.parse(await readFile(json.files.truth, "utf8"))).toEqual(json.truth);
  expect(json.truth.pulses).toBe(2_000_000);
});

test("simulate: wrong usage exits 2, a wrong link or folder 1, with codes", async () => {
  const common = ["simulate", "--link", link, "--seed", "1", "--out", join(folder, "b")];
  expect(run(...common).status).toBe(2);
  expect(run(...common, "--seconds", "-1").status).toBe(2);
  const broken = join(folder, "broken.json");
  await writeFile(broken, JSON.stringify({ ...demoDecoy.link, sorce: {} }));
  const wrong = run("simulate", "--link", broken, "--seconds", "1", "--seed", "1", "--out", folder, "--json");
  expect(wrong).toMatchObject({ status: 1, json: { error: { code: "LINK_CONFIG_INVALID" } } });
  const taken = run("simulate", "--link", link, "--seconds", "1", "--seed", "1", "--out", link, "--json");
  expect(taken).toMatchObject({ status: 1, json: { error: { code: "FILE_WRITE_FAILED" } } });
});

test("plan: table on stdout, plot in the file, JSON rows; a bad sweep is wrong usage", async () => {
  const plot = join(folder, "plan.svg");
  const text = run("plan", "--link", link, "--loss", "0:10:5", "--blocks", "1e8,1e9", "--out", plot);
  expect(text.status).toBe(0);
  expect(text.stdout).toContain("Secret bits of a block");
  expect(await readFile(plot, "utf8")).toMatch(/^<svg /);
  const { json } = run("plan", "--link", link, "--loss", "4", "--blocks", "1e9", "--epsilon", "1e-9", "--json");
  expect(json.rows).toHaveLength(1);
  expect(json.rows[0].secretBits).toBeGreaterThan(1_000_000);
  for (const bad of [
    ["--loss", "9:1"],
    ["--blocks", "0"],
    ["--epsilon", "1"],
    ["--out", "x.png"],
  ])
    expect(run("plan", "--link", link, ...bad).status, bad.join(" ")).toBe(2);
});

test("a reader that has gone ends quietly, a full disk behind stdout is told", () => {
  const shell = (command: string) => {
    const { status, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", command], { encoding: "utf8" });
    return { status, stderr };
  };
  const node = `"${process.execPath}" "${cli}" simulate --link "${link}" --seconds 0.001 --seed 7 --json`;
  expect(shell(`${node} --out "${join(folder, "gone")}" | head -c 0`)).toEqual({ status: 0, stderr: "" });
  expect(shell(`"${process.execPath}" "${cli}" --help | head -c 0`)).toEqual({ status: 0, stderr: "" });
  if (!existsSync("/dev/full")) return;
  const full = shell(`${node} --out "${join(folder, "full")}" > /dev/full`);
  expect(full).toEqual({ status: 1, stderr: expect.stringMatching(/^FILE_WRITE_FAILED: .*ENOSPC/) });
});
