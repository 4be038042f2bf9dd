/** The pad pool: no pad twice, whoever uses the file, however they die; strangers cost little; rollbacks are refused. */
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Role } from "../../src/channel/types.js";
import { AuthKeyPool, addToPool, closingReserve, poolStatus } from "../../src/keys/pool.js";

let folder: string;
let file: string;
/** Every byte of a pad tells its place. */
const keyBytes = (bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, i) => (i >> 4) * 7 + (i >> 12) * 13 + (i & 15));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "qkd-pool-"));
  file = join(folder, "auth");
  writeFileSync(file, keyBytes(8192));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const open = (role: Role, out = role as string) => AuthKeyPool.open(file, role, join(folder, `${out}.pads.json`));

it("lays pads out as the contract says, each direction its own", async () => {
  const bytes = keyBytes(8192);
  for (const [role, parity] of [
    ["alice", 0],
    ["bob", 1],
  ] as const) {
    const pool = await open(role);
    expect(pool.hashKey("alice")).toEqual(bytes.slice(0, 16));
    expect(pool.hashKey("bob")).toEqual(bytes.slice(16, 32));
    const { index, bytes: pad } = await pool.nextPad(false);
    expect(index % 2).toBe(parity);
    expect(index).toBeGreaterThan(1);
    expect(pad).toEqual(bytes.slice(32 + 16 * index, 48 + 16 * index));
    await pool.close();
  }
});

it("refuses a short key, a missing key, and a record that cannot be written", async () => {
  writeFileSync(join(folder, "short"), keyBytes(4095));
  await expect(AuthKeyPool.open(join(folder, "short"), "alice", join(folder, "c"))).rejects.toMatchObject({
    code: "AUTH_KEY_TOO_SHORT",
  });
  await expect(AuthKeyPool.open(join(folder, "none"), "alice", join(folder, "c"))).rejects.toMatchObject({
    code: "FILE_UNREADABLE",
  });
  rmSync(join(folder, "auth.used"), { force: true });
  await import("node:fs/promises").then(({ mkdir }) => mkdir(join(folder, "auth.used")));
  await expect(open("alice")).rejects.toMatchObject({ code: "FILE_WRITE_FAILED" });
});

it("records a pad as used before it is handed out, and goes on after it when opened again", async () => {
  const first = await open("alice");
  const { index } = await first.nextPad(false);
  expect(readFileSync(`${file}.used`, "utf8")).toContain('"take":"shared.aliceToBob.sent"');
  await first.close();
  const again = await open("alice");
  expect((await again.nextPad(false)).index).toBeGreaterThan(index);
  await again.close();
});

it("gives no pad twice to two processes, output folders or roles with the very same file", async () => {
  const pools = await Promise.all([open("alice", "a1"), open("alice", "a2"), open("alice", "a3"), open("bob", "b1")]);
  const used: number[] = [];
  await Promise.all(
    pools.map(async (pool) => {
      for (let i = 0; i < 40; i++) used.push((await pool.nextPad(false)).index);
    }),
  );
  expect(new Set(used).size).toBe(160);
  await Promise.all(pools.map((pool) => pool.close()));
});

it("takes each pad of the peer once, right or wrong, across restarts", async () => {
  const [alice, bob] = [await open("alice"), await open("bob")];
  const sent = [await alice.nextPad(false), await alice.nextPad(false), await alice.nextPad(false)];
  // in another order than sent: blocks overlap
  for (const i of [1, 0]) expect((await bob.peerPad(sent[i]!.index)).bytes).toEqual(sent[i]!.bytes);
  for (const { index } of sent.slice(0, 2))
    await expect(bob.peerPad(index)).rejects.toMatchObject({ code: "AUTH_PAD_USED" });
  await bob.close();
  const again = await open("bob");
  for (const { index } of sent) await expect(again.peerPad(index)).rejects.toMatchObject({ code: "AUTH_PAD_USED" });
  for (const index of [0, -2, 0.5, Number.NaN, 2 ** 53, 3, 2 ** 40])
    await expect(again.peerPad(index)).rejects.toMatchObject({ code: "AUTH_PAD_USED" });
  await again.close();
  await alice.close();
});

