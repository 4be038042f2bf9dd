/**
 * The audit of a block: all that a third party needs to recompute its key length (issue 6, item 6), and the
 * recomputation. Records are private (mode 0600): under one-way accounting exact error counts are not public.
 *
 * A count can change without moving ℓ, so a record also holds the bound's intermediate values and a digest of each of its
 * parts: any later change is found, and named. That is no protection against someone who rewrites the whole record.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { QkdError } from "../errors.js";
import { grantedBits, tagEpsilon } from "./budget.js";
import { secretKeyLength } from "./key-length.js";

export const auditVersion = 1;

const count = z.int().min(0);
const counts = z.array(count).min(1).max(4);
const epsilon = z.number().gt(0).lt(1);

export const auditSchema = z.strictObject({
  version: z.literal(auditVersion),
  software: z.string(),
  link: z.string(),
  block: count,
  /** Key-basis bits that went into the hash. */
  keyBits: count,
  protocol: z.string(),
  proof: z.enum(["lim2014-two-decoy", "rusca2018-one-decoy", "tomamichel2012-bbm92"]),
  mode: z.enum(["variable", "fixed"]),
  /** With `fixed`: bits of every block or none. */
  fixedBits: z.int().positive().optional(),
  /** Size of the keys that the block is split into. */
  splitBits: z.int().positive().optional(),
  /** Pads for each direction that a block is to put into the authentication pool, and the bits that this one put. */
  replenish: z.strictObject({ pads: z.int().positive().max(128), bits: count }).optional(),
  accounting: z.enum(["one-way", "pattern-public"]),
  epsilon: z.strictObject({ secrecy: epsilon, correctness: epsilon, authentication: z.number().min(0) }),
  /** Emission settings, strongest first; absent without decoys. */
  intensities: z.array(z.strictObject({ mean: z.number().min(0), probability: z.number() })).optional(),
  counts: z.strictObject({ key: counts, test: counts, testErrors: counts, keyErrors: counts.optional() }),
  ledger: z.array(z.strictObject({ reason: z.string(), bits: count })),
  verification: z.strictObject({ tagBits: count, tags: count }),
  authentication: z.strictObject({
    mode: z.enum(["wegman-carter", "computational-ed25519"]),
    tags: count,
    /** 16-byte blocks of the longer direction of the transcript. */
    transcriptBlocks: count,
  }),
  transcript: z.string(),
  /** Why the block gives no key though the bound may allow it: an alarm, a failed verification. */
  reason: z.string().optional(),
  /** The bound's ℓ, and the bits of key that were made. */
  ell: count,
  secretBits: count,
  createdAt: z.string(),
  /** The bound's values on the way to ℓ: φ, s1, v1 … */
  bound: z.record(z.string(), z.number()),
  /** SHA-256 of each part, shortened. */
  digests: z.record(z.string(), z.string()),
});

export type AuditRecord = z.output<typeof auditSchema>;
/** What the pipeline knows; the rest of the record is computed from it. */
export type AuditFacts = Omit<AuditRecord, "version" | "keyBits" | "ell" | "bound" | "digests">;

/** The record of a block. @throws QkdError SECURITY_* for counts that no length can be given for */
export function auditRecord(facts: AuditFacts): AuditRecord {
  const { ell, bound } = boundOf(facts);
  const record = { version: auditVersion, ...facts, keyBits: total(facts.counts.key), ell, bound } as const;
  return { ...record, digests: digestsOf(record) };
}

export interface Recomputed {
  readonly index: number;
  readonly secretBits: number;
  readonly recomputed: number;
  readonly same: boolean;
  /** What differs, in words. */
  readonly difference?: string;
}

/** From the record's counts, ledger and ε alone. */
export function recompute(record: AuditRecord): Recomputed {
  const { block: index, secretBits } = record;
  const found = differences(record);
  return {
    index,
    secretBits,
    recomputed: found.bits,
    same: found.differences.length === 0,
    ...(found.differences.length > 0 ? { difference: found.differences.join("; ") } : {}),
  };
}

