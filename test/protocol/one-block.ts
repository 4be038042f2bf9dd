/** One block at both ends through party.ts, with somebody who sees and may change every message. */
import { decode, encode } from "cborg";
import type { ZodType } from "zod";
import type { BlockChannel, Role } from "../../src/channel/types.js";
import { QkdError } from "../../src/errors.js";
import type { SecretKey } from "../../src/keys/types.js";
import type { Link } from "../../src/link.js";
import { alice, type BlockOutcome, type BlockWork, bob, distillBlock } from "../../src/party.js";
import { systemRandom } from "../../src/random.js";
import { LeakLedger } from "../../src/security/ledger.js";
import type { EarlierBlock } from "../../src/stages/alarms.js";
import type { Executor } from "../../src/workers/executor.js";
import { matchedBlocks } from "./matched.js";

export interface Message {
  readonly from: Role;
  readonly type: string;
  /** As CBOR decodes it. */
  readonly body: Record<string, unknown>;
}
export type Change = (message: Message) => readonly Pick<Message, "type" | "body">[];

export interface EndResult {
  readonly outcome?: BlockOutcome;
  readonly error?: unknown;
  readonly ledger: LeakLedger;
  readonly released: readonly SecretKey[];
  /** As they were handed to be made durable. */
  readonly decided: readonly SecretKey[];
}

class Box {
  private readonly letters: [string, unknown][] = [];
  private readonly readers: { resolve(letter: [string, unknown]): void; reject(error: QkdError): void }[] = [];
  private closed = false;

  put(letter: [string, unknown]): void {
    const reader = this.readers.shift();
    if (reader) reader.resolve(letter);
    else this.letters.push(letter);
  }
  take(): Promise<[string, unknown]> {
    const letter = this.letters.shift();
    if (letter) return Promise.resolve(letter);
    if (this.closed) return Promise.reject(gone());
    return new Promise((resolve, reject) => this.readers.push({ resolve, reject }));
  }
  get waiting(): boolean {
    return this.readers.length > 0;
  }
  close(): void {
    this.closed = true;
    for (const { reject } of this.readers.splice(0)) reject(gone());
  }
}

/** A peer that holds the key makes tags that are right, so only their form is looked at. */
const seal: BlockWork["seal"] = {
  make: async () => ({ pad: 0, tag: new Uint8Array(16) }),
  check: async ({ pad, tag }) => {
    if (pad !== 0 || tag.length !== 16 || tag.some((byte) => byte !== 0))
      throw new QkdError("CHANNEL_AUTHENTICATION_FAILED", "The tag is wrong.");
  },
  digest: () => "",
};

const gone = () => new QkdError("CHANNEL_CLOSED", "The other end is gone.");

export async function oneBlock(
  link: Link,
  executor: Executor,
  data: { qber: number; slots: number; seed: number; earlier?: Partial<Record<Role, readonly EarlierBlock[]>> },
  change: Change,
): Promise<Record<Role, EndResult>> {
  const boxes = { alice: new Box(), bob: new Box() };
  const source = matchedBlocks(1, data.slots, data.qber, data.seed);
  const end = async (role: Role): Promise<EndResult> => {
    const to = role === "alice" ? boxes.bob : boxes.alice;
    const channel: BlockChannel = {
      async send(type, body) {
        const sent = decode(encode(body)) as Record<string, unknown>;
        for (const each of change({ from: role, type, body: sent })) to.put([each.type, each.body]);
      },
      async receive<T>(type: string, schema: ZodType<T>): Promise<T> {
        // Both at a receive with nothing under way: channel/connection.ts notices by heartbeats.
        const [got, body] = await take(boxes[role], to);
        if (got !== type) throw new QkdError("CHANNEL_MESSAGE_UNEXPECTED", `Expected ${type}, got ${got}.`);
        const parsed = schema.safeParse(body);
        if (!parsed.success) throw new QkdError("CHANNEL_MESSAGE_INVALID", `${type} is invalid.`);
        return parsed.data;
      },
    };
    const ledger = new LeakLedger();
    const [released, decided]: [SecretKey[], SecretKey[]] = [[], []];
    const work: BlockWork = {
      link,
      index: 0,
      channel,
      executor,
      ledger,
      random: systemRandom,
      seal,
      signal: new AbortController().signal,
      roundTripSeconds: 0,
      sourceSeconds: 0,
      keyQber: undefined,
      earlier: data.earlier?.[role] ?? [],
      metadata: () => ({}) as never,
      timed: (_stage, run) => run(),
      seeded: async () => undefined,
      decide: async ({ keys }) => void decided.push(...keys),
      async release({ keys }) {
        for (const key of keys) released.push({ ...key, bytes: key.bytes.slice() });
      },
    };
    try {
      for await (const raw of source[role].blocks?.() ?? []) {
        const slots = await raw.slots(channel, systemRandom, ledger);
        return { outcome: await distillBlock(role === "alice" ? alice : bob, work, slots), ledger, released, decided };
      }
      throw new Error("no block");
    } catch (error) {
      return { error, ledger, released, decided };
    } finally {
      to.close();
    }
  };
  const [a, b] = await Promise.all([end("alice"), end("bob")]);
  return { alice: a, bob: b };
}

function take(own: Box, other: Box): Promise<[string, unknown]> {
  const letter = own.take();
  if (own.waiting && other.waiting) for (const box of [own, other]) box.close();
  return letter;
}
