/** Two ends as processes: what they refuse, how they stop, what they keep (CONTRACT.md, `alice` / `bob`). */
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AuthKeyPool, addToPool } from "../../src/keys/pool.js";
import { makeSignKey } from "../../src/keys/sign-key.js";
import type { SecretKey } from "../../src/keys/types.js";
import { parseAudit, recompute } from "../../src/security/audit.js";
import { bothKeys, keysOf, type Simulated, simulated, smallBbm92 } from "./links.js";
import { type Ended, EndProcess, freePort, linkFile, type Pair, type PairOptions, pairOf } from "./processes.js";

let link: Simulated;
const open: Pair[] = [];
const auth = randomBytes(1 << 16);

const pairUp = async (options: PairOptions = {}) => {
  const pair = await pairOf(link, auth, options);
  open.push(pair);
  return pair;
};
const both = ({ alice, bob }: Pair) => Promise.all([alice.start(), bob.start()]);
const outcome = ({ code, json }: Ended) => json.error?.code ?? code;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  link = await simulated(smallBbm92({ blocks: { seconds: 0.25 } }), 0.8, 12);
}, 60_000);
afterAll(() => {
  for (const pair of open) pair.close();
});

test("the same key file with two --out: no pad twice; a record restored from a backup is refused", async () => {
  const first = await pairUp();
  const backups = Object.values(first.authKey).map((file) => `${file}.used`);
  expect((await both(first)).map(outcome)).toEqual([0, 0]);
  for (const file of backups) copyFileSync(file, `${file}.backup`);
  const second = await pairUp({ authKey: first.authKey });
  expect((await both(second)).map(outcome)).toEqual([0, 0]);
  for (const direction of ["toListener", "toCaller"] as const) {
    const pads = [first, second].flatMap(({ wire }) => wire.pads[direction]);
    expect(pads.length).toBeGreaterThan(4);
    expect(new Set(pads).size).toBe(pads.length);
  }
  expect(keysOf(second.out.alice, "alice").length).toBeGreaterThan(0);
  for (const file of backups) copyFileSync(`${file}.backup`, file);
  expect((await both(second)).map(outcome)).toEqual(["AUTH_STATE_ROLLED_BACK", "AUTH_STATE_ROLLED_BACK"]);
}, 120_000);

test("SIGTERM and Ctrl-C end in order, and both go on afterwards to equal keys", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const pair = await pairUp();
    const ended = both(pair);
    while (pair.wire.bytes < 50_000) await pause(10);
    pair.bob.signal(signal);
    expect(outcome(await pair.bob.ended)).toBe("INTERRUPTED");
    pair.alice.signal(signal);
    const [alice, bob] = await ended;
    expect([alice.code, bob.code]).toEqual([130, 130]);
    expect((await both(pair)).map(outcome)).toEqual([0, 0]);
    const [a, b] = bothKeys(pair.out.alice, pair.out.bob);
    expect(a.length).toBeGreaterThan(0);
    expect(a).toBe(b);
  }
}, 120_000);

test("another link description is refused at both ends, and the field is named", async () => {
  const shared = JSON.parse(readFileSync(linkFile(link), "utf8"));
  const pair = await pairUp({ link: { bob: { ...shared, qberLimit: 0.05 } } });
  void pair.alice.start();
  const { json, code } = await pair.bob.start();
  expect(code).toBe(1);
  expect(json.error).toMatchObject({ code: "CHANNEL_LINK_MISMATCH", details: { field: "qberLimit" } });
  expect(pair.alice.running).toBe(true);
}, 60_000);

test("another authentication key, and none that is long enough, are refused", async () => {
  const pair = await pairUp({ authBytes: { alice: auth, bob: randomBytes(1 << 16) } });
  void pair.alice.start();
  expect(outcome(await pair.bob.start())).toBe("CHANNEL_KEY_MISMATCH");
  expect(pair.alice.running).toBe(true);
  const short = await pairUp({ authBytes: { alice: auth.subarray(0, 4000), bob: auth } });
  expect(outcome(await short.alice.start())).toBe("AUTH_KEY_TOO_SHORT");
}, 60_000);

