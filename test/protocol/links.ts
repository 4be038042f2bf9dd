/** Small simulated links in a folder of their own, and what a run left behind. */
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Link, type LinkInput, parseLink } from "../../src/link.js";
import { demoBbm92, demoDecoy, simulate } from "../../src/simulate/index.js";

export interface Simulated {
  readonly link: Link;
  readonly alice: string;
  readonly bob: string;
  readonly folder: string;
}

/** A BBM92 link that gives some ten thousand sifted bits a second; ε 10⁻⁶ so that they suffice for a key. */
export function smallBbm92(change: Partial<LinkInput> = {}, simulation: LinkInput["simulation"] = {}): LinkInput {
  return {
    ...demoBbm92.link,
    name: "small-bbm92",
    epsilon: { secrecy: 1e-6, correctness: 1e-9 },
    ...change,
    simulation: { ...demoBbm92.link.simulation, offsetPs: 50_000_000_000, ...simulation },
  };
}

export function smallDecoy(change: Partial<LinkInput> = {}, simulation: LinkInput["simulation"] = {}): LinkInput {
  return {
    ...demoDecoy.link,
    name: "small-decoy",
    ...change,
    simulation: { ...demoDecoy.link.simulation, ...simulation },
  };
}

export async function simulated(input: LinkInput, seconds: number, seed: number): Promise<Simulated> {
  const folder = mkdtempSync(join(tmpdir(), "qkd-link-"));
  const { files } = await simulate(parseLink(input), { seconds, seed, out: join(folder, "dumps") });
  return { link: parseLink(JSON.parse(readFileSync(files.link, "utf8"))), alice: files.alice, bob: files.bob, folder };
}

export interface StoredKey {
  readonly key_ID: string;
  readonly key: string;
  readonly bits: number;
  readonly block: number;
}

export function keysOf(out: string, role: "alice" | "bob"): StoredKey[] {
  const file = join(out, role, "keys.jsonl");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as StoredKey);
}

/** Both ends' keys as comparable text, sorted. */
export function bothKeys(out: string, other = out): [string, string] {
  const text = (keys: StoredKey[]) =>
    keys
      .map(({ key_ID, key }) => `${key_ID} ${key}`)
      .sort()
      .join("\n");
  return [text(keysOf(out, "alice")), text(keysOf(other, "bob"))];
}
