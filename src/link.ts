/**
 * The link description (CONTRACT.md, "Link description"): the one schema, its defaults, and the checks between fields.
 * Every field's `describe` is its line in README's table. Both ends must hold the same description: `linkDigest`.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Role } from "./channel/types.js";
import { dumpFormats, type OpenOptions } from "./dumps/types.js";
import { QkdError } from "./errors.js";

const picoseconds = z.union([z.int(), z.string().regex(/^-?\d+$/)]).transform(Number);
const fractionalPicoseconds = z
  .union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/)])
  .transform(Number)
  .pipe(z.number().positive());
const probability = z.number().gt(0).lt(1);
const basis = z.enum(["Z", "X"]);

const publicKey = z.base64().length(44);

const detector = z.strictObject({
  channel: z.int().min(0).max(255).describe("channel code as `inspect` prints it"),
  basis: basis.describe("basis that a click of this detector means"),
  bit: z.union([z.literal(0), z.literal(1)]).describe("bit that a click of this detector means"),
});

/** How an end's file is read: its own affair, so that the other end need not have the same. */
const reading = {
  columns: z
    .array(z.string().min(1))
    .min(1)
    .max(256)
    .optional()
    .describe("csv: columns in order, as time, channel (others skipped); parquet, hdf5: names of those two"),
  unit: z.enum(["ps", "ns", "s"]).optional().describe("unit of times that the format does not say (csv, tables, u64)"),
  tickPs: fractionalPicoseconds
    .optional()
    .describe("qutag, qutag_raw, u64: length of a tick, ps, where it is not 1 (quTAU: 80.955)"),
  referencePeriodPs: picoseconds
    .pipe(z.int().min(1))
    .optional()
    .describe("idq_pairs: period of the reference channel, ps"),
};

const end = z.strictObject({
  format: z
    .enum(["auto", ...dumpFormats])
    .default("auto")
    .describe("dump format, `auto` by content, or `preparation` for a source's record"),
  ...reading,
  detectors: z.array(detector).min(2).optional().describe("the detectors; the first one is the reference for delays"),
  clockChannel: z
    .strictObject({
      channel: z.int().min(0).max(255).describe("channel of the source's clock"),
      everyPulses: z.int().min(1).describe("a clock event every this many pulses"),
    })
    .optional()
    .describe("channel that carries the source's clock; without it the clock comes from the data"),
  deadTimePs: picoseconds
    .pipe(z.number().min(0))
    .optional()
    .describe(
      "after an accepted click no click of the same party counts for this long (ps); absent: 0, with a warning",
    ),
});

const intensity = z.strictObject({
  name: z.string().min(1).describe("name in reports"),
  mean: z.number().min(0).describe("mean photon number of a pulse"),
  probability: z.number().gt(0).max(1).describe("probability that the source chooses it; 1 where it is the only one"),
});

const simulation = z
  .strictObject({
    lossDb: z.number().min(0).default(0).describe("loss of the channel, dB (bbm92: of each arm)"),
    pairRateHz: z.number().positive().default(400_000).describe("bbm92: pairs a second at the source"),
    efficiency: z
      .strictObject({
        alice: z.number().gt(0).max(1).default(0.25).describe("detection efficiency at Alice (bbm92)"),
        bob: z.number().gt(0).max(1).default(0.2).describe("detection efficiency at Bob"),
      })
      .prefault({}),
    darkCountsHz: z.number().min(0).default(500).describe("dark counts a second of each detector"),
    backgroundHz: z.number().min(0).default(0).describe("background photons a second at each end, over its detectors"),
    jitterPs: z.number().min(0).default(110).describe("sigma of the timing jitter, ps"),
    delaysPs: z
      .array(z.number())
      .default([0, 140, -90, 60])
      .describe("delay of each of Bob's detectors, ps, in the list's order"),
    aliceDelaysPs: z.array(z.number()).default([0, -70, 110, 40]).describe("bbm92: the same at Alice"),
    deadTimePs: z.number().min(0).default(600_000).describe("dead time of each detector, ps"),
    afterpulse: z.number().min(0).lt(1).default(0.006).describe("probability of an afterpulse"),
    afterpulseDecayPs: z
      .number()
      .positive()
      .default(500_000)
      .describe("mean time of an afterpulse past the dead time, ps"),
    receiver: z
      .enum(["passive", "active"])
      .default("passive")
      .describe("basis chosen by each photon at a beam splitter, or once a pulse"),
    receiverBasis: z
      .strictObject({ Z: probability, X: probability })
      .optional()
      .describe("probability of each basis at the receivers; absent: the source's, or 1/2"),
    clockDelayPs: z.number().default(4321).describe("delay of the clock channel, ps"),
    clockMissing: z.number().min(0).lt(1).default(0.002).describe("share of clock events that are missing"),
    misalignment: z
      .strictObject({
        Z: z.number().min(0).max(0.5).default(0.01).describe("error probability of a signal photon in Z"),
        X: z.number().min(0).max(0.5).default(0.015).describe("error probability of a signal photon in X"),
      })
      .prefault({}),
    offsetPs: picoseconds
      .optional()
      .describe("Bob's clock minus Alice's, ps; absent: drawn in ± 1 s, but ± a quarter of the acquisition at most"),
    driftPpb: z.number().optional().describe("relative drift of Bob's clock, ppb; absent: drawn in ± 10 000"),
    driftWanderPpb: z.number().min(0).default(0).describe("amplitude of the slow change of the drift, ppb"),
    driftWanderHz: z.number().positive().default(0.1).describe("frequency of that change, Hz"),
    wanderPs: z.number().min(0).default(80).describe("amplitude of a slow (0.7 Hz) wander of Bob's clock, ps"),
    dopplerPpm: z
      .number()
      .min(0)
      .max(50)
      .default(0)
      .describe("offset rate at the start of a pass, ppm, to minus it at the end"),
    pauses: z
      .array(z.strictObject({ end: z.enum(["alice", "bob"]), fromSeconds: z.number(), toSeconds: z.number() }))
      .max(1000)
      .default([])
      .describe("stretches of an end's own clock that its tagger does not record"),
    formats: z
      .strictObject({ alice: z.string().optional(), bob: z.string().optional() })
      .prefault({})
      .describe("dump formats written where the ends say `auto`; default ptu"),
  })
  .describe("what `simulate` and `plan` read; the pipeline never does");

