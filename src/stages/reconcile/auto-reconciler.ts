/**
 * `method: auto`: Alice chooses LDPC or Cascade for each block by what she expects of both (auto.ts) and says so; Bob
 * follows. Where the link's mode is `auto` too, so is LDPC's. The round trip is what blocks before have seen: Cascade has
 * so many of them that it knows. The first block has what the session's start took, which includes writing to the disk,
 * and LDPC learns nothing: where a shorter one would change the choice, she asks for echoes first, now and then. Her
 * expectation starts from what was measured here (README, figures) and follows what this process measures.
 */
import { z } from "zod";
import type { BitString } from "../../bits.js";
import { QkdError } from "../../errors.js";
import { entropy } from "../../security/index.js";
import type { Executor } from "../../workers/executor.js";
import { type AutoChoice, type Candidate, chooseMethod, nameOf } from "./auto.js";
import { bothOf } from "./both.js";
import { cascadeReconciler } from "./cascade.js";
import { fewTrips, lanesFor, planFrames, planWaves } from "./cascade-frames.js";
import { blocksInWork, coreSeconds, othersInWork, whileInWork } from "./in-work.js";
import { ldpcReconciler } from "./ldpc.js";
import { roundTripIs, roundTripSeen, tripsInTurn, wavesInFlight } from "./round-trip.js";
import type { ReconcileContext, ReconcileOptions, ReconcileOutcome, Reconciler, ReconciliationMode } from "./types.js";

const echoSchema = z.strictObject({});
const mostEchoes = 2;
/** An echo costs a round trip: so many blocks of LDPC before the next. */
const blocksOfEcho = 8;
/** The session's start measures at most so much too much. */
const startSeconds = 0.05;
const unknownSeconds = 10;
const modes = ["auto", "throughput", "efficiency"] as const;
const methodSchema = z.union([
  z.strictObject({ method: z.literal("echo") }),
  z.strictObject({ method: z.literal("cascade") }),
  z.strictObject({ method: z.literal("ldpc"), mode: z.enum(modes) }),
]);
const methods = { ldpc: ldpcReconciler, cascade: cascadeReconciler } as const;

/** QBER, then what was measured here; between two, linear. */
interface Expected {
  readonly efficiency: Readonly<Record<number, number>>;
  /** Bits a second of the slower end, LDPC's a worker, before this process has measured its own. */
  readonly speed: Readonly<Record<number, number>>;
  /** Of a wave or of the block. */
  readonly roundTrips: Readonly<Record<number, number>>;
}
const cascadeExpected: Expected = {
  efficiency: { 0.005: 1.037, 0.01: 1.036, 0.03: 1.04, 0.05: 1.052, 0.08: 1.065, 0.11: 1.074 },
  speed: { 0.01: 150e6, 0.03: 95e6 },
  roundTrips: { 0.005: 160, 0.01: 138, 0.03: 145, 0.05: 92 },
};
/** With smaller blocks of parities (cascadeParameters, `few`). */
const cascadeFewExpected: Omit<Expected, "speed"> = {
  efficiency: {
    0.002: 1.093,
    0.005: 1.067,
    0.01: 1.072,
    0.02: 1.08,
    0.03: 1.053,
    0.05: 1.075,
    0.08: 1.12,
    0.11: 1.096,
  },
  roundTrips: { 0.01: 50, 0.015: 74, 0.02: 42, 0.03: 64, 0.05: 44, 0.08: 30 },
};
const ldpcExpected: Readonly<Record<ReconciliationMode, Expected>> = {
  throughput: {
    efficiency: { 0.005: 1.26, 0.01: 1.207, 0.03: 1.167, 0.05: 1.15, 0.08: 1.147 },
    speed: { 0.005: 64e6, 0.01: 70e6, 0.03: 60e6 },
    roundTrips: { 0.01: 1 },
  },
  auto: {
    efficiency: { 0.005: 1.15, 0.01: 1.141, 0.03: 1.112, 0.08: 1.102 },
    speed: { 0.01: 24e6, 0.03: 21e6, 0.05: 18e6, 0.08: 13e6 },
    roundTrips: { 0.005: 8, 0.01: 4, 0.03: 4, 0.08: 6 },
  },
  efficiency: {
    efficiency: { 0.005: 1.13, 0.01: 1.104, 0.02: 1.093, 0.05: 1.085, 0.08: 1.086 },
    speed: { 0.01: 10e6, 0.08: 9e6 },
    roundTrips: { 0.01: 7, 0.08: 10 },
  },
};

