/** One end of a link as the library offers it: data, channel, keys in; keys to the sink and a report out. */
import type { OwnData, SourceFacts } from "../block-source.js";
import type { Authenticator } from "../channel/authentication.js";
import type { ConnectionOptions } from "../channel/connection.js";
import type { Transport } from "../channel/tcp.js";
import type { Role } from "../channel/types.js";
import { QkdError } from "../errors.js";
import type { BlockRecord, KeySink } from "../keys/types.js";
import type { Link } from "../link.js";
import type { BlockOutcome } from "../party.js";
import { type RandomSource, systemRandom } from "../random.js";
import { type BlockRow, blockRow, lostRow } from "../report/rows.js";
import { type AuditRecord, auditRecord } from "../security/audit.js";
import { tagEpsilon } from "../security/budget.js";
import { proofOf } from "../security/proof.js";
import type { LostReason } from "../stages/context.js";
import { verificationTagBits } from "../stages/verify.js";
import { version } from "../version.js";
import type { Executor } from "../workers/executor.js";
import type { BlockContext } from "./block.js";
import { releaseKeys } from "./release.js";
import { runSession } from "./run.js";
import { keepSessions } from "./session.js";
import type { RunState } from "./state.js";

export interface RunOptions {
  readonly role: Role;
  /** Of `parseLink`; the same at both ends but for what belongs to one. */
  readonly link: Link;
  /** Opened anew for every connection. */
  data(): Promise<{ readonly data: OwnData; close(): Promise<void> }>;
  readonly transport: Transport;
  readonly authenticator: Authenticator;
  readonly state: RunState;
  readonly sink: KeySink;
  readonly executor: Executor;
  /** Default node:crypto; for tests. */
  readonly random?: RandomSource;
  /**
   * CHANNEL_PEER_ABSENT after so many seconds without a word of the peer, default 60; a peer that is heard and gets nothing
   * done is waited for ten times as long. Two ends in one thread share it: choose more than a block takes to compute.
   */
  readonly waitSeconds?: number;
  readonly connection?: ConnectionOptions;
  /** Ends the run: INTERRUPTED, or with a report where data are followed. */
  readonly signal?: AbortSignal;
  /**
   * The data still grow: a peer that is there but slow is no lack of progress, and the signal ends the run with a report,
   * blocks under way finished.
   */
  readonly growing?: boolean;
  /** A line of the audit for each block that has ended, before its keys go to the sink. A throw ends the run. */
  readonly onAudit?: (record: AuditRecord) => Promise<void>;
  /** A block's row of the report once it has ended. A throw ends the run. */
  readonly onBlock?: (row: BlockRow) => void;
  readonly log?: (event: string, details: Readonly<Record<string, unknown>>) => void;
}

export interface PartyReport {
  readonly role: Role;
  readonly link: string;
  readonly protocol: string;
  readonly blocks: readonly BlockRow[];
  readonly facts: SourceFacts & { readonly reason?: string };
  /** Pads used, bits. */
  readonly authenticationBits: number;
  /** The signal ended it; started again it goes on. */
  readonly interrupted?: true;
}