const linkSchema = z.strictObject({
  version: z.literal(1).describe("version of this description"),
  name: z.string().min(1).max(128).describe("name of the link, in every key and report"),
  protocol: z.enum(["bb84-two-decoy", "bb84-one-decoy", "bb84-single-photon", "bbm92"]).describe("protocol and proof"),
  keyBasis: basis.default("Z").describe("basis that makes key; the other one is revealed"),
  epsilon: z
    .strictObject({
      secrecy: probability.default(1e-9).describe("secrecy epsilon of a block"),
      correctness: probability.default(1e-15).describe("correctness epsilon of a block"),
    })
    .prefault({}),
  security: z
    .strictObject({
      length: z.enum(["variable", "fixed"]).default("variable").describe("FORMULAS.md 10"),
      secretBits: z.int().positive().optional().describe("with `fixed`: bits of every block, or none"),
    })
    .prefault({}),
  source: z
    .strictObject({
      pulsePeriodPs: fractionalPicoseconds.describe("pulse period, ps, decimals allowed"),
      basisProbability: z
        .strictObject({ Z: probability, X: probability })
        .default({ Z: 0.5, X: 0.5 })
        .describe("probability of each basis"),
      intensities: z
        .array(intensity)
        .min(1)
        .max(4)
        .describe("strongest first; the index is the preparation record's code"),
    })
    .optional()
    .describe("prepare-and-measure only"),
  alice: end.prefault({}),
  bob: end.prefault({}),
  window: z
    .strictObject({ halfWidthPs: picoseconds.pipe(z.number().positive()).describe("half width, ps, inclusive") })
    .optional()
    .describe("gate or coincidence window after delay correction; absent: chosen by FORMULAS.md 9"),
  correlation: z.enum(["equal", "opposite"]).optional().describe("bbm92: bits of a pair in the same basis"),
  reconciliation: z
    .strictObject({
      method: z.enum(["ldpc", "cascade", "auto"]).default("ldpc"),
      mode: z.enum(["throughput", "efficiency", "auto"]).default("auto"),
      accounting: z.enum(["one-way", "pattern-public"]).default("one-way").describe("FORMULAS.md 5b"),
    })
    .prefault({}),
  blocks: z
    .strictObject({
      pulses: z.int().positive().optional().describe("prepare-and-measure: emitted pulses of a block"),
      seconds: z.number().positive().optional().describe("bbm92: clock time of a block"),
    })
    .prefault({})
    .describe("how blocks are cut; absent: the whole dump is one block"),
  keyBits: z.int().positive().optional().describe("split a block's key into keys of this many bits"),
  authentication: z
    .strictObject({
      mode: z
        .enum(["wegman-carter", "computational-ed25519"])
        .default("wegman-carter")
        .describe("one-time pads from a pre-shared key, or signatures (not information-theoretic)"),
      publicKeys: z
        .strictObject({
          alice: publicKey.describe("Alice's Ed25519 key, 32 bytes in base64, as `keypair` prints it"),
          bob: publicKey.describe("Bob's"),
        })
        .optional()
        .describe("with `computational-ed25519`"),
      replenish: z
        .int()
        .min(0)
        .max(128)
        .default(0)
        .describe(
          "pads for each direction that every block's key puts into the pool, taken from what goes to the sink",
        ),
    })
    .prefault({}),
  qberLimit: z.number().gt(0).max(0.5).default(0.11).describe("a block above this QBER in either basis gives no key"),
  alarms: z
    .strictObject({
      doubleClickRate: z.number().gt(0).max(1).default(0.05).describe("largest share of slots with several clicks"),
      bitImbalance: z.number().gt(0).max(0.5).default(0.1).describe("largest |share of ones − 1/2| in a basis"),
      efficiencyRatio: z.number().gt(1).default(2.5).describe("largest ratio between two detectors' counts"),
      basisImbalance: z
        .number()
        .gt(0)
        .max(1)
        .default(0.2)
        .describe("largest deviation of the check basis' share from its mean in earlier blocks"),
      qberJump: z
        .number()
        .gt(0)
        .max(0.5)
        .default(0.05)
        .describe("largest change of the test-basis QBER between blocks"),
      rateChange: z.number().gt(1).default(5).describe("largest ratio of the detection rate between blocks"),
      intensityRatio: z
        .number()
        .gt(0)
        .default(0.25)
        .describe("largest relative deviation of an intensity's share in Alice's record from its probability"),
      delayDriftPs: z
        .number()
        .gt(0)
        .default(500)
        .describe("largest distance between detectors' mean times after delay correction, ps"),
      siftedRatio: z
        .number()
        .gt(0)
        .max(1)
        .default(0.05)
        .describe("largest deviation of the share of equal bases from what both ends' shares of bases give"),
    })
    .prefault({})
    .describe("a block that crosses one is discarded at both ends"),
  simulation: simulation.optional(),
});

