/**
 * Commit: two phases, so that both ends come to hold the same key or neither does (CONTRACT.md, "Keys of a run").
 *
 *   Bob → Alice  commit.prepared + tag   his key is durable, prepared, not released; tag over the whole block
 *   Alice → Bob  commit.decided + tag    her durable commit record is the decision; tag over the whole block
 *   Bob → Alice  commit.stored           he knows it, durably, and his pool has its part
 *
 * The tags are the authentication of everything said in the block, both directions in order (FORMULAS.md 8).
 */
import { z } from "zod";
import { wireBytes, wireCount } from "../channel/schemas.js";
import type { StageContext } from "./context.js";

const emptySchema = z.strictObject({});
const tagSchema = z.strictObject({ pad: wireCount, tag: wireBytes });

/** What the commit does to this end's durable state (session/state.ts). */
export interface CommitRecords {
  /** Bob: the key is durable but not released. Alice: her commit record is durable; from here on the key exists. */
  decide(): Promise<void>;
  /** The key goes to the pool and the sink. A sink that fails is the run's affair: here all is durable, and it resolves. */
  release(): Promise<void>;
}

export async function commitAsAlice(context: StageContext, records: CommitRecords): Promise<void> {
  await context.channel.receive("commit.prepared", emptySchema);
  await receiveTag(context);
  await records.decide();
  await records.release();
  await context.channel.send("commit.decided", {});
  await sendTag(context);
  await context.channel.receive("commit.stored", emptySchema);
}

export async function commitAsBob(context: StageContext, records: CommitRecords): Promise<void> {
  await records.decide();
  await context.channel.send("commit.prepared", {});
  await sendTag(context);
  await context.channel.receive("commit.decided", emptySchema);
  await receiveTag(context);
  await records.release();
  await context.channel.send("commit.stored", {});
}

/** Tags are no part of the transcript that they seal. */
export async function sendTag({ channel, seal }: Pick<StageContext, "channel" | "seal">): Promise<void> {
  await channel.send("tag", await seal.make());
}

export async function receiveTag({ channel, seal }: Pick<StageContext, "channel" | "seal">): Promise<void> {
  await seal.check(await channel.receive("tag", tagSchema));
}
