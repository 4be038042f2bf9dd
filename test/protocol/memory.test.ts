/** After a block's end, with key or without, neither the kernels' memory nor recycled buffers nor its slots hold its bits. */
import { expect, test } from "vitest";
import { planFrames } from "../../src/codes/adapt.js";
import type { WasmInstance } from "../../src/kernels/wasm.js";
import { parseLink } from "../../src/link.js";
import { DealtBlock } from "../../src/stages/reconcile/frames.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { smallBbm92 } from "./links.js";
import { oneBlock } from "./one-block.js";

const patternBytes = 12;

/** Kernels' memory and recycled buffers of an executor in this thread. */
function memoryOf(executor: InlineExecutor): Buffer[] {
  const { wasm } = executor as unknown as { wasm: WasmInstance };
  const { bySize } = executor.buffers as unknown as { bySize: Map<number, ArrayBuffer[]> };
  return [Buffer.from(wasm.exports.memory.buffer), ...[...bySize.values()].flat().map((each) => Buffer.from(each))];
}

function found(memory: readonly Buffer[], secret: Uint8Array): boolean {
  for (let at = 0; at + patternBytes <= secret.length; at += patternBytes)
    if (memory.some((buffer) => buffer.includes(Buffer.from(secret.subarray(at, at + patternBytes))))) return true;
  return false;
}

test.each([
  ["released", "ldpc", false],
  ["discarded", "ldpc", true],
  ["released", "cascade", false],
] as const)("of a block %s, with %s", async (_end, method, spoil) => {
  const executor = new InlineExecutor();
  const link = parseLink(smallBbm92({ reconciliation: { method, accounting: "pattern-public" } }));
  const planted: Uint8Array[] = [];
  let watched = false;
  const run = executor.run.bind(executor);
  executor.run = (async (name: never, input: Record<string, unknown>, options: never) => {
    // what goes into the jobs is what must not stay
    for (const value of Object.values(input)) {
      const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null)?.bytes;
      if (bytes instanceof Uint8Array && bytes.length >= 256) planted.push(bytes.slice());
    }
    watched = true;
    return run(name, input as never, options);
  }) as never;
  const ends = await oneBlock(link, executor, { qber: 0.02, slots: 12_000, seed: 9 }, (message) => {
    if (spoil && message.type === "verify.tag") (message.body.tag as Uint8Array)[0]! ^= 1;
    return [message];
  });
  for (const { outcome, released } of [ends.alice, ends.bob]) {
    expect(released.length).toBe(spoil ? 0 : 1);
    expect(outcome!.slots.own.bit.bytes.every((byte) => byte === 0)).toBe(true);
    planted.push(...released.map(({ bytes }) => bytes));
  }
  expect(watched && planted.length).toBeGreaterThan(4);
  const secrets = planted.filter((bytes) => new Set(bytes).size > 64);
  expect(secrets.length).toBeGreaterThan(1);
  for (const secret of secrets) expect(found(memoryOf(executor), secret)).toBe(false);
  // the search itself finds what is there
  expect(found([Buffer.from(secrets[0]!)], secrets[0]!)).toBe(true);
  await executor.close();
});

test("of a key whose commit fails, and of a block that asks for more than its tag gives", async () => {
  const executor = new InlineExecutor();
  const data = { qber: 0.02, slots: 12_000, seed: 9 };
  const { bob } = await oneBlock(parseLink(smallBbm92()), executor, data, (message) => {
    if (message.from === "alice" && message.type === "tag") (message.body.tag as Uint8Array)[0]! ^= 1;
    return [message];
  });
  expect(bob.error).toMatchObject({ code: "CHANNEL_AUTHENTICATION_FAILED" });
  expect(bob.decided.length).toBe(1);
  for (const { bytes } of bob.decided) expect(bytes.every((byte) => byte === 0)).toBe(true);
  const strict = parseLink(smallBbm92({ epsilon: { secrecy: 1e-6, correctness: 1e-37 } }));
  const { alice } = await oneBlock(strict, executor, data, (message) => [message]);
  expect(alice.error).toMatchObject({ code: "SECURITY_TAG_TOO_SHORT" });
  await executor.close();
});

test("of a block given up: frames that come later, and jobs that nobody waits for", async () => {
  const plan = planFrames(40_000, { qber: 0.02, profile: "single", largestFrame: 10_000 });
  const block = new DealtBlock(plan);
  const late = new Uint8Array(Math.ceil(plan.n / 32) * 4).fill(255);
  block.zeroise();
  block.collect(0, late);
  expect([...block.word.bytes, ...late].every((byte) => byte === 0)).toBe(true);

  const executor = new InlineExecutor();
  const words = () => [new Uint8Array(plan.n / 8).fill(85)];
  const stop = new AbortController();
  const [during, after] = [words(), words()];
  const started = executor.run("ldpcSyndrome", { code: plan.code, words: during }, { signal: stop.signal });
  stop.abort();
  await expect(started).rejects.toMatchObject({ code: "ENGINE_CANCELLED" });
  const refused = { transfer: after.map(({ buffer }) => buffer), signal: stop.signal };
  await expect(executor.run("ldpcSyndrome", { code: plan.code, words: after }, refused)).rejects.toThrow();
  expect([...during, ...after].every((word) => word.every((byte) => byte === 0))).toBe(true);
  await executor.close();
});