export type LinkInput = z.input<typeof linkSchema>;
export type Link = z.output<typeof linkSchema>;
export type Detector = z.output<typeof detector>;
export type Simulation = z.output<typeof simulation>;
export type Protocol = Link["protocol"];

export const simulationDefaults: Simulation = simulation.parse({});

/** @throws QkdError LINK_CONFIG_INVALID naming the field and what to do */
export function parseLink(input: unknown, file?: string): Link {
  const parsed = linkSchema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const unknown = issue.code === "unrecognized_keys" ? issue.keys : [];
    throw invalid([...issue.path, ...unknown].join(".") || "(root)", issue.message, file);
  }
  const link = parsed.data;
  const fault = contradiction(link);
  if (fault) throw invalid(fault[0], fault[1], file);
  return link;
}

function contradiction(link: Link): [field: string, why: string] | undefined {
  if (link.protocol === "bbm92") {
    if (link.source) return ["source", "bbm92 has no prepare-and-measure source"];
    if (!link.alice.detectors) return ["alice.detectors", "bbm92 needs Alice's detectors"];
    if (!link.bob.detectors) return ["bob.detectors", "bbm92 needs Bob's detectors"];
    if (!link.correlation) return ["correlation", "bbm92 needs `equal` or `opposite`"];
    if (link.blocks.pulses) return ["blocks.pulses", "bbm92 blocks are cut by `seconds`"];
  } else {
    const source = link.source;
    if (!source) return ["source", `${link.protocol} needs a source`];
    if (!link.bob.detectors) return ["bob.detectors", "Bob's detectors are missing"];
    if (link.blocks.seconds) return ["blocks.seconds", "prepare-and-measure blocks are cut by `pulses`"];
    if (link.alice.detectors) return ["alice.detectors", "Alice has a preparation record, no detectors"];
    if (link.correlation) return ["correlation", "only bbm92 has a correlation"];
    if (link.alice.format === "auto") link.alice.format = "preparation";
    const fault = intensityFault(link.protocol, source.intensities);
    if (fault) return ["source.intensities", fault];
    if (Math.abs(source.basisProbability.Z + source.basisProbability.X - 1) > 1e-9)
      return ["source.basisProbability", "the probabilities do not sum to 1"];
  }
  for (const [name, party] of [
    ["alice", link.alice],
    ["bob", link.bob],
  ] as const) {
    const channels = [
      ...(party.detectors ?? []).map((d) => d.channel),
      ...(party.clockChannel ? [party.clockChannel.channel] : []),
    ];
    if (new Set(channels).size !== channels.length) return [`${name}.detectors`, "a channel is named twice"];
    const told = Object.keys(ownReading(party));
    if (party.format === "preparation" && told.length > 0)
      return [`${name}.${told[0]}`, "a preparation record has neither columns nor times"];
    const bases = new Set((party.detectors ?? []).map((d) => d.basis));
    if (party.detectors && bases.size !== 2) return [`${name}.detectors`, "both bases need detectors"];
  }
  const { mode, publicKeys } = link.authentication;
  if (mode === "computational-ed25519" && !publicKeys)
    return ["authentication.publicKeys", "signatures need both ends' public keys"];
  if (mode === "computational-ed25519" && link.authentication.replenish > 0)
    return ["authentication.replenish", "signatures use no pads"];
  if (mode === "wegman-carter" && publicKeys)
    return ["authentication.publicKeys", "one-time pads need none; they come from --auth-key"];
  if (publicKeys && publicKeys.alice === publicKeys.bob)
    return ["authentication.publicKeys", "the two ends need different keys"];
  const { method, accounting } = link.reconciliation;
  if (method === "cascade" && accounting === "one-way")
    return ["reconciliation.accounting", "cascade needs `pattern-public` (FORMULAS.md 5b)"];
  if (link.security.length === "fixed" && !link.security.secretBits)
    return ["security.secretBits", "a fixed length needs its number of bits"];
  if (link.security.length === "variable" && link.security.secretBits)
    return ["security.secretBits", "only a fixed length has a number of bits"];
  return undefined;
}

