/**
 * From two sifted keys of any lab to a secret key: reconcile, verify, bound from the statistics that the user supplies,
 * amplify (CONTRACT.md, `--sifted-alice`). Both halves are here, so both ends' steps run in this process.
 */
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { BitString, byteLength } from "./bits.js";
import { QkdError } from "./errors.js";
import { JsonlSink } from "./keys/jsonl-sink.js";
import { splitKey } from "./keys/split.js";
import type { Link } from "./link.js";
import { keyCount } from "./party.js";
import { systemRandom } from "./random.js";
import type { DistillReport } from "./report/distill-report.js";
import { EpsilonBudget, entropy, grantedBits, secretKeyLength } from "./security/index.js";
import { lengthMode, proofOf } from "./security/proof.js";
import { amplifySeedBits, hashWord } from "./stages/amplify.js";
import { reconcilePair } from "./stages/reconcile/pair.js";
import { verificationTagBits } from "./stages/verify.js";
import { version } from "./version.js";
import type { Executor } from "./workers/executor.js";

export interface SiftedOptions {
  readonly link: Link;
  readonly alice: BitString;
  readonly bob: BitString;
  readonly out: string;
  /** The `input` of `keylength` without leak and tag_bits; absent: no key, the key basis bounds no phase error. */
  readonly statistics?: Readonly<Record<string, unknown>>;
}

export async function distillSifted(executor: Executor, options: SiftedOptions): Promise<DistillReport> {
  const began = performance.now();
  const { link, alice, bob, statistics } = options;
  const { method, mode, accounting } = link.reconciliation;
  const pair = await reconcilePair(executor, { alice, bob, method, mode, accounting });
  const sinks = await Promise.all(
    ["alice", "bob"].map(async (role) => {
      await mkdir(join(options.out, role), { recursive: true });
      return JsonlSink.open(join(options.out, role, "keys.jsonl"));
    }),
  );
  try {
    const leak = pair.leakedBits - verificationTagBits;
    const bound = statistics ? boundOf(link, statistics, leak, alice.length) : undefined;
    const given = bound
      ? grantedBits(lengthMode(link), bound.ell ?? 0, link.keyBits)
      : { bits: 0, reason: "NO_STATISTICS" };
    const reason = pair.reconciled ? given.reason : "NOT_RECONCILED";
    const bits = pair.reconciled ? given.bits : 0;
    if (bits > 0) await release(executor, link, pair, bits, sinks);
    const seconds = (performance.now() - began) / 1000;
    const row = {
      index: 0,
      siftedBits: pair.bits,
      keyBits: pair.bits,
      errors: pair.errors,
      checkBits: 0,
      checkErrors: 0,
      leakedBits: leak,
      efficiency: pair.errors > 0 ? leak / (pair.bits * entropy(pair.errors / pair.bits)) : null,
      frames: pair.frames,
      framesFailed: pair.framesFailed,
      rounds: pair.rounds,
      phaseError: bound?.phi ?? null,
      secretBits: bits,
      keys: bits > 0 ? keyCount({ link }, bits) : 0,
      accounting,
      ...(reason ? { reason } : {}),
      alarms: [],
      leak: pair.leak,
      counts: { key: [pair.bits], check: [], checkErrors: [] },
      choice: pair.choice,
      ...(bound ? { terms: bound.terms } : {}),
      clicks: { singleSifted: null, singleErrors: null, sameBasis: 0, crossBasis: 0, deadTimeVetoed: null },
      seconds: {},
    };
    return {
      link: link.name,
      protocol: link.protocol,
      detections: {},
      siftedBits: pair.bits,
      qber: pair.qber,
      clicks: {
        single: { siftedBits: pair.bits, compared: pair.bits, errors: pair.errors, qber: pair.qber },
        sameBasis: 0,
        crossBasis: 0,
        deadTimeVetoed: 0,
      },
      blocks: [row],
      secretBits: bits,
      keys: row.keys,
      ...(reason ? { reason } : {}),
      authenticationBits: 0,
      netSecretBits: bits,
      warnings: ["sifted keys from files: the statistics are taken as given, nothing was authenticated"],
      seconds: { total: seconds },
    };
  } finally {
    for (const sink of sinks) await sink.close();
  }
}

function boundOf(link: Link, statistics: Readonly<Record<string, unknown>>, leak: number, bits: number) {
  const counts = (statistics.n_key ?? statistics.n) as unknown;
  const total = Array.isArray(counts) ? counts.reduce((sum: number, n) => sum + Number(n), 0) : Number(counts);
  if (total !== bits)
    throw new QkdError(
      "SECURITY_COUNT_INCONSISTENT",
      `The statistics count ${total} key bits, the files hold ${bits}.`,
      { total, bits },
    );
  const { secrecy, correctness } = link.epsilon;
  new EpsilonBudget(secrecy, correctness).verify(bits);
  const shared = { eps_sec: secrecy, eps_cor: correctness, ...statistics, leak, tag_bits: verificationTagBits };
  const patternPublic = link.reconciliation.accounting === "pattern-public" ? { pattern_public: true } : {};
  return secretKeyLength({ proof: proofOf(link), input: { ...shared, ...patternPublic } });
}

async function release(
  executor: Executor,
  link: Link,
  pair: { alice: BitString; bob: BitString },
  bits: number,
  sinks: readonly JsonlSink[],
) {
  const ids = Array.from({ length: keyCount({ link }, bits) }, () => randomUUID());
  const seedBits = amplifySeedBits(pair.alice.length);
  const seed = BitString.adopt(systemRandom(byteLength(seedBits)), seedBits);
  const metadata = {
    link: link.name,
    block: 0,
    epsilon: { ...link.epsilon, authentication: 0 },
    proof: proofOf(link),
    length: link.security.length,
    accounting: link.reconciliation.accounting,
    assumptions: [
      "the statistics supplied with the sifted keys are right",
      "the sifted keys were exchanged over an authenticated channel",
    ],
    authentication: "none: both ends in one process",
    hash: "modified-toeplitz" as const,
    createdAt: new Date().toISOString(),
    software: `qkd-distill ${version}`,
  };
  for (const [i, word] of [pair.alice, pair.bob].entries()) {
    const key = await hashWord(executor, word, seed, bits);
    for (const part of splitKey(key, key.length, ids, metadata).keys) await sinks[i]!.store(part);
    key.zeroise();
  }
}