/** @throws QkdError as the run fails: INTERRUPTED, CHANNEL_*, AUTH_*, DUMP_*, LINK_*, FILE_* … */
export async function runParty(options: RunOptions): Promise<PartyReport> {
  const { role, link, state, sink, authenticator, executor } = options;
  const padded = authenticator.mode === "wegman-carter";
  const deposits = authenticator.deposits ? { deposits: authenticator.deposits } : {};
  let facts = (state.run.facts ?? {}) as PartyReport["facts"];
  const record = (outcome: BlockOutcome, index: number, context: BlockContext): BlockRecord => ({
    row: { ...blockRow(outcome, index, context, link.reconciliation.accounting) },
    audit: audit(outcome, index, context),
  });
  const keep = async ({ row, audit: line }: BlockRecord, index: number) => {
    await options.onAudit?.(line as AuditRecord);
    await state.keepRow(index, row);
  };
  const giveUp = async (block: number, reason: LostReason) => {
    if (state.hasRow(block)) return;
    const row = lostRow(block, reason, state.block(block).leak, link.reconciliation.accounting);
    await state.keepRow(block, { ...row });
    options.onBlock?.(row);
  };
  let interrupted = false;
  const sessions = keepSessions({
    role,
    link,
    transport: options.transport,
    authenticator,
    state,
    waitSeconds: options.waitSeconds ?? 60,
    ...(options.connection ? { connection: options.connection } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.growing ? { growing: true } : {}),
    ...(options.log ? { log: options.log } : {}),
    lose: (block) => giveUp(block, "LOST_AFTER_SEED"),
    release: async (block, use) => {
      const made = await state.prepared.get(block);
      await releaseKeys(state, { sink, ...deposits, keep }, block, made, use);
      for (const { bytes } of [...made.keys, ...(made.deposit ? [made.deposit] : [])]) bytes.fill(0);
    },
    run: (session) =>
      runSession(session, {
        role,
        link,
        data: options.data,
        executor,
        state,
        sink,
        ...deposits,
        random: options.random ?? systemRandom,
        metadata,
        record,
        keep,
        giveUp: async (block) => {
          if (state.block(block).status === "begun" && state.canRetry(block)) await giveUp(block, "GIVEN_UP_BY_PEER");
        },
        onBlock: ({ row }) => options.onBlock?.(row as unknown as BlockRow),
        onFacts: (found) => {
          facts = found;
        },
      }),
  });
  await sessions.catch((error: unknown) => {
    interrupted = options.growing === true && error instanceof QkdError && error.code === "INTERRUPTED";
    if (!interrupted) throw error;
  });
  for (const { block, reason } of state.lost) await giveUp(block, reason);
  await state.keepRun({ facts });
  return {
    role,
    link: link.name,
    protocol: link.protocol,
    blocks: state.rows as unknown as BlockRow[],
    facts,
    authenticationBits: authenticator.consumedBits,
    ...(interrupted ? { interrupted: true } : {}),
  };

  function metadata(index: number) {
    return {
      link: link.name,
      block: index,
      epsilon: { ...link.epsilon, authentication: padded ? 2 * tagEpsilon(2 ** 30) : 0 },
      proof: proofOf(link),
      length: link.security.length,
      accounting: link.reconciliation.accounting,
      assumptions: padded ? assumptionsOf(link) : [...assumptionsOf(link), signaturesHold],
      authentication: authenticator.mode,
      hash: "modified-toeplitz" as const,
      createdAt: new Date().toISOString(),
      software: `qkd-distill ${version}`,
    };
  }

  function audit(outcome: BlockOutcome, index: number, context: BlockContext): AuditRecord {
    const { sifted, secured, keys } = outcome;
    const verified = secured !== undefined;
    const tags = keys.length > 0 ? 2 : 0;
    const reason = secured && !secured.reason ? undefined : outcome.reason;
    return auditRecord({
      software: `qkd-distill ${version}`,
      link: link.name,
      block: index,
      protocol: link.protocol,
      proof: proofOf(link),
      mode: link.security.length,
      ...(link.security.secretBits ? { fixedBits: link.security.secretBits } : {}),
      ...(link.keyBits ? { splitBits: link.keyBits } : {}),
      ...(link.authentication.replenish > 0
        ? { replenish: { pads: link.authentication.replenish, bits: outcome.poolBits ?? 0 } }
        : {}),
      accounting: link.reconciliation.accounting,
      epsilon: { ...link.epsilon, authentication: padded ? tags * tagEpsilon(context.transcriptBlocks) : 0 },
      ...(link.source && link.source.intensities.length > 1
        ? { intensities: link.source.intensities.map(({ mean, probability }) => ({ mean, probability })) }
        : {}),
      counts: {
        key: [...sifted.nKey],
        test: [...sifted.nTest],
        testErrors: [...sifted.mTest],
        ...(verified && outcome.keyErrors?.length === sifted.nKey.length ? { keyErrors: [...outcome.keyErrors] } : {}),
      },
      ledger: context.ledger.entries.map(({ reason: why, bits }) => ({ reason: why, bits })),
      verification: { tagBits: verified ? verificationTagBits : 0, tags: verified ? 1 : 0 },
      authentication: { mode: authenticator.mode, tags, transcriptBlocks: context.transcriptBlocks },
      transcript: context.transcript,
      ...(reason ? { reason } : {}),
      secretBits: keys.reduce((sum, { bits }) => sum + bits, 0),
      createdAt: new Date().toISOString(),
    });
  }
}

/** Without pads the authentication has no ε: it rests on this. */
const signaturesHold = "Ed25519 signatures cannot be forged before the run ends (computational)";

function assumptionsOf(link: Link): string[] {
  const list = [
    "basis and bit choices are uniform at their stated probabilities and independent of the state",
    "detection efficiency is independent of the basis",
    "detectors and sources have no other side channels",
  ];
  if (link.protocol.startsWith("bb84"))
    list.push("phase-randomised pulses with Poisson photon numbers of the stated means");
  if (link.protocol === "bbm92") list.push("Alice's bases are mutually unbiased");
  list.push("active basis choice: passive receivers with clicks across bases are not covered by the proof");
  if (link.reconciliation.accounting === "pattern-public")
    list.push(
      `${link.protocol === "bbm92" ? "both ends'" : "Bob's"} measurements on single photons are those of a qubit (squashing)`,
      "Bob's messages depend on the error pattern and public data alone",
      "dark counts are equal for the detectors of both bases, or noise before the measurement",
    );
  return list;
}
