/** A secret key as it leaves the engine, and where it goes (CONTRACT.md, "Library"). */

export interface SecretKey {
  /** UUID, random, the same at both ends; never derived from the key. */
  readonly id: string;
  /** Bit i is bit i mod 8 of byte ⌊i/8⌋. */
  readonly bytes: Uint8Array;
  readonly bits: number;
  readonly link: string;
  readonly block: number;
  /** What the block's key may fail by; a key assembled from blocks carries the sums (FORMULAS.md 10). */
  readonly epsilon: { readonly secrecy: number; readonly correctness: number; readonly authentication: number };
  readonly proof: string;
  /** `variable` or `fixed` length (FORMULAS.md 10); kept apart. */
  readonly length: "variable" | "fixed";
  /** `one-way` or `pattern-public` (FORMULAS.md 5b). */
  readonly accounting: string;
  /** What the proof takes for granted, in words. */
  readonly assumptions: readonly string[];
  /** `wegman-carter` or `computational-ed25519`. */
  readonly authentication: string;
  /** What amplified the block: `modified-toeplitz`, [I | T]; `toeplitz`, T alone, in keys of earlier versions. */
  readonly hash: "modified-toeplitz" | "toeplitz";
  /** Digest of everything said in the block, where this end keeps it. */
  readonly transcript?: string;
  readonly createdAt: string;
  readonly software: string;
}

/**
 * Called after both ends committed. May be repeated after a crash with the same id and equal bytes: a sink stores an id
 * once. Resolves only when the key is as safe as the sink can make it; `bytes` are wiped then.
 *
 * A throw ends the run, after the blocks under way: no new one is begun, and `run()` rejects with the sink's QkdError or
 * KEY_SINK_FAILED. The key is safe in the state: a run started again on it stores what was not. A `store` that has not
 * returned ten seconds after the run was stopped is waited for no longer.
 */
export interface KeySink {
  store(key: SecretKey): Promise<void>;
}

/** What a block gives: keys for the sink, and pads for the authentication pool where the link replenishes it. */
export interface BlockKeys {
  readonly keys: readonly SecretKey[];
  readonly deposit?: Deposit;
  /** What reports and audit are to say of the block: as durable as its keys. */
  readonly record?: BlockRecord;
}

/** JSON: the block's report row and, where there is one, its line of the audit. */
export interface BlockRecord {
  readonly row: Readonly<Record<string, unknown>>;
  readonly audit?: Readonly<Record<string, unknown>>;
}

export interface Deposit {
  /** Where in the pool: the same at both ends, no other block's over the pool's life. */
  readonly slot: number;
  readonly bytes: Uint8Array;
}

/** The pool as blocks fill it (keys/pool.ts). A slot filled twice with the same bytes is filled once. */
export interface Deposits {
  /** Alice: a slot of this block's own, durably. @throws QkdError FILE_WRITE_FAILED */
  claimSlot(): Promise<number>;
  /** Bob: the slot that Alice names. @throws QkdError CHANNEL_MESSAGE_INVALID */
  expectSlot(slot: number): void;
  /**
   * Key of a block that both ends have prepared and Alice decided; durable when it resolves.
   * @param bytes a multiple of 32, at most 4096 @throws QkdError AUTH_REPLENISH_CONFLICT, FILE_WRITE_FAILED
   */
  fillSlot(slot: number, bytes: Uint8Array): Promise<void>;
  /** The peer has filled it too: its pads may be used. */
  settleSlot(slot: number): void;
}
