/** One end of reconciliations over a connection, in Alice's thread or in Bob's: blocks one after the other, some at once. */
import { z } from "zod";
import { BitString, xorBits } from "../bits.js";
import type { Connection } from "../channel/connection.js";
import { systemRandom } from "../random.js";
import { LeakLedger } from "../security/ledger.js";
import { Window } from "../session/window.js";
import { mostInWork } from "../stages/reconcile/in-work.js";
import { reconcilerOf } from "../stages/reconcile/index.js";
import { tripsInTurn } from "../stages/reconcile/round-trip.js";
import type { ReconcileOutcome, ReconciliationMode } from "../stages/reconcile/types.js";
import { type Executor, PoolExecutor } from "../workers/executor.js";
import { fill, generator } from "./harness.js";

export interface Run {
  /** Of the first block; the others follow. */
  readonly channel: number;
  readonly blocks: number;
  /** Of Alice's at once, to begin with; then as a session has them. */
  readonly inFlight: number;
  readonly method: "ldpc" | "cascade" | "auto";
  readonly mode: ReconciliationMode;
  /** Of a block. */
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

export function wordsOf({ bits, qber, seed }: Pick<Run, "bits" | "qber" | "seed">): {
  alice: BitString;
  bob: BitString;
} {
  const key = `${bits} ${qber} ${seed}`;
  if (known?.key === key) return known;
  const draw = generator(seed);
  const alice = BitString.from(fill(bits / 8, draw));
  const errors = BitString.zeros(bits);
  for (let i = 0; i < bits; i++) if (draw() < qber * 2 ** 32) errors.bytes[i >>> 3]! |= 1 << (i & 7);
  known = { key, alice, bob: xorBits(alice, errors) };
  return known;
}

/** Of all blocks; the choice is the last one's. */
export interface Half extends Pick<ReconcileOutcome, "rounds" | "choice"> {
  readonly leaked: number;
  readonly roundTripSeconds: number;
  /** Of the reconciliations alone. */
  readonly seconds: number;
  /** In the end. */
  readonly inFlight: number;
}

export async function reconcileHalf(
  half: "asAlice" | "asBob",
  connection: Connection,
  executor: Executor,
  word: BitString,
  run: Run,
): Promise<Half> {
  let roundTripSeconds = Number.POSITIVE_INFINITY;
  const first = connection.channel(run.channel);
  for (let i = 0; i < echoes; i++) {
    const began = performance.now();
    if (half === "asAlice") await first.send("echo", {});
    await first.receive("echo", echo);
    if (half === "asBob") await first.send("echo", {});
    else roundTripSeconds = Math.min(roundTripSeconds, (performance.now() - began) / 1000);
  }
  const { method, mode } = run;
  const reconciler = reconcilerOf({ reconciliation: { method, mode, accounting: "pattern-public" } });
  const options = { qber: run.qber, mode, accounting: "pattern-public", windowed: true } as const;
  const known = { ...options, ...(half === "asAlice" ? { roundTripSeconds } : {}) };
  const channels = Array.from({ length: run.blocks }, (_, i) => run.channel + i);
  const running = new Window(half === "asAlice" ? run.inFlight : mostInWork);
  const outcomes: ReconcileOutcome[] = [];
  let leaked = 0;
  const block = async (number: number) => {
    const channel = number === run.channel ? first : connection.channel(number);
    const ledger = new LeakLedger();
    const outcome = await reconciler[half]({ channel, executor, ledger, random: systemRandom }, word, known);
    outcomes.push(outcome);
    leaked += ledger.total;
    connection.finish(number);
    return tripsInTurn(outcome) * roundTripSeconds;
  };
  const began = performance.now();
  for (const number of channels) {
    await running.room();
    if (half === "asAlice") running.addMeasured(block(number));
    else running.add(block(number));
  }
  await running.drain();
  const seconds = (performance.now() - began) / 1000;
  const rounds = outcomes.reduce((sum, one) => sum + one.rounds, 0);
  return { rounds, choice: outcomes.at(-1)!.choice, leaked, roundTripSeconds, seconds, inFlight: running.size };
}