test("a port in use, an absent peer and another version of the state are said at once", async () => {
  const pair = await pairUp();
  const taken = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => taken.listen(port, "127.0.0.1", resolve));
  const busy = await pairUp({ extra: { alice: ["--listen", `127.0.0.1:${port}`] } });
  expect(outcome(await busy.alice.start())).toBe("CHANNEL_LISTEN_FAILED");
  taken.close();
  const alone = await pairUp({ extra: { bob: ["--wait", "1"] } });
  expect(outcome(await alone.bob.start())).toBe("CHANNEL_PEER_ABSENT");
  expect((await both(pair)).map(outcome)).toEqual([0, 0]);
  const journal = join(pair.out.alice, "state", "alice", "journal.jsonl");
  expect(existsSync(journal)).toBe(true);
  const [first, ...rest] = readFileSync(journal, "utf8").split("\n");
  const { checksum } = await import("../../src/keys/journal.js");
  const json = first!.slice(9).replace('"version":1', '"version":0');
  writeFileSync(journal, [`${checksum(json)} ${json}`, ...rest].join("\n"));
  expect(outcome(await pair.alice.start())).toBe("STATE_VERSION");
}, 120_000);

test("signatures in place of a pre-shared secret: made, told by the link, labelled in every key", async () => {
  const [alice, bob] = ["alice.pem", "bob.pem"].map((name) => join(link.folder, name)) as [string, string];
  const publicKeys = { alice: await makeSignKey(alice), bob: await makeSignKey(bob) };
  const shared = JSON.parse(readFileSync(linkFile(link), "utf8"));
  const signed = { ...shared, authentication: { mode: "computational-ed25519", publicKeys } };
  const options = { link: { alice: signed, bob: signed }, noAuthKey: true };
  const pair = await pairUp({ ...options, extra: { alice: ["--sign-key", alice], bob: ["--sign-key", bob] } });
  expect((await both(pair)).map(outcome)).toEqual([0, 0]);
  const [a, b] = bothKeys(pair.out.alice, pair.out.bob);
  expect(a.length).toBeGreaterThan(0);
  expect(a).toBe(b);
  for (const key of keysOf(pair.out.bob, "bob") as unknown as SecretKey[]) {
    expect(key.authentication).toBe("computational-ed25519");
    expect(key.assumptions.join()).toMatch(/Ed25519.*computational/);
  }
  const audit = parseAudit(readFileSync(join(pair.out.alice, "alice", "audit.jsonl"), "utf8"), "audit.jsonl");
  expect(audit.map(recompute).every(({ same }) => same)).toBe(true);
  const swapped = await pairUp({ ...options, extra: { alice: ["--sign-key", bob], bob: ["--sign-key", bob] } });
  expect(outcome(await swapped.alice.start())).toBe("AUTH_SIGN_KEY_WRONG");
  const without = await pairUp(options);
  expect((await without.alice.start()).code).toBe(2);
}, 60_000);

test("used-up pads stop both ends before the reserve; more at both ends, and they go on", async () => {
  const pair = await pairUp({
    authBytes: { alice: auth.subarray(0, 4096), bob: auth.subarray(0, 4096) },
    extra: { alice: ["--wait", "8"], bob: ["--wait", "8"] },
  });
  const { alice, bob } = pair.authKey;
  // 126 pads a direction; what an earlier run left of them
  for (const [role, file] of [
    ["alice", alice],
    ["bob", bob],
  ] as const) {
    const pool = await AuthKeyPool.open(file, role, join(link.folder, `${role}-copy.json`));
    for (let i = 0; i < 100; i++) await pool.nextPad(false);
    await pool.close();
  }
  const ended = (await both(pair)).map(outcome);
  expect(ended).toContain("AUTH_POOL_EXHAUSTED");
  expect(bothKeys(pair.out.alice, pair.out.bob)[0]).toBe(bothKeys(pair.out.alice, pair.out.bob)[1]);
  for (const file of [alice, bob]) await addToPool(file, auth.subarray(4096, 16384));
  expect((await both(pair)).map(outcome)).toEqual([0, 0]);
  const [a, b] = bothKeys(pair.out.alice, pair.out.bob);
  expect(a.length).toBeGreaterThan(0);
  expect(a).toBe(b);
}, 120_000);

