/** Sinks, journals and prepared keys: whole and durable, or not there; through crashes, torn tails and a full disk. */
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileJournal } from "../../src/keys/journal.js";
import { JsonlSink } from "../../src/keys/jsonl-sink.js";
import { PreparedStore, stateKey } from "../../src/keys/prepared-store.js";
import { key } from "./key.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "qkd-durable-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const dist = (file: string) => JSON.stringify(fileURLToPath(new URL(`../../dist/${file}`, import.meta.url)));

describe("keys.jsonl", () => {
  const path = () => join(folder, "alice", "keys.jsonl");
  const lines = () => readFileSync(path(), "utf8").split("\n");

  it("is there, empty and private before the first key", async () => {
    await (await JsonlSink.open(path())).close();
    expect(readFileSync(path(), "utf8")).toBe("");
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it("stores an ID once, refuses other bytes under it, and has the contract's fields", async () => {
    const sink = await JsonlSink.open(path());
    await Promise.all([sink.store(key(1)), sink.store(key(1)), sink.store(key(2))]);
    await expect(sink.store(key(3, { id: key(1).id }))).rejects.toMatchObject({ code: "KEYS_ID_CONFLICT" });
    await sink.close();
    const again = await JsonlSink.open(path());
    await again.store(key(2));
    await again.close();
    const [first, , rest] = lines();
    expect(rest).toBe("");
    const entry = JSON.parse(first!);
    expect(entry).toMatchObject({ key_ID: key(1).id, bits: 256, block: 1, proof: "tomamichel2012-bbm92" });
    expect(Object.keys(entry)).toEqual(expect.arrayContaining(["key", "epsilon", "accounting"]));
    expect(Buffer.from(entry.key, "base64")).toEqual(Buffer.from(key(1).bytes));
  });

  it("drops a torn last line and takes its key again", async () => {
    const sink = await JsonlSink.open(path());
    await sink.store(key(1));
    await sink.close();
    appendFileSync(path(), '{"key_ID":"0000');
    const again = await JsonlSink.open(path());
    expect(again.count).toBe(1);
    await again.store(key(2));
    await again.close();
    expect(
      lines()
        .slice(0, -1)
        .map((line) => JSON.parse(line).block),
    ).toEqual([1, 2]);
  });

  it("refuses a file with a damaged line in it", async () => {
    await (await JsonlSink.open(path())).close();
    writeFileSync(path(), '{"key_ID":"x"}\n{"key_ID":"y","key":"AA=="}\n');
    await expect(JsonlSink.open(path())).rejects.toMatchObject({ code: "KEYS_FILE_DAMAGED" });
  });

  it("keeps no half line where the disk is full, and says so", async () => {
    // a file-size limit is a full disk for anybody: the write that crosses it is cut short
    const script = `
      const { JsonlSink } = await import(${dist("keys/jsonl-sink.js")});
      const key = (n) => ({ id: "id-" + n, bytes: new Uint8Array(600).fill(n), bits: 4800, block: n });
      const sink = await JsonlSink.open(${JSON.stringify(path())});
      for (let n = 1; ; n++) try { await sink.store(key(n)); } catch (error) { console.log(n, error.code); break; }`;
    const { out } = await run("sh", [
      "-c",
      'ulimit -f 4; exec "$0" --input-type=module -e "$1"',
      process.execPath,
      script,
    ]);
    const [failed, code] = out.trim().split(" ");
    expect(code).toBe("FILE_WRITE_FAILED");
    const whole = lines();
    expect(whole.pop()).toBe("");
    expect(whole.map((line) => JSON.parse(line).block)).toEqual(
      Array.from({ length: Number(failed) - 1 }, (_, i) => i + 1),
    );
  });

  it("survives kill -9 at any moment: what was acknowledged is there, once", async () => {
    const script = `
      const { JsonlSink } = await import(${dist("keys/jsonl-sink.js")});
      const sink = await JsonlSink.open(${JSON.stringify(path())});
      for (let n = sink.count + 1; ; n++) {
        await sink.store({ id: "id-" + n, bytes: new Uint8Array(64).fill(n), bits: 512, block: n });
        process.stdout.write(n + "\\n");
      }`;
    let acknowledged = 0;
    for (let round = 0; round < (process.env.QKD_SLOW ? 200 : 6); round++) {
      const { out } = await run(process.execPath, ["--input-type=module", "-e", script], (round * 7) % 40);
      acknowledged = Math.max(acknowledged, ...out.split("\n").slice(0, -1).map(Number));
      const sink = await JsonlSink.open(path());
      expect(sink.count).toBeGreaterThanOrEqual(acknowledged);
      await sink.close();
    }
    expect(acknowledged).toBeGreaterThan(0);
    const blocks = lines()
      .slice(0, -1)
      .map((line) => JSON.parse(line).block);
    expect(blocks).toEqual(blocks.map((_, i) => i + 1));
  }, 120_000);
});

describe("journal", () => {
  const path = () => join(folder, "journal");

  it("gives back its records in order and drops a torn tail", async () => {
    const journal = await FileJournal.open<{ n: number }>(path());
    await Promise.all([1, 2, 3].map((n) => journal.append({ n })));
    await journal.close();
    appendFileSync(path(), '12345678 {"n":');
    const again = await FileJournal.open<{ n: number }>(path());
    expect(again.records).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await again.append({ n: 4 });
    await again.close();
    expect((await FileJournal.open(path())).records).toHaveLength(4);
  });

  it("refuses a changed record", async () => {
    const journal = await FileJournal.open<{ n: number }>(path());
    await journal.append({ n: 1 });
    await journal.append({ n: 2 });
    await journal.close();
    writeFileSync(path(), readFileSync(path(), "utf8").replace('"n":1', '"n":7'));
    await expect(FileJournal.open(path())).rejects.toMatchObject({ code: "STATE_DAMAGED" });
  });
});

describe("prepared keys", () => {
  it("come back as they were, are unreadable on the disk, and go for good", async () => {
    const store = new PreparedStore(join(folder, "p"), await stateKey(folder, {}));
    const made = { keys: [key(1), key(2)], deposit: { slot: 7, bytes: key(3).bytes } };
    await store.put(4, made);
    expect(await store.get(4)).toEqual(made);
    expect(await store.blocks()).toEqual([4]);
    const sealed = readFileSync(join(folder, "p", "prepared-4"));
    expect(sealed.includes(Buffer.from(key(1).bytes).toString("base64"))).toBe(false);
    expect(sealed.includes(Buffer.from(key(1).bytes))).toBe(false);
    expect(statSync(join(folder, "p", "prepared-4")).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "state.key")).mode & 0o777).toBe(0o600);
    await store.remove(4);
    await expect(store.get(4)).rejects.toMatchObject({ code: "STATE_DAMAGED" });
  });

  it("open with the same state key only, and only as the block they are of", async () => {
    const path = join(folder, "p");
    await new PreparedStore(path, await stateKey(folder, { text: "correct horse battery staple" })).put(1, {
      keys: [key(1)],
    });
    const other = new PreparedStore(path, await stateKey(folder, { text: "another" }));
    await expect(other.get(1)).rejects.toMatchObject({ code: "STATE_KEY_WRONG" });
    writeFileSync(join(path, "prepared-2"), readFileSync(join(path, "prepared-1")));
    const right = new PreparedStore(path, await stateKey(folder, { text: "correct horse battery staple" }));
    await expect(right.get(2)).rejects.toMatchObject({ code: "STATE_KEY_WRONG" });
    expect(await right.get(1)).toEqual({ keys: [key(1)] });
  });

  it("are of one state key, also where several ends make it at once", async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => stateKey(folder, {})));
    for (const one of keys) expect(one).toEqual(keys[0]);
    expect(await stateKey(folder, {})).toEqual(keys[0]);
    expect(readdirSync(folder)).toEqual(["state.key"]);
  });

  it("a state key file that is named has to be there", async () => {
    await expect(stateKey(folder, { file: join(folder, "none") })).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
    expect(await stateKey(folder, {})).toEqual(await stateKey(folder, {}));
  });
});

function run(command: string, args: string[], killAfterMs?: number): Promise<{ out: string; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let [out, errors] = ["", ""];
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.stderr.on("data", (data) => {
      errors += data;
    });
    child.on("error", reject);
    child.on("close", () => resolve({ out, errors }));
    // counted from the first sign of life, so that a slow machine is not killed before it begins
    if (killAfterMs !== undefined)
      child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), killAfterMs));
  });
}
