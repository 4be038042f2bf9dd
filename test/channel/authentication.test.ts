/** Tags over transcripts: right ones pass once, anything changed, replayed or misdirected fails, pads burn. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { ghash } from "@noble/ciphers/_polyval.js";
import { describe, expect, it } from "vitest";
import {
  type Authenticator,
  type ConnectionAuthentication,
  maxFailures,
  PadAuthenticator,
  SignatureAuthenticator,
  type Transcript,
} from "../../src/channel/authentication.js";
import { AuthKeyPool } from "../../src/keys/pool.js";
import { sharedFile, sharedFolder } from "../shared.js";

const text = (words: string) => new TextEncoder().encode(words);

function padEnds(bytes = randomBytes(8192)): [Authenticator, Authenticator, AuthKeyPool, AuthKeyPool] {
  const pools = [AuthKeyPool.inMemory(bytes, "alice"), AuthKeyPool.inMemory(bytes, "bob")] as const;
  return [new PadAuthenticator(pools[0]), new PadAuthenticator(pools[1]), ...pools];
}
function signatureEnds(): [Authenticator, Authenticator] {
  const [a, b] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
  return [
    new SignatureAuthenticator("alice", a.privateKey, b.publicKey),
    new SignatureAuthenticator("bob", b.privateKey, a.publicKey),
  ];
}
async function met(a: Authenticator, b: Authenticator): Promise<[ConnectionAuthentication, ConnectionAuthentication]> {
  const [alice, bob] = [a.connection(), b.connection()];
  await alice.meet(bob.hello());
  await bob.meet(alice.hello());
  return [alice, bob];
}
const script: ["alice" | "bob", string][] = [
  ["bob", "detections"],
  ["alice", "bases"],
  ["alice", "a longer message than a block of sixteen bytes"],
  ["bob", ""],
];
function talk(alice: Transcript, bob: Transcript, said = script): void {
  for (const [from, words] of said) {
    (from === "alice" ? alice : bob).sent(text(words));
    (from === "alice" ? bob : alice).received(text(words));
  }
}

describe.each([
  ["wegman-carter", () => padEnds()],
  ["computational-ed25519", () => signatureEnds()],
] as const)("%s", (mode, ends) => {
  it("accepts what both ends saw, in both directions, again and again", async () => {
    const [a, b] = ends();
    expect(a!.mode).toBe(mode);
    const [alice, bob] = await met(a!, b!);
    for (const label of ["hello", "0", "1"]) {
      const [atAlice, atBob] = [alice.transcript(label), bob.transcript(label)];
      talk(atAlice, atBob);
      await atAlice.check(await atBob.make());
      talk(atAlice, atBob, [["alice", "decided"]]);
      await atBob.check(await atAlice.make());
      expect(atAlice.digest()).toBe(atBob.digest());
    }
    expect(a!.consumedBits).toBe(mode === "wegman-carter" ? 6 * 128 : 0);
  });

  it.each([
    ["a changed bit", [["bob", "detectionr"], ...script.slice(1)]],
    ["a message less", script.slice(1)],
    ["a message more", [...script, ["bob", ""]]],
    ["two messages of one direction swapped", [script[0], script[2], script[1], script[3]]],
    ["a message cut in two", [["bob", "detect"], ["bob", "ions"], ...script.slice(1)]],
    ["a message from the other end", [["alice", "detections"], ...script.slice(1)]],
  ] as [string, typeof script][])("refuses %s", async (_what, heard) => {
    const [a, b] = ends();
    const [alice, bob] = await met(a!, b!);
    const [atAlice, atBob] = [alice.transcript("0"), bob.transcript("0")];
    talk(atAlice, bob.transcript("x"), heard);
    talk(alice.transcript("y"), atBob);
    await expect(atAlice.check(await atBob.make())).rejects.toMatchObject({ code: "CHANNEL_AUTHENTICATION_FAILED" });
  });

  it("refuses its own tag thrown back, another step's, and another session's", async () => {
    const [a, b] = ends();
    const [alice, bob] = await met(a!, b!);
    const [atAlice, atBob] = [alice.transcript("0"), bob.transcript("0")];
    talk(atAlice, atBob);
    await expect(atBob.check(await atBob.make())).rejects.toThrow();
    const [otherStep, sameStep] = [alice.transcript("1"), bob.transcript("0")];
    talk(otherStep, sameStep);
    await expect(otherStep.check(await sameStep.make())).rejects.toThrow();
    const [anotherAlice, anotherBob] = await met(a!, b!);
    const [recorded, now] = [bob.transcript("2"), anotherAlice.transcript("2")];
    talk(now, recorded);
    await expect(now.check(await recorded.make())).rejects.toThrow();
    const [right, rightBob] = [anotherAlice.transcript("3"), anotherBob.transcript("3")];
    talk(right, rightBob);
    await right.check(await rightBob.make());
  });

  it(`stops listening after ${maxFailures} wrong tags on a connection`, async () => {
    const [a, b] = ends();
    const [alice, bob] = await met(a!, b!);
    for (let i = 0; i < maxFailures; i++) {
      const seal = await bob.transcript("0").make();
      const wrong = { ...seal, tag: seal.tag.map((byte) => byte ^ 1) };
      await expect(alice.transcript("0").check(wrong)).rejects.toMatchObject({ code: "CHANNEL_AUTHENTICATION_FAILED" });
    }
    await expect(alice.transcript("0").check(await bob.transcript("0").make())).rejects.toMatchObject({
      code: "AUTH_TOO_MANY_FAILURES",
    });
  });
});

it("refuses changes of both directions whose blocks would cancel under one hash key", async () => {
  const [a, b] = padEnds();
  const [alice, bob] = await met(a, b);
  const said = { alice: new Uint8Array(64), bob: new Uint8Array(64) };
  for (const apart of [-3, -2, -1, 0, 1, 2, 3]) {
    const [atAlice, atBob] = [alice.transcript(`${apart}`), bob.transcript(`${apart}`)];
    const heard = { alice: said.alice.slice().fill(7, 32, 48), bob: said.bob.slice() };
    // Of Alice's message the second block from the end, of Bob's any.
    const at = 32 + 16 * apart;
    heard.bob.fill(7, Math.max(0, at), Math.min(64, at + 16));
    for (const [end, own, others] of [
      [atAlice, said.alice, heard.bob],
      [atBob, said.bob, heard.alice],
    ] as const) {
      end.sent(own);
      end.received(others);
    }
    await expect(atAlice.check(await atBob.make()), `${apart}`).rejects.toMatchObject({
      code: "CHANNEL_AUTHENTICATION_FAILED",
    });
  }
});

describe("one-time pads", () => {
  it("burn when a tag is wrong: the right one under the same pad comes too late", async () => {
    const [a, b] = padEnds();
    const [alice, bob] = await met(a, b);
    const seal = await bob.transcript("0").make();
    await expect(alice.transcript("0").check({ ...seal, tag: new Uint8Array(16) })).rejects.toThrow();
    await expect(alice.transcript("0").check(seal)).rejects.toMatchObject({ code: "AUTH_PAD_USED" });
  });

  it("follow a peer that is further, once it has proven itself and no sooner", async () => {
    const bytes = randomBytes(8192);
    const [, , alicePool, bobPool] = padEnds(bytes);
    await bobPool.raise({ ...bobPool.highWater(), aliceToBob: 40 });
    const [alice, bob] = await met(new PadAuthenticator(alicePool), new PadAuthenticator(bobPool));
    expect(alicePool.highWater().aliceToBob).toBe(1);
    await alice.transcript("hello").check(await bob.transcript("hello").make());
    expect(alicePool.highWater().aliceToBob).toBe(40);
    await bob.transcript("hello").check(await alice.transcript("hello").make());
  });

  it("from the link's output serve once both ends have introduced themselves", async () => {
    const [, , alicePool, bobPool] = padEnds();
    for (const pool of [alicePool, bobPool]) await pool.fillSlot(0, randomBytes(64).fill(7));
    const [alice, bob] = await met(new PadAuthenticator(alicePool), new PadAuthenticator(bobPool));
    const seals = [];
    for (const step of ["hello", "decided", "1"]) {
      seals.push(await bob.transcript(step).make());
      await alice.transcript(step).check(seals.at(-1)!);
      seals.push(await alice.transcript(step).make());
      await bob.transcript(step).check(seals.at(-1)!);
    }
    expect(seals.map(({ pad }) => pad >= 2 ** 40)).toEqual([false, false, true, true, true, true]);
  });

  it("cannot be drained by hellos of a stranger", async () => {
    const bytes = randomBytes(8192);
    const [a, , pool] = padEnds(bytes);
    for (let i = 0; i < 50; i++) {
      const connection = a.connection();
      const hello = {
        ...connection.hello(),
        nonce: i.toString(16).padStart(32, "0"),
        aliceToBob: 250,
        bobToAlice: 250,
      };
      await connection.meet(hello);
      await expect(
        connection.transcript("hello").check({ pad: 2 * (i + 60) + 1, tag: new Uint8Array(16) }),
      ).rejects.toMatchObject({ code: "CHANNEL_AUTHENTICATION_FAILED" });
    }
    const { padsLeft } = await pool.status();
    expect(padsLeft.aliceToBob).toBe(254);
    expect(padsLeft.bobToAlice).toBeGreaterThan(254 - 150);
  });

  it("other keys and other modes are told apart at hello", async () => {
    const [alice] = padEnds();
    const [, bob] = padEnds();
    await expect(met(alice, bob)).rejects.toMatchObject({ code: "CHANNEL_KEY_MISMATCH" });
    await expect(met(alice, signatureEnds()[1])).rejects.toMatchObject({ code: "CHANNEL_KEY_MISMATCH" });
    const connection = alice.connection();
    await expect(connection.meet({ ...connection.hello() })).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
    for (const aliceToBob of [-1, 0.5, Number.NaN, 2 ** 53, "1"])
      await expect(
        connection.meet({ ...connection.hello(), nonce: "00".repeat(16), aliceToBob }),
      ).rejects.toMatchObject({ code: "CHANNEL_MESSAGE_INVALID" });
  });
});

it.skipIf(!sharedFolder)("the hash is GHASH as in the known answers", () => {
  const { ghash: rows } = JSON.parse(readFileSync(sharedFile("vectors/auth.json"), "utf8")) as {
    ghash: Record<"h" | "aad" | "ct" | "digest" | "pad" | "tag", string>[];
  };
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
  const padded = (data: Uint8Array) => {
    const out = new Uint8Array(Math.ceil(data.length / 16) * 16);
    out.set(data);
    return out;
  };
  for (const { h, aad, ct, digest, pad, tag } of rows) {
    const lengths = new Uint8Array(16);
    new DataView(lengths.buffer).setBigUint64(0, BigInt(aad.length * 4));
    new DataView(lengths.buffer).setBigUint64(8, BigInt(ct.length * 4));
    const message = Buffer.concat([padded(bytes(aad)), padded(bytes(ct)), lengths]);
    const hash = ghash(new Uint8Array(message), bytes(h));
    expect(Buffer.from(hash).toString("hex")).toBe(digest);
    expect(Buffer.from(hash.map((byte, i) => byte ^ bytes(pad)[i]!)).toString("hex")).toBe(tag);
  }
});
