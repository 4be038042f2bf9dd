/** A crash at every step between Alice's commit record and the end of the release: the key is never nowhere. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openStateFolder } from "../../src/keys/state-folder.js";
import type { BlockRecord } from "../../src/keys/types.js";
import { releaseKeys, SinkUse } from "../../src/session/release.js";
import type { RunState } from "../../src/session/state.js";
import { key } from "./key.js";

class Crash extends Error {}

const use = () => new SinkUse(new AbortController().signal, new AbortController().signal, () => undefined);

/** The state's calls until the `steps`-th, where the process dies: neither that call nor a later one is done. */
function dyingAfter(steps: number, state: RunState): RunState {
  let left = steps;
  const step = () => {
    if (left-- <= 0) throw new Crash();
  };
  return new Proxy(state, {
    get(target, name) {
      if (name === "mark")
        return async (...call: Parameters<RunState["mark"]>) => {
          step();
          await target.mark(...call);
        };
      if (name === "prepared")
        return {
          remove: async (block: number) => {
            step();
            await target.prepared.remove(block);
          },
        };
      return Reflect.get(target, name) as unknown;
    },
  });
}

it.each([0, 1, 2])("killed after %d of the steps that follow the sink's", async (steps) => {
  const out = await mkdtemp(join(tmpdir(), "qkd-distill-"));
  onTestFinished(() => rm(out, { recursive: true }));
  const open = () => openStateFolder(out, "bob", "one run");
  const stored: string[] = [];
  const sink = { store: async ({ id }: { id: string }) => void stored.push(id) };
  const kept: unknown[] = [];
  const end = { sink, keep: async (record: BlockRecord) => void kept.push(record) };
  const first = await open();
  const made = { keys: [key(3)], record: { row: { index: 3 }, audit: { block: 3 } } };
  await first.state.prepared.put(3, made);
  await first.state.mark(3, "committed");
  const dying = releaseKeys(dyingAfter(steps, first.state), end, 3, made, use());
  if (steps < 2) await expect(dying).rejects.toThrow(Crash);
  else await dying;
  await first.close();

  const second = await open();
  for (const block of second.state.toRelease)
    await releaseKeys(second.state, end, block, await second.state.prepared.get(block), use());
  expect(new Set(stored)).toEqual(new Set([made.keys[0]!.id]));
  expect(new Set(kept.map((record) => JSON.stringify(record)))).toEqual(new Set([JSON.stringify(made.record)]));
  expect(second.state.toRelease).toEqual([]);
  await second.close();
  expect(await readdir(join(out, "state", "bob"))).not.toContain("prepared-3");
});

it("a key file whose record was never made is swept", async () => {
  const out = await mkdtemp(join(tmpdir(), "qkd-distill-"));
  onTestFinished(() => rm(out, { recursive: true }));
  const first = await openStateFolder(out, "bob", "one run");
  await first.state.mark(0, "seeded");
  await first.state.prepared.put(0, { keys: [key(0)] });
  await first.close();
  await (await openStateFolder(out, "bob", "one run")).close();
  expect(await readdir(join(out, "state", "bob"))).not.toContain("prepared-0");
});
