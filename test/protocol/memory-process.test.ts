/**
 * The whole memory of a process that has distilled on two workers, seen from outside (/proc/PID/mem): no piece of a key
 * that was released, nor of a reconciled word that went into the hash, is left in it, in workers or main thread, in use or
 * freed.
 */
import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { keysOf, simulated, smallBbm92 } from "./links.js";

const patternBytes = 15;
const chunk = 2 ** 26;
const module = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../dist/${path}`, import.meta.url)));

/** A piece of the word may begin at any bit of a byte where it came from. */
function shifted(bytes: Buffer, bits: number): Buffer {
  return Buffer.from(bytes.subarray(0, -1).map((byte, i) => (byte >>> bits) | (bytes[i + 1]! << (8 - bits))));
}

/** Distils, notes on disk what went into the hash as it went, and stays until its standard input ends. */
const script = (alice: string, bob: string, linkFile: string, out: string, words: string) => `
  import { openSync, readFileSync, writeSync } from "node:fs";
  const { distill } = await import(${module("distill.js")});
  const { parseLink } = await import(${module("link.js")});
  const { PoolExecutor } = await import(${module("workers/executor.js")});
  const executor = new PoolExecutor(2);
  const words = openSync(${JSON.stringify(words)}, "w");
  const run = executor.run.bind(executor);
  executor.run = (name, input, options) => {
    if (name === "toeplitz") writeSync(words, input.input);
    return run(name, input, options);
  };
  const link = parseLink(JSON.parse(readFileSync(${JSON.stringify(linkFile)}, "utf8")));
  const planted = Buffer.alloc(64, "this is planted and has to be found ");
  await distill(executor, { link, alice: ${JSON.stringify(alice)}, bob: ${JSON.stringify(bob)}, out: ${JSON.stringify(out)} });
  for (let i = 0; i < 3; i++) { globalThis.gc(); await new Promise((done) => setTimeout(done, 100)); }
  console.log("ready");
  process.stdin.on("end", () => process.exit(planted[0])).resume();`;

function readableMemory(pid: number): { read: number; has(pattern: Buffer): boolean } {
  const regions = readFileSync(`/proc/${pid}/maps`, "utf8")
    .split("\n")
    .flatMap((line) => {
      const found = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      return found ? [[Number.parseInt(found[1]!, 16), Number.parseInt(found[2]!, 16)] as const] : [];
    });
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const parts: Buffer[] = [];
  for (const [from, to] of regions)
    for (let at = from; at < to; at += chunk) {
      const part = Buffer.alloc(Math.min(chunk, to - at));
      try {
        parts.push(part.subarray(0, readSync(memory, part, 0, part.length, at)));
      } catch (error) {
        // a guard page; what cannot be read holds nothing
        if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
      }
    }
  return {
    read: parts.reduce((sum, part) => sum + part.length, 0),
    has: (pattern) => parts.some((part) => part.includes(pattern)),
  };
}

const here = existsSync("/proc/self/mem");
test.skipIf(!here).each(["ldpc", "cascade"] as const)("with %s", { timeout: 120_000 }, async (method) => {
  const change = {
    blocks: { seconds: 0.25 },
    reconciliation: { method, accounting: "pattern-public" },
    authentication: { replenish: 1 },
  } as const;
  const link = await simulated(smallBbm92(change), 0.8, 3);
  const [out, words] = ["out", "words"].map((name) => join(link.folder, name)) as [string, string];
  const source = script(link.alice, link.bob, join(link.folder, "dumps", "link.json"), out, words);
  const child = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", source], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    for await (const text of child.stdout) if (String(text).includes("ready")) break;
    const memory = readableMemory(child.pid!);
    expect(memory.has(Buffer.from("planted and has to be found"))).toBe(true);
    const keys = keysOf(out, "alice").map(({ key }) => Buffer.from(key, "base64"));
    expect(keys.length).toBeGreaterThan(0);
    const hashed = readFileSync(words);
    const secrets = [...keys, ...Array.from({ length: 8 }, (_, bits) => shifted(hashed, bits))];
    let pieces = 0;
    for (const secret of secrets)
      for (let at = 0; at + patternBytes <= secret.length; at += 4 * patternBytes) {
        pieces++;
        expect(memory.has(Buffer.from(secret.subarray(at, at + patternBytes))), `piece ${pieces}`).toBe(false);
      }
    expect(pieces).toBeGreaterThan(40);
  } finally {
    child.kill("SIGKILL");
  }
});
