/** Two block channels joined in memory, for tests of a step and for `reconcile`: no framing, no authentication. */
import { decode, encode } from "cborg";
import type { ZodType } from "zod";
import { QkdError } from "../errors.js";
import type { BlockChannel } from "./types.js";

/** What is on the wire, seen by a test before it arrives. */
export type Tap = (from: "alice" | "bob", type: string, body: object) => void;

export function loopbackPair(tap?: Tap): { alice: BlockChannel; bob: BlockChannel } {
  const toAlice = new Mailbox();
  const toBob = new Mailbox();
  return { alice: new LoopbackEnd("alice", toBob, toAlice, tap), bob: new LoopbackEnd("bob", toAlice, toBob, tap) };
}

class Mailbox {
  private readonly letters: Uint8Array[] = [];
  private readonly readers: ((letter: Uint8Array) => void)[] = [];

  put(letter: Uint8Array): void {
    const reader = this.readers.shift();
    if (reader) reader(letter);
    else this.letters.push(letter);
  }
  take(): Promise<Uint8Array> {
    const letter = this.letters.shift();
    return letter ? Promise.resolve(letter) : new Promise((resolve) => this.readers.push(resolve));
  }
}

class LoopbackEnd implements BlockChannel {
  constructor(
    private readonly role: "alice" | "bob",
    private readonly outbox: Mailbox,
    private readonly inbox: Mailbox,
    private readonly tap: Tap | undefined,
  ) {}

  send(type: string, body: object): Promise<void> {
    this.tap?.(this.role, type, body);
    this.outbox.put(encode([type, body]));
    return Promise.resolve();
  }

  async receive<T>(type: string, schema: ZodType<T>): Promise<T> {
    const [got, body] = decode(await this.inbox.take()) as [string, unknown];
    if (got !== type)
      throw new QkdError("CHANNEL_MESSAGE_UNEXPECTED", `Expected ${type}, got ${got}.`, { expected: type, got });
    const parsed = schema.safeParse(body);
    if (!parsed.success)
      throw new QkdError("CHANNEL_MESSAGE_INVALID", `${type}: ${parsed.error.issues[0]?.message}`, { type });
    return parsed.data;
  }
}
