/** What JavaScript callers may hand to reconcilePair. */
import { expect, it } from "vitest";
import { type PairOptions, reconcilePair } from "../../src/stages/reconcile/pair.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { noisyPair } from "./noisy-pair.js";

const { a, b } = noisyPair(2000, 0.03, 1);
const run = (options: object) =>
  reconcilePair(new InlineExecutor(), { alice: a, bob: b, qber: 0.03, ...options } as PairOptions);

it.each([
  { method: "polar" },
  { method: "toString" },
  { mode: "fast" },
  { mode: 1 },
  { accounting: "none" },
  { accounting: null, method: "cascade", mode: null },
])("%j is no option", async (options) => {
  await expect(run(options)).rejects.toMatchObject({ code: "USAGE_INVALID" });
});

it("Cascade under one-way accounting keeps its own error", async () => {
  const options = { method: "cascade", accounting: "one-way" };
  await expect(run(options)).rejects.toMatchObject({ code: "RECONCILE_ACCOUNTING_UNSUPPORTED" });
});

it.each([
  ["fewer", (bytes: number) => new Uint8Array(bytes - 1)],
  ["more", (bytes: number) => new Uint8Array(bytes + 1)],
  ["no", () => undefined],
])("a random source that returns %s bytes is refused by every method", async (_, random) => {
  for (const method of ["ldpc", "cascade", "auto"])
    await expect(run({ method, random })).rejects.toMatchObject({ code: "USAGE_INVALID" });
});

it("auto without accounting is one-way, as its comment says", async () => {
  expect(await run({ method: "auto" })).toMatchObject({ accounting: "one-way", choice: { auto: { method: "ldpc" } } });
});