it("keeps the reserve for closing messages, stops when all is used, and goes on with added key", async () => {
  writeFileSync(file, keyBytes(4096));
  const pool = await open("alice");
  const capacity = (4096 - 32) / 32;
  let pads = 0;
  await expect(
    (async () => {
      for (;;) {
        await pool.nextPad(false);
        pads++;
      }
    })(),
  ).rejects.toMatchObject({ code: "AUTH_POOL_EXHAUSTED" });
  expect(pads).toBe(capacity - 1 - closingReserve);
  await expect(pool.firstPad(0)).rejects.toMatchObject({ code: "AUTH_POOL_EXHAUSTED" });
  // What an unknown caller claims ends his connection, not this end.
  for (const claimed of [2 ** 53 - 1, 100_000])
    await expect(AuthKeyPool.inMemory(new Uint8Array(1 << 14), "alice").firstPad(claimed)).rejects.toMatchObject({
      code: "CHANNEL_MESSAGE_INVALID",
    });
  expect(await pool.roomFor(1)).toBe(false);
  for (let i = 0; i < closingReserve; i++) await pool.nextPad(true);
  await expect(pool.nextPad(true)).rejects.toMatchObject({ code: "AUTH_POOL_EXHAUSTED" });
  expect(await addToPool(file, keyBytes(64))).toBe(2);
  expect((await pool.nextPad(true)).index).toBe(2 * capacity);
  await pool.close();
});

describe("a record that was rolled back", () => {
  it.each([
    ["restored", () => copyFileSync(join(folder, "old"), `${file}.used`)],
    ["removed", () => rmSync(`${file}.used`)],
  ])("%s is refused, running or started again", async (_how, rollBack) => {
    const pool = await open("alice");
    copyFileSync(`${file}.used`, join(folder, "old"));
    await pool.nextPad(false);
    rollBack();
    await expect(
      (async () => {
        for (let i = 0; i < 20; i++) await pool.nextPad(false);
      })(),
    ).rejects.toMatchObject({ code: "AUTH_STATE_ROLLED_BACK" });
    await pool.close();
    await expect(open("alice")).rejects.toMatchObject({ code: "AUTH_STATE_ROLLED_BACK" });
  });

  it("other key under the same name is refused", async () => {
    await (await open("alice")).close();
    writeFileSync(file, keyBytes(8192).reverse());
    await expect(open("alice")).rejects.toMatchObject({ code: "AUTH_STATE_FOREIGN" });
  });

  it("a damaged or torn line wastes pads, it never frees one", async () => {
    const pool = await open("alice");
    const used = [(await pool.nextPad(false)).index];
    await pool.close();
    rmSync(join(folder, "alice.pads.json"));
    writeFileSync(`${file}.used`, readFileSync(`${file}.used`, "utf8").replace('"count":16', '"count":15'));
    appendFileSync(`${file}.used`, "\n1234abcd {torn");
    const again = await open("alice");
    for (let i = 0; i < 20; i++) used.push((await again.nextPad(false)).index);
    expect(new Set(used).size).toBe(21);
    expect(used[1]).toBeGreaterThanOrEqual(2 * 17);
    await again.close();
  });
});