/** What this process has measured over what is expected, of whatever method: what slows one slows the other. */
interface Pace {
  readonly ofExpected: number;
  /** When each candidate's first block ended, ms: what began before has paid for threads, codes and compilation as well. */
  readonly warm: Map<string, number>;
}

const paces = new WeakMap<Executor, Pace>();

export const autoReconciler: Reconciler = {
  asAlice: (context, word, options) =>
    whileInWork(context, "alice", async () => {
      if (options.accounting === "one-way") return withChoice("asAlice", context, word, options, oneWay);
      const choice = await decide(context, word, options);
      const { method, mode, roundTripSeconds = 0 } = choice;
      await context.channel.send("reconcile-method", method === "ldpc" ? { method, mode } : { method });
      return withChoice("asAlice", context, word, { ...options, roundTripSeconds }, choice);
    }),
  async asBob(context, word, options) {
    if (options.accounting === "one-way") return withChoice("asBob", context, word, options, oneWay);
    const said = await heard(context);
    return whileInWork(context, "bob", async () => {
      const choice = { ...choose(context, word, options), mode: undefined, ...said };
      return withChoice("asBob", context, word, options, choice);
    });
  },
  async asBoth(contexts, words, options) {
    const near = { ...options, roundTripSeconds: 0 };
    const { alice } = contexts;
    const choice = options.accounting === "one-way" ? oneWay : choose(alice, words.alice, near);
    const { method, mode = options.mode } = choice as Chosen;
    const begin = beginOf(alice);
    const both = await bothOf(methods[method])(contexts, words, { ...near, mode });
    learnFrom(alice, words.alice, { ...near, mode }, method, both.alice, begin);
    const told = (outcome: ReconcileOutcome) => ({ ...outcome, choice: { ...outcome.choice, auto: choice } });
    return { alice: told(both.alice), bob: told(both.bob) };
  },
};

const oneWay = { method: "ldpc", why: "one-way accounting excludes Cascade" } as const;

async function heard({ channel }: ReconcileContext) {
  for (let echoes = 0; ; echoes++) {
    const said = await channel.receive("reconcile-method", methodSchema);
    if (said.method !== "echo") return said;
    if (echoes === mostEchoes) throw new QkdError("CHANNEL_MESSAGE_INVALID", "Alice asks for an echo too many.");
    await channel.send("reconcile-echo", {});
  }
}

async function decide(context: ReconcileContext, word: BitString, options: ReconcileOptions): Promise<AutoChoice> {
  const at = (roundTripSeconds: number) => choose(context, word, { ...options, roundTripSeconds });
  const known = roundTripSeen(context);
  if (known && ++known.blocks < blocksOfEcho) return at(known.seconds);
  let longest = known?.seconds ?? options.roundTripSeconds ?? unknownSeconds;
  let shortest = known ? 0 : Math.max(0, longest - (options.roundTripSeconds === undefined ? longest : startSeconds));
  for (let i = 0; ; i++) {
    const choice = at(longest);
    if (i === mostEchoes || nameOf(choice) === nameOf(at(shortest))) return choice;
    const began = performance.now();
    await context.channel.send("reconcile-method", { method: "echo" });
    await context.channel.receive("reconcile-echo", echoSchema);
    const seconds = (performance.now() - began) / 1000;
    longest = i === 0 ? seconds : Math.min(longest, seconds);
    roundTripIs(context, longest);
    // Bob may have had something else to do first.
    shortest = longest / 2;
  }
}

