/** The first failure wins, and a value is not kept by what is still pending. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { unless } from "../../src/session/unless.js";

const never = new Promise<never>(() => undefined);

it("gives the value, or the first failure of either", async () => {
  const late = new Promise<number>((resolve) => setTimeout(resolve, 50, 1));
  expect(await unless(late, never)).toBe(1);
  await expect(unless(never, Promise.reject(new Error("over")), never)).rejects.toThrow("over");
  await expect(unless(Promise.reject(new Error("own")), never)).rejects.toThrow("own");
});

it("values are let go of while the others are pending", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const seen: WeakRef<object>[] = [];
  for (let i = 0; i < 20; i++) {
    const block = await unless(Promise.resolve({ detections: new Uint8Array(1000) }), never);
    seen.push(new WeakRef(block));
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
  collect();
  // The last one may still be in a register.
  expect(seen.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(3);
});
