/** One end of a reconciliation over a connection, in Alice's thread or in Bob's. */
import { z } from "zod";
import { BitString, xorBits } from "../bits.js";
import type { Connection } from "../channel/connection.js";
import { systemRandom } from "../random.js";
import { LeakLedger } from "../security/ledger.js";
import { reconcilerOf } from "../stages/reconcile/index.js";
import type { ReconcileOutcome, ReconciliationMode } from "../stages/reconcile/types.js";
import { type Executor, PoolExecutor } from "../workers/executor.js";
import { fill, generator } from "./harness.js";

export interface Run {
  readonly channel: number;
  readonly method: "ldpc" | "cascade" | "auto";
  readonly mode: ReconciliationMode;
  readonly bits: number;
  readonly qber: number;
  readonly seed: number;
}

const echoes = 5;
const echo = z.strictObject({});

export function createEngineExecutor(): Executor {
  return new PoolExecutor(1);
}

let known: { key: string; alice: BitString; bob: BitString } | undefined;

export function wordsOf({ bits, qber, seed }: Run): { alice: BitString; bob: BitString } {
  const key = `${bits} ${qber} ${seed}`;
  if (known?.key === key) return known;
  const draw = generator(seed);
  const alice = BitString.from(fill(bits / 8, draw));
  const errors = BitString.zeros(bits);
  for (let i = 0; i < bits; i++) if (draw() < qber * 2 ** 32) errors.bytes[i >>> 3]! |= 1 << (i & 7);
  known = { key, alice, bob: xorBits(alice, errors) };
  return known;
}

export interface Half extends ReconcileOutcome {
  readonly leaked: number;
  readonly roundTripSeconds: number;
  /** Of the reconciliation alone. */
  readonly seconds: number;
}

export async function reconcileHalf(
  half: "asAlice" | "asBob",
  connection: Connection,
  executor: Executor,
  word: BitString,
  run: Run,
): Promise<Half> {
  const channel = connection.channel(run.channel);
  const ledger = new LeakLedger();
  let roundTripSeconds = Number.POSITIVE_INFINITY;
  for (let i = 0; i < echoes; i++) {
    const began = performance.now();
    if (half === "asAlice") await channel.send("echo", {});
    await channel.receive("echo", echo);
    if (half === "asBob") await channel.send("echo", {});
    else roundTripSeconds = Math.min(roundTripSeconds, (performance.now() - began) / 1000);
  }
  const { method, mode } = run;
  const reconciliation = { method, mode, accounting: "pattern-public" } as const;
  const began = performance.now();
  const outcome = await reconcilerOf({ reconciliation })[half](
    { channel, executor, ledger, random: systemRandom },
    word,
    { qber: run.qber, mode, accounting: "pattern-public", ...(half === "asAlice" ? { roundTripSeconds } : {}) },
  );
  const seconds = (performance.now() - began) / 1000;
  connection.finish(run.channel);
  return { ...outcome, leaked: ledger.total, roundTripSeconds, seconds };
}
