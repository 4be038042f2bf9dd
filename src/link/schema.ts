/**
 * The link description's schema (CONTRACT.md, "Link description") with its defaults. Every field's `describe` is its line
 * in README's table.
 */
import { z } from "zod";
import { end } from "./end.js";
import { basis, fractionalPicoseconds, picoseconds, probability } from "./scalars.js";
import { simulation } from "./simulation.js";

const publicKey = z.base64().length(44);

const intensity = z.strictObject({
  name: z.string().min(1).describe("name in reports"),
  mean: z.number().min(0).describe("mean photon number of a pulse"),
  probability: z.number().gt(0).max(1).describe("probability that the source chooses it; 1 where it is the only one"),
});

export const linkSchema = z.strictObject({
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
export type Protocol = Link["protocol"];