describe("high-water marks", () => {
  it("are raised to the peer's, and a restored sender follows", async () => {
    const bob = await open("bob", "b");
    const alice = AuthKeyPool.inMemory(keyBytes(8192), "alice");
    expect(alice.fingerprint).toBe(bob.fingerprint);
    await bob.raise({ ...bob.highWater(), aliceToBob: 90, bobToAlice: 70 });
    expect(bob.highWater()).toMatchObject({ aliceToBob: 90, bobToAlice: 70 });
    await alice.raise(bob.highWater());
    const { index } = await alice.nextPad(false);
    expect(index).toBe(180);
    expect((await bob.peerPad(index)).index).toBe(index);
    await bob.close();
    const again = await open("bob", "b");
    expect(again.highWater().bobToAlice).toBeGreaterThanOrEqual(70);
    await again.close();
  });

  it("cannot be pushed by a stranger: an attempt costs one pad, whatever it names", async () => {
    const pool = await open("alice");
    const capacity = (8192 - 32) / 32;
    const before = await pool.status();
    for (let i = 0; i < 20; i++) {
      await pool.firstPad(100 + 3 * i);
      await pool.peerPad(2 * (150 + 2 * i) + 1, true);
    }
    await expect(pool.peerPad(2 * (Math.floor(capacity) - 2) + 1, true)).rejects.toMatchObject({
      code: "AUTH_PAD_USED",
    });
    const after = await pool.status();
    expect(before.padsLeft.aliceToBob - after.padsLeft.aliceToBob).toBeLessThanOrEqual(16);
    expect(before.padsLeft.bobToAlice).toBe(after.padsLeft.bobToAlice);
    // and the single pads stay used
    await pool.close();
    const again = await open("alice");
    await expect(again.peerPad(301, true)).rejects.toMatchObject({ code: "AUTH_PAD_USED" });
    const used = new Set<number>();
    for (let i = 0; i < 200; i++) used.add((await again.nextPad(false)).index);
    for (let i = 0; i < 20; i++) expect(used.has(2 * (100 + 3 * i))).toBe(false);
    await again.close();
  });
});

describe("slots filled by the link's own output", () => {
  const link = keyBytes(64).reverse();
  const pair = async () => [AuthKeyPool.inMemory(keyBytes(4096), "alice"), await open("bob")] as const;
  const linkPad = (slot: number, pad: number, direction: 0 | 1) => 2 ** 40 + 2 * (slot * 128 + pad) + direction;

  it("are filled once, at the place that was claimed", async () => {
    const [alice, bob] = await pair();
    expect([await alice.claimSlot(), await alice.claimSlot()]).toEqual([0, 1]);
    bob.expectSlot(1);
    await bob.fillSlot(1, link);
    await bob.fillSlot(1, link);
    await expect(bob.fillSlot(1, link.slice(32))).rejects.toMatchObject({ code: "AUTH_REPLENISH_CONFLICT" });
    expect(() => bob.expectSlot(1)).toThrow(expect.objectContaining({ code: "CHANNEL_MESSAGE_INVALID" }));
    expect(() => bob.expectSlot(2 ** 40)).toThrow(expect.objectContaining({ code: "CHANNEL_MESSAGE_INVALID" }));
    await bob.close();
    const again = await open("bob");
    await again.fillSlot(1, link);
    await expect(again.fillSlot(1, keyBytes(64))).rejects.toMatchObject({ code: "AUTH_REPLENISH_CONFLICT" });
    expect((await again.status()).linkPadsLeft).toEqual({ aliceToBob: 2, bobToAlice: 2 });
    expect(await again.claimSlot()).toBe(2);
    await again.close();
  });

  it("are used first, in order, and only once the peer has them", async () => {
    const [alice, bob] = await pair();
    const slots = [await alice.claimSlot(), await alice.claimSlot()];
    for (const slot of slots) bob.expectSlot(slot);
    await alice.fillSlot(1, link);
    expect((await alice.nextPad(true)).index).toBeLessThan(2 ** 40);
    await bob.fillSlot(1, link);
    alice.settleSlot(1);
    expect((await alice.nextPad(true)).index).toBeLessThan(2 ** 40);
    for (const end of [alice, bob]) await end.fillSlot(0, link.slice().reverse());
    alice.settleSlot(0);
    const used = [];
    for (let i = 0; i < 5; i++) used.push((await alice.nextPad(true)).index);
    expect(used.slice(0, 4)).toEqual([linkPad(0, 0, 0), linkPad(0, 1, 0), linkPad(1, 0, 0), linkPad(1, 1, 0)]);
    expect(used[4]).toBeLessThan(2 ** 40);
    expect((await bob.peerPad(linkPad(1, 0, 0))).bytes).toEqual(link.slice(0, 16));
    await expect(bob.peerPad(linkPad(1, 0, 0))).rejects.toMatchObject({ code: "AUTH_PAD_USED" });
    await expect(bob.peerPad(linkPad(1, 1, 0), true)).rejects.toMatchObject({ code: "AUTH_PAD_USED" });
    await bob.close();
  });

  it("count where both ends tell them when they meet; used ones stay used at an end that was restored", async () => {
    const [alice, bob] = await pair();
    for (const slot of [3, 4, 6]) await alice.fillSlot(slot, link);
    for (const slot of [4, 6, 7]) await bob.fillSlot(slot, link);
    expect(alice.highWater().linkSlots).toBe("3-4,6-6");
    const told = alice.highWater();
    await alice.raise(bob.highWater());
    await bob.raise(told);
    for (const pad of [linkPad(4, 0, 0), linkPad(4, 1, 0), linkPad(6, 0, 0)]) {
      expect((await alice.nextPad(true)).index).toBe(pad);
      await bob.peerPad(pad);
      await bob.accepted(pad);
    }
    const restored = AuthKeyPool.inMemory(keyBytes(4096), "alice");
    for (const slot of [3, 4, 6]) await restored.fillSlot(slot, link);
    await restored.raise(bob.highWater());
    expect((await restored.nextPad(true)).index).toBe(linkPad(6, 1, 0));
    expect(await restored.claimSlot()).toBe(8);
    await expect(bob.raise({ ...told, linkSlots: "5-4" })).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
    await bob.close();
  });
});

