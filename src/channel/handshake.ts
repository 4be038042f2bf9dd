/**
 * How two ends meet on a fresh connection. Nothing is acted on before the tags have been checked:
 *
 *   Bob → Alice  hello    version, role, digests of the link description, authentication marks, what he holds
 *   Alice → Bob  hello    the same of hers
 *   Bob → Alice  tag      over both hellos
 *   Alice → Bob  decided  which of his prepared blocks she has committed; tag over all
 *
 * A stranger, a peer with another link description or another key is told so and left; it blocks nobody.
 */
import { z } from "zod";
import { QkdError } from "../errors.js";
import { linkDigests } from "../link/digests.js";
import type { Link } from "../link.js";
import { longestRanges } from "../ranges.js";
import type { HeldBlocks } from "../session/state.js";
import { receiveTag, sendTag } from "../stages/commit.js";
import type { ConnectionAuthentication } from "./authentication.js";
import { type Connection, helloChannel } from "./connection.js";
import { wireCount, wireText } from "./schemas.js";
import type { Role } from "./types.js";

/** Raised where what goes over the wire changes; ends with different versions do not talk. */
export const protocolVersion = 11;

const heldSchema = z.strictObject({
  settled: z.string().max(longestRanges),
  retry: z.array(z.strictObject({ block: wireCount, attempts: wireCount, leak: wireCount })).max(4096),
  prepared: z.array(wireCount).max(4096),
  complete: z.boolean(),
});

const helloSchema = z.strictObject({
  version: z.number(),
  role: z.enum(["alice", "bob"]),
  digests: z.record(wireText, wireText),
  authentication: z.record(wireText, z.union([wireCount, z.string().max(longestRanges)])),
  held: heldSchema,
});

const decidedSchema = z.strictObject({ committed: z.array(wireCount).max(4096) });

export interface Meeting {
  readonly link: Link;
  readonly authentication: ConnectionAuthentication;
  /** What this end holds of earlier sessions. */
  held(): HeldBlocks;
  /** Alice, once the peer is known: ends an older session and answers which of these blocks are committed. */
  decide(prepared: readonly number[]): Promise<readonly number[]>;
  /** Bob: Alice's answer about the prepared blocks that he told her of. */
  resolve(prepared: readonly number[], committed: readonly number[]): Promise<void>;
}

/** @returns what the peer holds. @throws QkdError CHANNEL_* naming what does not fit */
export async function greetAsBob(connection: Connection, meeting: Meeting): Promise<HeldBlocks> {
  const transcript = meeting.authentication.transcript("hello");
  const channel = connection.channel(helloChannel, transcript);
  const own = helloOf("bob", meeting);
  await channel.send("hello", own);
  const alice = await channel.receive("hello", helloSchema);
  await checkHello("alice", alice, meeting);
  await sendTag({ channel, seal: transcript });
  const { committed } = await channel.receive("decided", decidedSchema);
  await receiveTag({ channel, seal: transcript });
  connection.trust();
  await meeting.resolve(own.held.prepared, committed);
  return alice.held;
}

export async function greetAsAlice(connection: Connection, meeting: Meeting): Promise<HeldBlocks> {
  const transcript = meeting.authentication.transcript("hello");
  const channel = connection.channel(helloChannel, transcript);
  const bob = await channel.receive("hello", helloSchema);
  await channel.send("hello", helloOf("alice", meeting));
  await checkHello("bob", bob, meeting);
  await receiveTag({ channel, seal: transcript });
  connection.trust();
  const committed = await meeting.decide(bob.held.prepared);
  await channel.send("decided", { committed });
  await sendTag({ channel, seal: transcript });
  return bob.held;
}

function helloOf(role: Role, { link, authentication, held }: Meeting): z.input<typeof helloSchema> {
  return {
    version: protocolVersion,
    role,
    digests: linkDigests(link),
    authentication: authentication.hello(),
    held: { ...held(), retry: [...held().retry], prepared: [...held().prepared] },
  };
}

async function checkHello(wanted: Role, hello: z.output<typeof helloSchema>, meeting: Meeting): Promise<void> {
  if (hello.version !== protocolVersion)
    throw new QkdError(
      "CHANNEL_VERSION_MISMATCH",
      `The peer speaks protocol version ${hello.version}, this end ${protocolVersion}; update the older one.`,
      { own: protocolVersion, peer: hello.version },
    );
  if (hello.role !== wanted)
    throw new QkdError("CHANNEL_ROLE_MISMATCH", `Both ends run as ${hello.role}; one has to be ${wanted}.`, {
      peer: hello.role,
    });
  const own = linkDigests(meeting.link);
  const field = [...Object.keys(own), ...Object.keys(hello.digests)].find((name) => own[name] !== hello.digests[name]);
  if (field !== undefined)
    throw new QkdError(
      "CHANNEL_LINK_MISMATCH",
      `The two ends' link descriptions differ in field ${field}; give both the same file.`,
      { field },
    );
  await meeting.authentication.meet(hello.authentication);
}

/** Errors that trying again cannot mend. */
export function isMismatch(error: QkdError): boolean {
  return (
    error.code === "CHANNEL_VERSION_MISMATCH" ||
    error.code === "CHANNEL_ROLE_MISMATCH" ||
    error.code === "CHANNEL_LINK_MISMATCH" ||
    error.code === "CHANNEL_KEY_MISMATCH"
  );
}