test("a pool that the link replenishes spends pre-shared pads on meeting alone, also when an end is killed", async () => {
  const change = { blocks: { seconds: 0.25 }, authentication: { replenish: 2 } };
  const long = await simulated(smallBbm92(change), 3.2, 14);
  const pair = await pairOf(long, auth.subarray(0, 4096));
  open.push(pair);
  const killed = both(pair);
  // after meeting, in the midst of blocks
  while (pair.wire.pads.toListener.length < 6) await pause(5);
  pair.bob.signal("SIGKILL");
  await pair.bob.ended;
  expect(outcome(await pair.bob.start())).toBe(0);
  await killed;
  const [a, b] = bothKeys(pair.out.alice, pair.out.bob);
  expect(a).toBe(b);
  // what went into the pool is in no key, and both ends put the same there
  const audit = parseAudit(readFileSync(join(pair.out.alice, "alice", "audit.jsonl"), "utf8"), "audit.jsonl");
  expect(audit.map(recompute).filter(({ same }) => !same)).toEqual([]);
  const put = audit.filter(({ secretBits }) => secretBits > 0);
  expect(put.length).toBeGreaterThan(6);
  for (const { replenish } of put) expect(replenish).toEqual({ pads: 2, bits: 512 });
  const { alice, bob } = pair.authKey;
  expect(readFileSync(`${alice}.link`)).toEqual(readFileSync(`${bob}.link`));
  // the next session finds pads of the link's output in hand
  const next = await pairOf(long, auth.subarray(0, 4096), { authKey: pair.authKey });
  open.push(next);
  expect((await both(next)).map(outcome)).toEqual([0, 0]);
  for (const direction of ["toListener", "toCaller"] as const) {
    const pads = [pair, next].flatMap(({ wire }) => wire.pads[direction]);
    expect(new Set(pads).size).toBe(pads.length);
    expect(next.wire.pads[direction].length).toBeGreaterThan(6);
    expect(next.wire.pads[direction].filter((pad) => pad < 2 ** 40)).toHaveLength(1);
  }
}, 120_000);

test("a killed distill in one process goes on as two would: nothing twice, equal keys", async () => {
  const out = join(link.folder, "distilled");
  const args = ["--link", linkFile(link), "--alice", link.alice, "--bob", link.bob, "--out", out, "--workers", "1"];
  const run = new EndProcess("distill", args);
  for (const ms of [900, 1300, 1700, 2100]) {
    void run.start();
    await pause(ms);
    run.signal("SIGKILL");
    await run.ended;
  }
  expect(outcome(await run.start())).toBe(0);
  const [a, b] = bothKeys(out);
  expect(a.length).toBeGreaterThan(0);
  expect(a).toBe(b);
  const blocks = keysOf(out, "alice").map(({ block }) => block);
  expect(new Set(blocks).size).toBe(blocks.length);
}, 120_000);

test.skipIf(process.getuid?.() !== 0 || !existsSync("/dev/full"))(
  "a full disk stops an end with an error, and what is committed is kept",
  async () => {
    const { execFileSync } = await import("node:child_process");
    const small = join(link.folder, "small");
    execFileSync("mkdir", ["-p", small]);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=20k", "tmpfs", small], { stdio: "ignore" });
    } catch {
      return; // not allowed here
    }
    try {
      const pair = await pairUp({ out: { bob: small } });
      void pair.alice.start();
      expect(outcome(await pair.bob.start())).toBe("FILE_WRITE_FAILED");
      execFileSync("mount", ["-o", "remount,size=8m", small]);
      pair.alice.signal("SIGTERM");
      await pair.alice.ended;
      expect((await both(pair)).map(outcome)).toEqual([0, 0]);
      const [a, b] = bothKeys(pair.out.alice, small);
      expect(a).toBe(b);
    } finally {
      execFileSync("umount", ["-l", small]);
    }
  },
  120_000,
);
