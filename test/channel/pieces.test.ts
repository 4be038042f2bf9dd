/** Lists in pieces: what goes in comes out, the sender is only a few ahead, and no count of a peer's is believed. */
import { expect, test } from "vitest";
import { Connection } from "../../src/channel/connection.js";
import { duplexPair } from "../../src/channel/duplex-pair.js";
import { encodeRising, encodeSlots } from "../../src/channel/encoding.js";
import { encodeFrame, maxFrameBytes } from "../../src/channel/framing.js";
import { loopbackPair } from "../../src/channel/loopback.js";
import {
  receiveBytes,
  receiveRising,
  receiveSlots,
  sendBytes,
  sendRising,
  sendSlots,
} from "../../src/channel/pieces.js";
import type { BlockChannel } from "../../src/channel/types.js";

const size = 10;

test.each([0, 1, 9, 10, 11, 30, 31, 40, 41, 95])("%d values", async (length) => {
  const sent: string[] = [];
  const { alice, bob } = loopbackPair((_, type) => void sent.push(type));
  const slots = Float64Array.from({ length }, (_, i) => i * i * 37 + (i > 20 ? 2 ** 52 : 0));
  const rising = slots.map((slot, i) => (i % 3 === 1 ? slots[i - 1]! : slot));
  const bytes = Uint8Array.from(slots);
  const short = bytes.slice(0, length >> 2);
  const send = async () => {
    await sendSlots(bob, "slots", slots, size);
    await sendRising(bob, "rising", rising, size);
    await sendBytes(bob, "bytes", { bytes, short }, size);
  };
  const receive = async () => [
    await receiveSlots(alice, "slots", length, (slots[length - 1] ?? 0) + 1, size),
    await receiveRising(alice, "rising", length, rising[length - 1] ?? 0, size),
    await receiveBytes(alice, "bytes", { bytes: length, short: short.length }, size),
  ];
  const [received] = await Promise.all([receive(), send()]);
  expect(received).toEqual([slots, rising, { bytes, short }]);
  const pieces = Math.max(1, Math.ceil(length / size));
  expect(sent.filter((type) => type === "slots").length).toBe(pieces);
  expect(sent.filter((type) => type === "slots.more").length).toBe(Math.max(0, pieces - 3));
});

test("a receiver that is busy has three pieces of a list before it, not the list", async () => {
  const { alice, bob } = loopbackPair();
  let sent = 0;
  const counted: BlockChannel = {
    receive: (type, schema) => bob.receive(type, schema),
    send: (type, body) => {
      sent++;
      return bob.send(type, body);
    },
  };
  const slots = Float64Array.from({ length: 100 }, (_, i) => i);
  const sending = sendSlots(counted, "slots", slots, size);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sent).toBe(3);
  expect(await receiveSlots(alice, "slots", 100, 100, size)).toEqual(slots);
  await sending;
  expect(sent).toBe(10);
});

const list = (from: number, to: number, before?: number) => ({
  list: encodeSlots(
    Float64Array.from({ length: to - from }, (_, i) => from + i),
    before,
  ),
});
const whole = [list(0, 10), list(10, 20, 9), list(20, 25, 19)];

test.each([
  ["a piece too short", [whole[0]!, list(10, 19, 9)], "CHANNEL_MESSAGE_INVALID"],
  ["a piece too long", [list(0, 11)], "CHANNEL_MESSAGE_INVALID"],
  ["an empty piece", [list(0, 0)], "CHANNEL_MESSAGE_INVALID"],
  ["more bytes than values can take", [{ list: new Uint8Array(91) }], "CHANNEL_MESSAGE_INVALID"],
  ["a last piece too long", [whole[0]!, whole[1]!, list(20, 26, 19)], "CHANNEL_MESSAGE_INVALID"],
  ["beyond the end", [whole[0]!, whole[1]!, list(21, 26, 19)], "CHANNEL_MESSAGE_INVALID"],
  ["bytes beside it", [{ ...whole[0]!, other: 1 }], "CHANNEL_MESSAGE_INVALID"],
  ["none", [{}], "CHANNEL_MESSAGE_INVALID"],
])("slots of a hostile peer: %s", async (_, pieces, code) => {
  const { alice, bob } = loopbackPair();
  for (const piece of pieces) await bob.send("slots", piece);
  await expect(receiveSlots(alice, "slots", 25, 25, size)).rejects.toMatchObject({ code });
});