function intensityFault(
  protocol: Protocol,
  list: readonly { mean: number; probability: number }[],
): string | undefined {
  const wanted = protocol === "bb84-two-decoy" ? 3 : protocol === "bb84-one-decoy" ? 2 : 1;
  if (list.length !== wanted) return `${protocol} has ${wanted} intensities, ${list.length} are given`;
  const mean = list.map((i) => i.mean);
  if (wanted > 1) {
    const sum = list.reduce((total, i) => total + i.probability, 0);
    if (Math.abs(sum - 1) > 1e-9) return `the probabilities sum to ${sum}, not 1`;
  }
  if (wanted === 3 && !(mean[0]! > mean[1]! + mean[2]! && mean[1]! > mean[2]!))
    return "a decoy bound needs mean[0] > mean[1] + mean[2] and mean[1] > mean[2] ≥ 0, strongest first";
  if (wanted === 2 && !(mean[0]! > mean[1]! && mean[1]! > 0))
    return "one decoy needs mean[0] > mean[1] > 0, strongest first";
  return undefined;
}

function invalid(field: string, why: string, file?: string): QkdError {
  return new QkdError("LINK_CONFIG_INVALID", `${file ?? "link description"}: field ${field}: ${why}`, {
    field,
    ...(file ? { file } : {}),
  });
}

/** What an end's description says of how its own file is read. */
export function ownReading(party: Link[Role]): OpenOptions {
  return Object.fromEntries(Object.entries(party).filter(([field, value]) => field in reading && value !== undefined));
}

/** SHA-256 of every top-level field that both ends must agree on, so that a mismatch can be named. */
export function linkDigests(link: Link): Record<string, string> {
  const { simulation: _simulation, alice, bob, ...rest } = link;
  const shared = { ...rest, alice: withoutReading(alice), bob: withoutReading(bob) };
  return Object.fromEntries(
    Object.entries(shared)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => [
        field,
        createHash("sha256")
          .update(JSON.stringify(sorted(value)))
          .digest("hex"),
      ]),
  );
}

/** The rest: formats as the simulator writes them need no telling, the other end need not know. */
export function withoutReading(party: Link[Role]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(party).filter(([field]) => !(field in reading)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

export interface LinkField {
  readonly field: string;
  readonly meaning: string;
  /** What holds where the field is absent. */
  readonly fallback: string;
}

/** Every field with its meaning and default, from the schema itself: README's table. */
export function linkFields(): LinkField[] {
  const json = z.toJSONSchema(linkSchema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return fieldsOf(json, "");
}

interface JsonSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

function fieldsOf(schema: JsonSchema, prefix: string): LinkField[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const field = prefix + name;
    const nested = inner.properties
      ? fieldsOf(inner, `${field}.`)
      : inner.items?.properties
        ? fieldsOf(inner.items, `${field}[].`)
        : [];
    const choices = inner.enum ? inner.enum.join(", ") : "";
    const meaning = [inner.description, choices].filter(Boolean).join(": ");
    if (nested.length > 0 && !inner.description) return nested;
    const fallback =
      inner.default !== undefined
        ? `\`${JSON.stringify(inner.default)}\``
        : schema.required?.includes(name)
          ? "required"
          : "none";
    return [{ field, meaning, fallback }, ...nested];
  });
}
