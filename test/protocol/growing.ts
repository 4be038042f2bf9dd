/** A simulated link's dumps as an instrument writes them: piece by piece, records cut anywhere. */
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Link } from "../../src/link.js";
import { bothKeys, type Simulated } from "./links.js";

const roles = ["alice", "bob"] as const;
let copies = 0;

/** A link whose dumps are not there yet, and what writes them. */
export class GrowingLink implements Simulated {
  readonly link: Link;
  readonly folder: string;
  readonly alice: string;
  readonly bob: string;
  readonly out: string;
  private readonly whole: { alice: Uint8Array; bob: Uint8Array };
  private readonly written = { alice: 0, bob: 0 };

  constructor({ link, folder, alice, bob }: Simulated) {
    const name = join(folder, `growing-${++copies}`);
    this.link = link;
    this.folder = folder;
    this.alice = `${name}-alice`;
    this.bob = `${name}-bob`;
    this.out = `${name}-out`;
    this.whole = { alice: readFileSync(alice), bob: readFileSync(bob) };
  }

  /** Appends up to these shares of the dumps. */
  async write(shares: { alice: number; bob: number }, pieces = 40, pauseMs = 5): Promise<void> {
    for (let left = pieces; left > 0; left--) {
      for (const role of roles) {
        const rest = Math.floor(this.whole[role].length * shares[role]) - this.written[role];
        this.append(role, Math.ceil(rest / left));
      }
      await sleep(pauseMs);
    }
  }

  /** A trickle until so many keys are there at both ends, the same. */
  async keys(count: number, running: Promise<unknown>, outs = [this.out, this.out] as const): Promise<void> {
    const end = Symbol("ended");
    const ended = running.then(
      () => end,
      () => end,
    );
    for (;;) {
      const [alice, bob] = bothKeys(...outs);
      if (alice === bob && alice.split("\n").filter(Boolean).length >= count) return;
      if ((await Promise.race([ended, sleep(50)])) === end) throw new Error("the run ended before there were keys");
      for (const role of roles) this.append(role, 3);
    }
  }

  private append(role: (typeof roles)[number], bytes: number): void {
    const from = this.written[role];
    this.written[role] += Math.max(0, bytes);
    appendFileSync(this[role], this.whole[role].subarray(from, this.written[role]));
  }
}