test("pieces without end: the next step hears the first that is too many", async () => {
  const { alice, bob } = loopbackPair();
  for (const piece of [...whole, list(25, 35, 24)]) await bob.send("slots", piece);
  await receiveSlots(alice, "slots", 25, 25, size);
  const next = receiveBytes(alice, "next", { bytes: 1 });
  await expect(next).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_UNEXPECTED" });
});

test("a count that never comes costs no memory", async () => {
  const { alice, bob } = loopbackPair();
  await bob.send("rising", { list: encodeRising(Float64Array.of(1, 2, 3)) });
  const before = process.memoryUsage().arrayBuffers;
  const received = receiveRising(alice, "rising", 2 ** 40, 2 ** 50);
  await expect(received).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
});

test.each([
  ["bytes missing", { bytes: new Uint8Array(9), short: new Uint8Array(2) }],
  ["bytes too many", { bytes: new Uint8Array(11), short: new Uint8Array(2) }],
  ["of the other field", { bytes: new Uint8Array(10), short: new Uint8Array(3) }],
  ["a field missing", { bytes: new Uint8Array(10) }],
])("bytes of a hostile peer: %s", async (_, piece) => {
  const { alice, bob } = loopbackPair();
  await bob.send("bytes", piece);
  const received = receiveBytes(alice, "bytes", { bytes: 12, short: 2 }, size);
  await expect(received).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
});

test.each([0, 2, 2 ** 40, -1, 1.5])("a receiver that says it took %d pieces", async (taken) => {
  const { alice, bob } = loopbackPair();
  await alice.send("slots.more", { taken });
  const sending = sendSlots(
    bob,
    "slots",
    new Float64Array(100).fill(0).map((_, i) => i),
    size,
  );
  await expect(sending).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
});

test("both ends send lists that are together more than a connection queues, in blocks that begin late: nothing stands still", async () => {
  const connections = duplexPair().map((stream) => new Connection(stream, { heartbeatMs: 50, silenceMs: 1000 }));
  for (const connection of connections) connection.trust();
  const length = 3 * 2 ** 20;
  const bytes = new Uint8Array(length).fill(7);
  // More than sixteen blocks are never in work.
  const blocks = Array.from({ length: 16 }, (_, id) => id);
  const [alice, bob] = connections as [Connection, Connection];
  const receive = async (connection: Connection, id: number) => {
    const got = await receiveBytes(connection.channel(id), "bytes", { bytes: length }, 2 ** 18);
    expect(got.bytes.every((byte) => byte === 7)).toBe(true);
  };
  const sending = blocks.flatMap((id) => [
    sendBytes(bob.channel(id), "bytes", { bytes }, 2 ** 18),
    sendBytes(alice.channel(100 + id), "bytes", { bytes }, 2 ** 18),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  // One after the other, the last ones first.
  for (const id of blocks.reverse()) {
    await receive(alice, id);
    await receive(bob, 100 + id);
  }
  await Promise.all(sending);
  alice.close({} as never);
  bob.close({} as never);
});

test("a frame too large all the same names the remedy", async () => {
  const payload = new Uint8Array(maxFrameBytes + 1);
  const tooLarge = { code: "BLOCK_TOO_LARGE", message: expect.stringMatching(/blocks\.seconds.*blocks\.pulses/) };
  expect(() => encodeFrame(payload, 0)).toThrow(expect.objectContaining(tooLarge));
  const [a, b] = duplexPair().map((stream) => new Connection(stream)) as [Connection, Connection];
  b.trust();
  await expect(a.channel(0).send("long", { payload })).rejects.toMatchObject(tooLarge);
  // It took no number: what is sent after it arrives.
  await sendBytes(a.channel(0), "bytes", { bytes: Uint8Array.of(1) });
  expect(await receiveBytes(b.channel(0), "bytes", { bytes: 1 })).toEqual({ bytes: Uint8Array.of(1) });
  a.close({} as never);
  b.close({} as never);
});