function differences(record: AuditRecord): { bits: number; differences: string[] } {
  const { counts: seen, verification, authentication, epsilon: budget } = record;
  const out: string[] = [];
  const differ = (name: string, recorded: unknown, recomputed: unknown) => {
    if (recorded !== recomputed) out.push(`${name}: recorded ${String(recorded)}, recomputed ${String(recomputed)}`);
  };
  differ("keyBits", record.keyBits, total(seen.key));
  if (authentication.mode === "wegman-carter") {
    const least = authentication.tags > 0 ? authentication.tags * tagEpsilon(0) : 0;
    const most = authentication.tags * tagEpsilon(authentication.transcriptBlocks);
    if (budget.authentication < least * (1 - 1e-9) || budget.authentication > most * (1 + 1e-9))
      out.push(`epsilon.authentication: ${budget.authentication} does not fit ${authentication.tags} tags`);
  }
  const collision = verification.tags > 0 ? (verification.tags * (Math.ceil(record.keyBits / 128) + 1)) / 2 ** 128 : 0;
  if (verification.tags > 0 && verification.tagBits !== 128 * verification.tags)
    out.push(`verification: ${verification.tags} tags do not have ${verification.tagBits} bits`);
  if (collision > budget.correctness) out.push(`epsilon.correctness: verification leaves ${collision}`);
  const digests = digestsOf(record);
  for (const name of new Set([...Object.keys(digests), ...Object.keys(record.digests)]))
    if (digests[name] !== record.digests[name]) out.push(`${name}: altered after it was written`);
  try {
    const { ell, bound } = boundOf(record);
    for (const name of new Set([...Object.keys(bound), ...Object.keys(record.bound)])) {
      const [was, is] = [record.bound[name] ?? Number.NaN, bound[name] ?? Number.NaN];
      if (!(Math.abs(was - is) <= 1e-12 * Math.abs(is))) differ(`bound.${name}`, was, is);
    }
    const mode =
      record.mode === "fixed"
        ? ({ length: "fixed", secretBits: record.fixedBits ?? Number.MAX_SAFE_INTEGER } as const)
        : ({ length: "variable" } as const);
    const { bits, poolBits } =
      record.reason === undefined
        ? grantedBits(mode, ell, record.splitBits, record.replenish?.pads)
        : { bits: 0, poolBits: 0 };
    differ("replenish.bits", record.replenish?.bits ?? 0, poolBits);
    differ("ell", record.ell, ell);
    differ("secretBits", record.secretBits, bits);
    return { bits, differences: out };
  } catch (error) {
    if (!(error instanceof QkdError)) throw error;
    return { bits: 0, differences: [...out, `${error.code}: ${error.message}`] };
  }
}

function boundOf(facts: AuditFacts): { ell: number; bound: Record<string, number> } {
  const { proof, ledger } = facts;
  const {
    ell = 0,
    terms: _terms,
    ...values
  } = secretKeyLength({ proof, input: boundInput(facts, total(ledger.map(({ bits }) => bits))) });
  const bound = Object.entries(values).filter(
    (entry): entry is [string, number] => Number.isFinite(entry[1]) && !/gamma|serfling|published|raw/.test(entry[0]),
  );
  return { ell, bound: Object.fromEntries(bound) };
}

/** Of every part, objects one level down: `counts.key`. */
function digestsOf(record: Omit<AuditRecord, "digests">): Record<string, string> {
  const parts = Object.entries(record).flatMap(([name, value]): [string, unknown][] =>
    name === "digests" || value === undefined
      ? []
      : typeof value === "object" && !Array.isArray(value)
        ? Object.entries(value).map(([inner, part]) => [`${name}.${inner}`, part])
        : [[name, value]],
  );
  const digest = (part: unknown) => createHash("sha256").update(JSON.stringify(part)).digest("hex").slice(0, 16);
  return Object.fromEntries(parts.map(([name, part]) => [name, digest(part)]));
}

function boundInput(record: AuditFacts, leak: number): Record<string, unknown> {
  const { counts: seen, epsilon: budget, verification, proof } = record;
  const common = {
    leak,
    tag_bits: verification.tagBits,
    eps_sec: budget.secrecy,
    eps_cor: budget.correctness,
    pattern_public: record.accounting === "pattern-public",
  };
  if (proof === "tomamichel2012-bbm92")
    return { n: total(seen.key), k: total(seen.test), m: total(seen.testErrors), ...common };
  return {
    mu: record.intensities?.map(({ mean }) => mean),
    p: record.intensities?.map(({ probability }) => probability),
    n_key: seen.key,
    n_test: seen.test,
    m_test: seen.testErrors,
    ...(proof === "rusca2018-one-decoy" ? { m_key: seen.keyErrors ?? seen.key.map(() => 0) } : {}),
    ...common,
  };
}

/**
 * Records of an audit file, one JSON line each; of a block told twice the later line counts.
 * @throws QkdError AUDIT_INVALID naming line and field
 */
export function parseAudit(text: string, file: string): AuditRecord[] {
  const byBlock = new Map<string, AuditRecord>();
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const parsed = auditSchema.safeParse(jsonOf(line));
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0]!;
      throw new QkdError("AUDIT_INVALID", `${file}: line ${i + 1}, ${path.join(".") || "the whole"}: ${message}.`, {
        file,
        line: i + 1,
        field: path.join("."),
      });
    }
    byBlock.set(`${parsed.data.link} ${parsed.data.block}`, parsed.data);
  }
  return [...byBlock.values()];
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
