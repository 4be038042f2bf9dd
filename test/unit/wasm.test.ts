import { expect, test } from "vitest";
import { WasmInstance } from "../../src/kernels/wasm.js";

test("scratch memory is zeroised when its body returns and when it throws", () => {
  const wasm = new WasmInstance();
  let address = 0;
  wasm.scratch((alloc) => {
    address = alloc(1000);
    wasm.u8.fill(0xa5, address, address + 1000);
  });
  expect(wasm.u8.subarray(address, address + 1000).every((byte) => byte === 0)).toBe(true);
  expect(() =>
    wasm.scratch((alloc) => {
      const at = alloc(1000);
      wasm.u8.fill(0xa5, at, at + 1000);
      throw new Error("stop");
    }),
  ).toThrow("stop");
  expect(wasm.u8.subarray(address).every((byte) => byte === 0)).toBe(true);
});

test("a table is filled once and survives scratch memory", () => {
  const wasm = new WasmInstance();
  let fills = 0;
  const ask = () =>
    wasm.table("t", 3, (view) => {
      fills++;
      view.set([1, 2, 3]);
    });
  const address = ask();
  wasm.scratch((alloc) => {
    const at = alloc(64);
    wasm.u8.fill(9, at, at + 64);
  });
  expect(ask()).toBe(address);
  expect(fills).toBe(1);
  expect([...wasm.u8.subarray(address, address + 3)]).toEqual([1, 2, 3]);
});

test("memory that a large job needed is given back by a fresh instance", () => {
  const wasm = new WasmInstance();
  wasm.scratch((alloc) => alloc(200 * 2 ** 20));
  expect(wasm.memoryBytes).toBeLessThan(10 * 2 ** 20);
});

test("memory that cannot be had is a typed error", () => {
  const wasm = new WasmInstance();
  expect(() => wasm.scratch((alloc) => alloc(2 ** 33))).toThrow(
    expect.objectContaining({ code: "KERNEL_OUT_OF_MEMORY" }),
  );
});
