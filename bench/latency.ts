/**
 * Reconciliation over a way that is slow: the ends in two threads with a worker each, connected by TCP through a forwarder
 * in a third, with blocks in flight as a session has them. Cascade, LDPC in two modes and `auto` take turns at each round
 * trip. Beside Cascade's rate stands what KERNELS.md E expects, D/(R·RTT) or, where that is less, what the ends do at no
 * delay; beside each, the secret bits that are left a second, 1 − h(Q) less what was disclosed.
 */

import { once } from "node:events";
import { createServer } from "node:net";
import { Worker } from "node:worker_threads";
import { Connection } from "../channel/connection.js";
import type { BenchRow } from "../cli/bench.js";
import { entropy } from "../security/index.js";
import { leastInWork, mostInWork } from "../stages/reconcile/in-work.js";
import type { Executor } from "../workers/executor.js";
import { portOf } from "./ends.js";
import { type BenchOptions, type Case, Elapsed, measure, quantile } from "./harness.js";
import { createEngineExecutor, type Half, type Run, reconcileHalf, wordsOf } from "./latency-half.js";
import type { Start } from "./latency-thread.js";

/** Of a block. */
const bits = 2 ** 22;
const blocks = 32;
const qber = 0.01;
const roundTrips = [0, 1, 5, 20, 100];
const ways = [
  { method: "cascade", mode: "auto" },
  { method: "ldpc", mode: "auto" },
  { method: "ldpc", mode: "throughput" },
  { method: "auto", mode: "auto" },
] as const;

export async function latency({ seconds, seed }: BenchOptions): Promise<BenchRow[]> {
  const executor = createEngineExecutor();
  const links = await Promise.all(roundTrips.map(async (ms) => ({ ms, way: await Way.open(ms) })));
  try {
    const cases = links.flatMap(({ ms, way }) => ways.map((how) => caseOf(ms, way, how, executor, seed)));
    return besideModel(await measure(cases, seconds));
  } finally {
    for (const { way } of links) await way.close();
    await executor.close();
  }
}

function caseOf(ms: number, way: Way, how: (typeof ways)[number], executor: Executor, seed: number): Case {
  const { method, mode } = how;
  const parameters: Record<string, unknown> = { bits, blocks, qber, method, mode, delayMs: ms };
  const run = { ...how, bits, blocks, qber, seed };
  // Of a way so long that its first run is its only one, the window would grow all along.
  let inFlight: number = ms > 0 ? mostInWork : leastInWork;
  const shares: number[] = [];
  return {
    name: `reconcile ${method}${method === "ldpc" ? ` ${mode}` : ""}, ${ms} ms round trip`,
    unit: "Mbit/s",
    work: (blocks * bits) / 1e6,
    workers: 2,
    parameters,
    async before() {
      wordsOf(run);
    },
    async run() {
      const outcome = await way.reconcile(executor, { ...run, inFlight });
      const { rounds, choice, leaked, roundTripSeconds, seconds } = outcome;
      inFlight = outcome.inFlight;
      shares.push(1 - entropy(qber) - leaked / (blocks * bits));
      const secretShare = quantile(shares, 0.5);
      const { auto, lanes, framesInFlight, frameBits } = choice;
      Object.assign(parameters, { inFlight, rounds, leaked, roundTripSeconds, secretShare });
      Object.assign(parameters, { chosen: choice.method, lanes, framesInFlight, frameBits, auto });
      return new Elapsed(seconds);
    },
  };
}

/** `model` and what was measured over it for Cascade, `ofBetter` for `auto`: secret bits against the better method's. */
function besideModel(rows: BenchRow[]): BenchRow[] {
  const at = (ms: unknown, ...names: string[]) =>
    rows.filter(({ parameters: p }) => p.delayMs === ms && names.includes(p.method as string));
  return rows.map((row) => {
    const { method, delayMs, rounds, lanes, inFlight, framesInFlight, frameBits, roundTripSeconds } =
      row.parameters as Record<string, number> & { method: string };
    const more: Record<string, number> = { secretMbitPerSecond: secret(row) };
    if (method === "cascade") {
      const waves = blocks * Math.ceil(bits / (frameBits! * (framesInFlight! / lanes!)));
      const carried = (inFlight! * framesInFlight! * frameBits!) / ((rounds! / waves) * roundTripSeconds!) / 1e6;
      more.model = Math.min(at(0, "cascade")[0]!.median, carried);
      more.overModel = row.median / more.model;
    }
    if (method === "auto") {
      more.ofBetter = secret(row) / Math.max(...at(delayMs, "cascade", "ldpc").map(secret));
    }
    return { ...row, parameters: { ...row.parameters, ...more } };
  });
}

function secret({ median, parameters }: BenchRow): number {
  return median * (parameters.secretShare as number);
}

/** A connection to a Bob behind a delay. */
class Way {
  private channel = 0;
  private constructor(
    private readonly connection: Connection,
    private readonly bob: Worker,
    private readonly way: Worker,
  ) {}

  static async open(ms: number): Promise<Way> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const called = once(server, "connection");
    const way = thread({ what: "way", port: portOf(server), ms: ms / 2 });
    const [port] = (await once(way, "message")) as [number];
    const bob = thread({ what: "bob", port });
    const [socket] = await called;
    socket.setNoDelay(true);
    server.close();
    const connection = new Connection(socket);
    connection.trust();
    return new Way(connection, bob, way);
  }

  async reconcile(executor: Executor, described: Omit<Run, "channel">): Promise<Half> {
    const run: Run = { ...described, channel: this.channel };
    this.bob.postMessage(run);
    const theirs = once(this.bob, "message");
    this.channel += run.blocks;
    const mine = await reconcileHalf("asAlice", this.connection, executor, wordsOf(run).alice, run);
    const [bob] = (await theirs) as [Half];
    return { ...mine, rounds: bob.rounds, choice: { ...bob.choice, auto: mine.choice.auto } };
  }

  async close(): Promise<void> {
    await this.connection.shutdown();
    await once(this.bob, "exit");
    await this.way.terminate();
  }
}

function thread(start: Start): Worker {
  return new Worker(new URL("./latency-thread.js", import.meta.url), { workerData: start });
}
