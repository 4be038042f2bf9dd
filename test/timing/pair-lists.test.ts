/** The lists of a block of pairs, of a peer who holds the key and lies about them. */
import { expect, test } from "vitest";
import { loopbackPair } from "../../src/channel/loopback.js";
import { sendBytes, sendRising, sendSlots } from "../../src/channel/pieces.js";
import type { EventBlock } from "../../src/timing/pair-blocks.js";
import { PairLinker } from "../../src/timing/pair-linker.js";
import { type PairLock, pairAsAlice, pairAsBob } from "../../src/timing/pairs.js";

const lock: PairLock = {
  locked: true,
  offset: 0n,
  drift: 0,
  reference: 0n,
  halfWidthPs: 1000,
  delays: [0],
  disclosed: { from: 0n, to: 0n },
  growing: false,
};
/** Several pieces as they are cut on the wire. */
const events = 1_000_000;
const block = (length: number): EventBlock => ({
  index: 0,
  start: 0n,
  times: Float64Array.from({ length }, (_, i) => (i + 1) * 1_000_000),
  detector: new Uint8Array(length),
  vetoed: new Uint8Array(length),
  last: true,
});

test("a block of several pieces", async () => {
  const sent: string[] = [];
  const { alice, bob } = loopbackPair((_, type) => void sent.push(type));
  const [a, b] = await Promise.all([
    pairAsAlice(alice, lock, block(events), new PairLinker(lock.halfWidthPs), 2),
    pairAsBob(bob, lock, block(events)),
  ]);
  expect([a.slots, b.slots]).toEqual([events, events]);
  expect(b.single).toEqual(a.single);
  expect(sent.filter((type) => type === "pairs.times").length).toBeGreaterThan(3);
  expect(sent.filter((type) => type === "pairs.firsts").length).toBeGreaterThan(3);
});

test.each([-1, 0.5, 2 ** 28 + 1, 2 ** 53, "4"])("Bob says that he has %s events", async (count) => {
  const { alice, bob } = loopbackPair();
  await bob.send("pairs.events", { count });
  const linked = pairAsAlice(alice, lock, block(4), new PairLinker(lock.halfWidthPs), 1);
  await expect(linked).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
});

test.each([
  ["fewer than he said", 5, [1, 2, 3, 4]],
  ["more than he said", 3, [1, 2, 3, 4]],
  ["one behind the block", 3, [1, 2, 1e13]],
])("Bob sends %s", async (_, count, times) => {
  const { alice, bob } = loopbackPair();
  await bob.send("pairs.events", { count });
  await sendRising(bob, "pairs.times", Float64Array.from(times));
  const linked = pairAsAlice(alice, lock, block(4), new PairLinker(lock.halfWidthPs), 1);
  await expect(linked).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
});

test.each([
  ["more slots than events", 5, [0, 1, 2, 3, 4], [1, 1, 1, 1, 1]],
  ["fewer firsts than slots", 3, [0, 1], [1, 1, 1]],
  ["events that are not there", 2, [0, 4], [1, 1]],
  ["a slot that ends behind them", 2, [0, 3], [1, 2]],
  ["a slot without events", 2, [0, 1], [1, 0]],
  ["an event in two slots", 2, [0, 1], [2, 1]],
  ["fewer counts than slots", 2, [0, 1], [1]],
])("Alice names %s", async (_, count, firsts, counts) => {
  const { alice, bob } = loopbackPair();
  const found = pairAsBob(bob, lock, block(4));
  await alice.send("pairs.slots", { count, last: false });
  await sendSlots(alice, "pairs.firsts", Uint32Array.from(firsts));
  await sendBytes(alice, "pairs.shapes", { counts: Uint8Array.from(counts), single: new Uint8Array(1) });
  await expect(found).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
});
