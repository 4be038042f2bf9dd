/** What a peer may send before it has shown who it is: enough for a hello, too little to fill memory. */
import { encode } from "cborg";
import { expect, test } from "vitest";
import { z } from "zod";
import { Connection } from "../../src/channel/connection.js";
import { duplexPair } from "../../src/channel/duplex-pair.js";
import { encodeFrame } from "../../src/channel/framing.js";

const bytes = z.instanceof(Uint8Array);

function joined() {
  const [own, stranger] = duplexPair();
  const connection = new Connection(own);
  let frames = 0;
  const say = (payload: Uint8Array) => {
    for (const part of encodeFrame(payload, frames++)) stranger.write(part);
  };
  return { connection, say };
}

test.each([
  ["one long message", [2 ** 20]],
  ["many short ones", new Array<number>(40).fill(30_000)],
])("of a stranger: %s", async (_, sizes) => {
  const { connection, say } = joined();
  for (const size of sizes) say(encode([-1, "hello", new Uint8Array(size)]));
  const { code } = await connection.ended;
  expect(["CHANNEL_CORRUPT", "CHANNEL_MESSAGE_INVALID"]).toContain(code);
});

test("of one that is known", async () => {
  const { connection, say } = joined();
  connection.trust();
  say(encode([0, "long", new Uint8Array(2 ** 21)]));
  expect((await connection.channel(0).receive("long", bytes)).length).toBe(2 ** 21);
  connection.close({} as never);
});