function choose(context: ReconcileContext, word: BitString, options: ReconcileOptions): AutoChoice {
  const { executor } = context;
  const { qber, accounting, mode, roundTripSeconds = 0, sourceSeconds = 0, windowed = false } = options;
  const bits = word.length;
  const candidate = (
    expected: Omit<Expected, "speed">,
    named: Pick<Candidate, "method" | "mode">,
    { cycles = 1, lanes = 1 } = {},
  ): Candidate => ({
    ...named,
    efficiency: between(expected.efficiency, qber),
    bitsPerSecond: (paces.get(executor)?.ofExpected ?? 1) * expectedSpeed(named, executor, qber),
    roundTrips: cycles * between(expected.roundTrips, qber),
    lanes,
  });
  const ldpc = (mode: ReconciliationMode) => candidate(ldpcExpected[mode], { method: "ldpc", mode });
  const cascade = (others: number) => {
    const lanes = lanesFor(bits, { roundTripSeconds }, others);
    const expected = fewTrips(bits, options, others) ? cascadeFewExpected : cascadeExpected;
    const waves = Math.max(1, planWaves(planFrames(bits).words.length, lanes).length);
    const together = { cycles: Math.ceil(waves / lanes), lanes: overlapping(waves, lanes) };
    return candidate(expected, { method: "cascade" }, together);
  };
  const now = othersInWork(context);
  const othersOf = ({ roundTrips, bitsPerSecond }: Candidate) =>
    windowed ? blocksInWork(roundTrips * roundTripSeconds, bits / bitsPerSecond) - 1 : now;
  const inTheEnd = (one: Candidate) => ({ ...one, otherBlocks: othersOf(one) });
  return chooseMethod({
    qber,
    accounting,
    roundTripSeconds,
    sourceSeconds,
    bits,
    yieldPerBit: 1 - entropy(Math.min(0.5, qber)),
    candidates: [
      // Beside more blocks it takes fewer waves.
      inTheEnd(cascade(othersOf(cascade(now)))),
      ...modes.filter((one) => mode === "auto" || one === mode).map((one) => inTheEnd(ldpc(one))),
    ],
  });
}

/** Waves that all start together are heavy together: only those that follow compute while others wait. */
function overlapping(waves: number, lanes: number): number {
  return waves > lanes ? lanes : 1;
}

type Chosen = Omit<AutoChoice, "mode" | "secretBitsPerSecond"> & {
  readonly mode?: ReconciliationMode | undefined;
  readonly secretBitsPerSecond?: AutoChoice["secretBitsPerSecond"];
};

async function withChoice(
  half: "asAlice" | "asBob",
  context: ReconcileContext,
  word: BitString,
  options: ReconcileOptions,
  auto: Chosen,
): Promise<ReconcileOutcome> {
  const { method, mode = options.mode } = auto;
  const begin = beginOf(context);
  const outcome = await methods[method][half](context, word, { ...options, mode });
  learnFrom(context, word, { ...options, mode }, method, outcome, begin);
  return { ...outcome, choice: { ...outcome.choice, auto } };
}

interface Begin {
  /** ms */
  readonly at: number;
  readonly others: number;
}

function beginOf(context: ReconcileContext): Begin {
  return { at: performance.now(), others: othersInWork(context) };
}

function learnFrom(
  context: ReconcileContext,
  word: BitString,
  { qber, mode, roundTripSeconds = 0 }: ReconcileOptions,
  method: Candidate["method"],
  outcome: ReconcileOutcome,
  begin: Begin,
): void {
  const now = performance.now();
  const seconds = (now - begin.at) / 1000;
  const lanes = outcome.frames > Number(outcome.choice.framesInFlight) ? wavesInFlight(outcome) : 1;
  const waiting = tripsInTurn(outcome) * roundTripSeconds;
  // Short blocks measure the start of workers and the other blocks' work, not the decoder; waiting hides what is short.
  if (word.length <= 2 ** 18 || waiting >= seconds / 4) return;
  const { executor } = context;
  const { ofExpected, warm } = paces.get(executor) ?? { ofExpected: 1, warm: new Map<string, number>() };
  const one = method === "ldpc" ? { method, mode } : { method };
  const named = nameOf(one);
  const isWarm = begin.at >= (warm.get(named) ?? now);
  if (!warm.has(named)) warm.set(named, now);
  // Those that begin together end together.
  const blocks = 1 + Math.max(begin.others, othersInWork(context));
  const seen = isWarm
    ? word.length / coreSeconds(seconds, waiting, blocks, lanes) / expectedSpeed(one, executor, qber)
    : ofExpected;
  paces.set(executor, { ofExpected: 0.7 * ofExpected + 0.3 * seen, warm });
}

/** Bits a second. */
function expectedSpeed({ mode }: Pick<Candidate, "method" | "mode">, { workers }: Executor, qber: number): number {
  return mode ? workers * between(ldpcExpected[mode].speed, qber) : between(cascadeExpected.speed, qber);
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
