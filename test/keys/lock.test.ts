/** One run a folder: refused while it is held, free once given back, and taken over from a holder that died. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { takeLock } from "../../src/keys/lock.js";
import { openStateFolder } from "../../src/keys/state-folder.js";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "qkd-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const refused = { code: "FILE_LOCKED" };

it("one holder at a time; given back, it is free and nothing is left", async () => {
  const release = await takeLock(path, { waitMs: 0 });
  await expect(takeLock(path, { waitMs: 0 })).rejects.toMatchObject(refused);
  const waiting = takeLock(path, { waitMs: 10_000 });
  await release();
  await (await waiting)();
  expect(await readdir(folder)).toEqual([]);
});

it("of many at once one gets it", async () => {
  const takers = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(path, { waitMs: 0 })));
  const held = takers.filter((taker) => taker.status === "fulfilled");
  expect(held).toHaveLength(1);
  await held[0]!.value();
});

it("a living process keeps it, a killed one's is taken over at once", async () => {
  const module = new URL("../../dist/keys/lock.js", import.meta.url).href;
  const script = `const { takeLock } = await import(${JSON.stringify(module)}); await takeLock(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  await expect(takeLock(path, { waitMs: 200 })).rejects.toMatchObject(refused);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  await (await takeLock(path, { waitMs: 0 }))();
});

it.each([
  ["of another system", "1 12345 another-boot/pid:[1] 0000"],
  ["that was never written to its end", ""],
])("one %s is held while its time is fresh", async (_, holder) => {
  await writeFile(path, holder);
  await expect(takeLock(path, { waitMs: 0 })).rejects.toMatchObject(refused);
  const old = Date.now() / 1000 - 60;
  await utimes(path, old, old);
  await (await takeLock(path, { waitMs: 0 }))();
  expect(await readdir(folder)).toEqual([]);
});

it("a state folder is one run's: blocks would be distilled twice", async () => {
  const first = await openStateFolder(folder, "alice", "one run");
  await expect(openStateFolder(folder, "alice", "one run")).rejects.toMatchObject(refused);
  await (await openStateFolder(folder, "bob", "one run")).close();
  await first.close();
  await (await openStateFolder(folder, "alice", "one run")).close();
}, 30_000);

it("who waits for a run in the folder hears that it is to stop", async () => {
  const first = await openStateFolder(folder, "alice", "one run");
  const stop = new AbortController();
  const second = openStateFolder(folder, "alice", "one run", {}, stop.signal);
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: "INTERRUPTED" });
  await first.close();
  await (await openStateFolder(folder, "alice", "one run")).close();
});
