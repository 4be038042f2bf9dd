/**
 * A hostile peer that holds the authentication key: every message of a block, field by field, made into what it must not
 * be. The victim ends with a typed error or without key; it neither crashes nor hangs, and releases nothing.
 */
import { afterAll, describe, expect, test } from "vitest";
import type { Role } from "../../src/channel/types.js";
import { QkdError } from "../../src/errors.js";
import { parseLink } from "../../src/link.js";
import { InlineExecutor } from "../../src/workers/executor.js";
import { fieldChanges } from "./hostile-fields.js";
import { smallBbm92 } from "./links.js";
import { type Message, oneBlock } from "./one-block.js";

const executor = new InlineExecutor();
afterAll(() => executor.close());
const data = { qber: 0.02, slots: 8000, seed: 5 };
const other = { alice: "bob", bob: "alice" } as const;

async function messagesOf(link: ReturnType<typeof parseLink>): Promise<Message[]> {
  const seen: Message[] = [];
  const ends = await oneBlock(link, executor, data, (message) => {
    if (!seen.some(({ from, type }) => from === message.from && type === message.type)) seen.push(message);
    return [message];
  });
  expect(ends.bob.released.length).toBe(1);
  expect(ends.bob.released[0]!.bytes).toEqual(ends.alice.released[0]!.bytes);
  return seen;
}

describe.each(["ldpc", "cascade"] as const)("with %s", (method) => {
  const link = parseLink(smallBbm92({ reconciliation: { method, accounting: "pattern-public" } }));

  async function attack(victim: Role, name: string, change: (message: Message) => Pick<Message, "type" | "body">[]) {
    let done = false;
    const ends = await oneBlock(link, executor, data, (message) => {
      if (done || message.from === victim) return [message];
      const changed = change(message);
      done = changed.length !== 1 || changed[0] !== message;
      return changed;
    });
    const { error, released } = ends[victim];
    if (error !== undefined && !(error instanceof QkdError))
      throw new Error(`${name}: ${String(error)}`, { cause: error });
    if (error instanceof QkdError) expect(error.code, `${name}: ${error.message}`).not.toBe("INTERNAL_ERROR");
    return { done, error, released };
  }

  test("no field of any message may be anything else", async () => {
    let tried = 0;
    for (const { from, type, body } of await messagesOf(link)) {
      const victim = other[from];
      for (const field of [...Object.keys(body), "unknown field"])
        for (const [kind, make] of Object.entries(fieldChanges)) {
          const name = `${type}.${field} ${kind}`;
          const { done, error, released } = await attack(victim, name, (message) => {
            if (message.type !== type) return [message];
            const value = make(message.body[field]);
            const { [field]: _old, ...rest } = message.body;
            if (value === undefined && field === "unknown field") return [message];
            return [{ type, body: value === undefined ? rest : { ...rest, [field]: value } }];
          });
          if (!done || (type === "estimate.bob" && kind === "null") || (type === "estimate.alice" && kind === "null"))
            continue;
          expect(error, `${name}: no error`).toBeInstanceOf(QkdError);
          // Alice has decided before Bob says that he stored it: that key exists.
          if (type !== "commit.stored") expect(released, `${name}: released`).toEqual([]);
          tried++;
        }
    }
    expect(tried).toBeGreaterThan(100);
  }, 120_000);

  test("no message may come twice, early, instead of another or from the other role", async () => {
    const all = await messagesOf(link);
    for (const { from, type } of all) {
      const victim = other[from];
      if (type !== "commit.stored")
        for (const [i, wrong] of all.entries()) {
          if (wrong.type === type) continue;
          const name = `${wrong.type} (${i}) instead of ${type}`;
          const { error, released } = await attack(victim, name, (message) =>
            message.type === type ? [wrong] : [message],
          );
          expect(error, name).toBeInstanceOf(QkdError);
          expect(released, name).toEqual([]);
        }
      const twice = await attack(victim, `${type} twice`, (message) =>
        message.type === type ? [message, { ...message }] : [message],
      );
      // The last one of all leaves nobody to complain.
      if (!["commit.stored", "tag", "estimate.bob"].includes(type) && twice.error === undefined)
        throw new Error(`${type} twice was taken`);
    }
  }, 120_000);
});
