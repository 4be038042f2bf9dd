/**
 * `method: auto`: Alice chooses LDPC or Cascade for each block by what she expects of both (auto.ts) and says so; Bob
 * follows. The round trip is the shorter of what the session's start took, which includes writing to the disk, and two
 * echoes. Her expectation starts from what was measured here (README, figures) and follows what this process measures;
 * round trips of a block are its own, so bits in flight are the block's, for Cascade at most a wave's.
 */
import { z } from "zod";
import type { BitString } from "../../bits.js";
import { entropy } from "../../security/index.js";
import type { Executor } from "../../workers/executor.js";
import { type AutoChoice, chooseMethod, type MethodModel } from "./auto.js";
import { cascadeReconciler } from "./cascade.js";
import { ldpcReconciler } from "./ldpc.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler } from "./types.js";

const echoSchema = z.strictObject({});
const echoes = 2;
const methodSchema = z.strictObject({ method: z.enum(["ldpc", "cascade"]) });
const methods = { ldpc: ldpcReconciler, cascade: cascadeReconciler } as const;
type Method = keyof typeof methods;

/** QBER, then efficiency, of both methods as measured; between them linear. */
const efficiencies = {
  cascade: { 0.005: 1.037, 0.01: 1.036, 0.03: 1.04, 0.05: 1.052, 0.08: 1.065, 0.11: 1.074 },
  throughput: { 0.005: 1.26, 0.01: 1.21, 0.02: 1.175, 0.05: 1.15, 0.08: 1.146 },
  efficiency: { 0.005: 1.13, 0.01: 1.107, 0.02: 1.093, 0.05: 1.085, 0.08: 1.086 },
} as const;
/** Bits a second of the slower end, before this process has measured its own. */
const firstSpeeds = { cascade: 120e6, throughput: 35e6, efficiency: 6e6 } as const;
const waveBits = 32 * 2 ** 18;
const roundTrips = { cascade: 120, throughput: 2, efficiency: 8 } as const;

const measured = new WeakMap<Executor, Map<Method, number>>();

export const autoReconciler: Reconciler = {
  async asAlice(context, word, options) {
    if (options.accounting === "one-way") return withChoice(ldpcReconciler, "asAlice", context, word, options);
    const measuredOptions = { ...options, roundTripSeconds: await roundTrip(context, options) };
    const choice = choose(context, word, measuredOptions);
    await context.channel.send("reconcile-method", { method: choice.method });
    return withChoice(methods[choice.method], "asAlice", context, word, measuredOptions, choice);
  },
  async asBob(context, word, options) {
    if (options.accounting === "one-way") return withChoice(ldpcReconciler, "asBob", context, word, options);
    for (let i = 0; i < echoes; i++) {
      await context.channel.receive("reconcile-echo", echoSchema);
      await context.channel.send("reconcile-echo", {});
    }
    const { method } = await context.channel.receive("reconcile-method", methodSchema);
    return withChoice(methods[method], "asBob", context, word, options, { ...choose(context, word, options), method });
  },
};

async function roundTrip({ channel }: ReconcileContext, options: ReconcileOptions): Promise<number> {
  let least = options.roundTripSeconds ?? Number.POSITIVE_INFINITY;
  for (let i = 0; i < echoes; i++) {
    const began = performance.now();
    await channel.send("reconcile-echo", {});
    await channel.receive("reconcile-echo", echoSchema);
    least = Math.min(least, (performance.now() - began) / 1000);
  }
  return least;
}

function choose(context: ReconcileContext, word: BitString, options: ReconcileOptions): AutoChoice {
  const speeds = measured.get(context.executor);
  const { qber, accounting, roundTripSeconds = 0 } = options;
  const ldpcMode = options.mode === "efficiency" ? "efficiency" : "throughput";
  const model = (kind: keyof typeof efficiencies, method: Method): MethodModel => ({
    efficiency: between(efficiencies[kind], qber),
    bitsPerSecond: speeds?.get(method) ?? firstSpeeds[kind],
    roundTrips: roundTrips[kind] * (method === "cascade" ? Math.max(1, word.length / waveBits) : 1),
  });
  return chooseMethod({
    qber,
    accounting,
    roundTripSeconds,
    bitsInFlight: word.length,
    yieldPerBit: 1 - entropy(Math.min(0.5, qber)),
    ldpc: model(ldpcMode, "ldpc"),
    cascade: model("cascade", "cascade"),
  });
}

async function withChoice(
  reconciler: Reconciler,
  half: keyof Reconciler,
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
  choice?: AutoChoice,
): Promise<ReconcileOutcome> {
  const began = performance.now();
  const outcome = await reconciler[half](context, word, options);
  const seconds = (performance.now() - began) / 1000 - outcome.rounds * (options.roundTripSeconds ?? 0);
  const method: Method = reconciler === cascadeReconciler ? "cascade" : "ldpc";
  // Short blocks measure the start of workers and the other blocks' work, not the decoder.
  if (word.length > 2 ** 18 && seconds > 0) learn(context.executor, method, word.length / seconds);
  const auto = choice ?? { method, why: "one-way accounting excludes Cascade" };
  return { ...outcome, choice: { ...outcome.choice, auto } };
}

function learn(executor: Executor, method: Method, speed: number): void {
  const speeds = measured.get(executor) ?? new Map<Method, number>();
  measured.set(executor, speeds);
  const known = speeds.get(method);
  speeds.set(method, known === undefined ? speed : 0.7 * known + 0.3 * speed);
}

function between(points: Readonly<Record<number, number>>, x: number): number {
  const known = Object.entries(points)
    .map(([at, value]) => ({ at: Number(at), value }))
    .sort((a, b) => a.at - b.at);
  const next = known.findIndex(({ at }) => at >= x);
  if (next === 0) return known[0]!.value;
  if (next < 0) return known.at(-1)!.value;
  const [a, b] = [known[next - 1]!, known[next]!];
  return a.value + ((x - a.at) / (b.at - a.at)) * (b.value - a.value);
}
