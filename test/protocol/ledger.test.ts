/** The channel is watched: what goes over it and depends on key bits is never more than the ledger says. */
import { afterAll, expect, test } from "vitest";
import { parseLink } from "../../src/link.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { smallBbm92 } from "./links.js";
import { type Message, oneBlock } from "./one-block.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());

/** How many rows Bob wants is a number below 2048. */
const flagRows = 11;

/** Bits of a message that depend on the key: at least and, with what fills the last byte, at most. */
function keyDependent({ type, body }: Message, oneWay: boolean): [number, number] {
  const strings = (parts: readonly Uint8Array[]): [number, number] => {
    const most = parts.reduce((sum, { length }) => sum + 8 * length, 0);
    return [Math.max(0, most - 7 * parts.length), most];
  };
  if (type === "ldpc.syndromes") return strings(body.frames as Uint8Array[]);
  if (type === "ldpc.more") return strings(body.values as Uint8Array[]);
  if (type === "ldpc.whole") return strings([body.word as Uint8Array]);
  if (type === "ldpc.flags" && oneWay) {
    const [least, most] = strings([body.open as Uint8Array]);
    return [least + flagRows, most + flagRows];
  }
  if (type === "cascade-answer") return strings([body.bits as Uint8Array]);
  return [0, 0];
}

test.each([
  ["ldpc", "one-way", 0.02],
  ["ldpc", "one-way", 0.05],
  ["ldpc", "pattern-public", 0.02],
  ["ldpc", "pattern-public", 0.05],
  ["cascade", "pattern-public", 0.02],
  ["cascade", "pattern-public", 0.05],
] as const)(
  "%s, %s, QBER %f",
  async (method, accounting, qber) => {
    const link = parseLink(smallBbm92({ reconciliation: { method, accounting } }));
    for (let seed = 0; seed < 6; seed++) {
      let [least, most] = [0, 0];
      const types = new Set<string>();
      const { alice, bob } = await oneBlock(link, executor, { qber, slots: 24_000, seed }, (message) => {
        types.add(message.type);
        const [low, high] = keyDependent(message, accounting === "one-way");
        least += low;
        most += high;
        return [message];
      });
      expect(alice.error ?? bob.error).toBeUndefined();
      expect(bob.ledger.entries).toEqual(alice.ledger.entries);
      const counted = alice.ledger.entries.filter(({ reason }) => reason !== "error-counts");
      const total = counted.reduce((sum, { bits }) => sum + bits, 0);
      expect(least).toBeGreaterThan(0);
      expect(total, [...types].join(" ")).toBeGreaterThanOrEqual(least);
      expect(total, "counts what never was sent").toBeLessThanOrEqual(most + 64);
      // the verification tag is subtracted by the bound itself
      expect(types.has("verify.tag")).toBe(true);
    }
  },
  60_000,
);
