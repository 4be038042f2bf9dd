import { describe, expect, it } from "vitest";
import { type AutoInput, chooseMethod } from "../../src/stages/reconcile/auto.js";

const input: AutoInput = {
  qber: 0.01,
  accounting: "pattern-public",
  roundTripSeconds: 0.001,
  bitsInFlight: 128e6,
  yieldPerBit: 0.8,
  ldpc: { efficiency: 1.17, bitsPerSecond: 40e6, roundTrips: 2 },
  cascade: { efficiency: 1.04, bitsPerSecond: 500e6, roundTrips: 116 },
};

describe("auto", () => {
  it("takes Cascade on a short round trip and LDPC on a long one", () => {
    expect(chooseMethod(input).method).toBe("cascade");
    expect(chooseMethod({ ...input, roundTripSeconds: 0.1 }).method).toBe("ldpc");
  });
  it("takes LDPC when few bits are in flight", () => {
    expect(chooseMethod({ ...input, roundTripSeconds: 0.01, bitsInFlight: 16e6 }).method).toBe("ldpc");
  });
  it("never considers Cascade under one-way accounting", () => {
    const choice = chooseMethod({ ...input, accounting: "one-way" });
    expect(choice.method).toBe("ldpc");
    expect(choice.secretBitsPerSecond.cascade).toBeUndefined();
  });
});
