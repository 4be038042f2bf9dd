/** The kernels' start-up answers: those of the twins, and refused where one output bit differs. */
import { expect, it } from "vitest";
import { BitString } from "../../src/bits.js";
import { CascadeAlice, CascadeBob } from "../../src/kernels/reference/cascade.js";
import { decode, syndrome } from "../../src/kernels/reference/ldpc.js";
import { siftAlice, siftBob } from "../../src/kernels/reference/sift.js";
import { toeplitz } from "../../src/kernels/reference/toeplitz.js";
import { type CheckedKernels, kernelChecks } from "../../src/kernels/self-checks.js";
import { selfTest } from "../../src/security/self-test.js";

const twins: CheckedKernels = {
  toeplitz,
  siftAlice,
  siftBob,
  syndrome,
  decode,
  cascadeAlice: (shape, orders, word) => new CascadeAlice(shape, orders, word),
  cascadeBob: (shape, orders, word, together) => new CascadeBob(shape, orders, word, together),
};

function spoilt(bits: BitString): BitString {
  const out = BitString.from(bits.bytes, bits.length);
  out.bytes[0]! ^= 1;
  return out;
}

it("twins and kernels give the known answers", () => {
  for (const checks of [kernelChecks(twins), kernelChecks()])
    for (const { name, expected, run } of checks) expect(run(), name).toBe(expected);
});

it.each([
  ["Toeplitz", { toeplitz: (...input) => spoilt(toeplitz(...input)) }],
  ["sifting", { siftBob: (input) => ({ ...siftBob(input), check: spoilt(siftBob(input).check) }) }],
  ["sifting of Alice", { siftAlice: (input) => ({ ...siftAlice(input), key: spoilt(siftAlice(input).key) }) }],
  [
    "Cascade",
    {
      cascadeBob: (shape, orders, word, together) =>
        new CascadeBob(
          shape,
          orders,
          word.map((byte, i) => (i === 9 ? byte ^ 4 : byte)),
          together,
        ),
    },
  ],
  ["syndrome", { syndrome: (code, word) => spoilt(syndrome(code, word)) }],
  ["decoder", { decode: (...input) => ({ ...decode(...input), word: spoilt(input[1]) }) }],
] as [string, Partial<CheckedKernels>][])("one wrong bit of the %s kernel fails closed", (_name, wrong) => {
  expect(() => selfTest(kernelChecks({ ...twins, ...wrong }))).toThrowError(
    expect.objectContaining({ code: "KERNEL_SELF_TEST_FAILED" }),
  );
});
