/** Two ends as processes: what they refuse, how they stop, what they keep (CONTRACT.md, `alice` / `bob`). */
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bothKeys, keysOf, type Simulated, simulated, smallBbm92 } from "./links.js";
import { type Ended, freePort, linkFile, type Pair, type PairOptions, pairOf } from "./processes.js";

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
  const extra = ["--listen", `127.0.0.1:${port}`];
  const busy = await pairUp({ extra });
  expect(outcome(await busy.alice.start())).toBe("CHANNEL_LISTEN_FAILED");
  taken.close();
  const alone = await pairUp({ extra: ["--wait", "1"] });
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