it("tells its status", async () => {
  expect(await poolStatus(file)).toMatchObject({ padsLeft: { aliceToBob: 254, bobToAlice: 254 } });
  const pool = await open("bob");
  await pool.nextPad(false);
  await pool.close();
  expect(await poolStatus(file)).toMatchObject({
    padsLeft: { aliceToBob: 254, bobToAlice: 238 },
    padsReserved: { bobToAlice: closingReserve },
  });
});

it("hands out no pad where the disk is full, and wastes at most a run by it", async () => {
  const script = `
    const { AuthKeyPool } = await import(${JSON.stringify(fileURLToPath(new URL("../../dist/keys/pool.js", import.meta.url)))});
    const pool = await AuthKeyPool.open(${JSON.stringify(file)}, "alice", ${JSON.stringify(join(folder, "c"))});
    try { for (;;) console.log((await pool.nextPad(false)).index); } catch (error) { console.log(error.code); }`;
  const used: number[] = [];
  // a file-size limit cuts the line that crosses it short, as a full disk does
  const out = execFileSync(
    "sh",
    ["-c", 'ulimit -f 1; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    {
      encoding: "utf8",
    },
  );
  const lines = out.trim().split("\n");
  expect(lines.pop()).toBe("FILE_WRITE_FAILED");
  used.push(...lines.map(Number));
  expect(used.length).toBeGreaterThan(16);
  const pool = await open("alice");
  for (let i = 0; i < 10; i++) used.push((await pool.nextPad(false)).index);
  expect(new Set(used).size).toBe(used.length);
  expect(used.at(-10)! - used.at(-11)!).toBeLessThanOrEqual(2 * 49);
  await pool.close();
});

it("uses no pad twice through kill -9 of two processes with the same file", async () => {
  writeFileSync(file, keyBytes(1 << 20));
  const script = (role: Role, out: string) => `
    const { AuthKeyPool } = await import(${JSON.stringify(fileURLToPath(new URL("../../dist/keys/pool.js", import.meta.url)))});
    const pool = await AuthKeyPool.open(${JSON.stringify(file)}, "${role}", ${JSON.stringify(join(folder, out))});
    for (;;) process.stdout.write((await pool.nextPad(false)).index + "\\n");`;
  const used: number[] = [];
  for (let round = 0; round < (process.env.QKD_SLOW ? 200 : 5); round++)
    await Promise.all(
      ["one", "two"].map((out, i) => killed(script("alice", out), ((round * 13 + i * 29) % 60) + 1, used)),
    );
  expect(used.length).toBeGreaterThan(10);
  expect(new Set(used).size).toBe(used.length);
}, 300_000);

function killed(script: string, afterMs: number, used: number[]): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), afterMs));
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.on("close", () => {
      used.push(...out.split("\n").slice(0, -1).map(Number));
      resolve();
    });
  });
}
